#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have downloaded files on a host, all in one visit."""

from __future__ import annotations

DOCUMENTATION = r"""
module: downloads
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have downloaded files on a host, all in one visit
version_added: 0.1.0
description:
  - Downloads files and archives at the same time, verifies their digests before anything is put in place, and replaces
    files atomically.
  - A record on the host spares the digest of files that are as an earlier run left them; a file that was altered is
    replaced.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  downloads:
    description: The downloads.
    type: list
    elements: dict
    required: true
    suboptions:
      url:
        description: Where to download it; the lookup P(ai_infn.platform.artifact#lookup) knows.
        type: str
        required: true
      checksum:
        description: Digest of the download, as C(sha256:...).
        type: str
        required: true
      dest:
        description: Path of the file, or the folder to unpack the archive into.
        type: path
        required: true
      mode:
        description: Mode of the file, as an octal string; files of an archive keep theirs.
        type: str
        default: "0755"
      extract:
        description: Whether it is a tar archive to unpack.
        type: bool
        default: false
      members:
        description: Files of the archive to take. Empty takes all.
        type: list
        elements: str
        default: []
      strip:
        description: How many leading folders of the archive's names are left off.
        type: int
        default: 0
  timeout:
    description: Seconds without any data after which a download fails.
    type: int
    default: 30
attributes:
  check_mode:
    details: Names what it would download.
"""

EXAMPLES = r"""
- name: Have the kubelet
  ai_infn.platform.downloads:
    downloads:
      - url: "{{ kubelet.url }}"
        checksum: "{{ kubelet.checksum }}"
        dest: /usr/local/bin/kubelet
  vars:
    kubelet: "{{ lookup('ai_infn.platform.artifact', 'kubelet') }}"
"""

RETURN = r"""
downloaded:
  description: Paths that were replaced, or would be.
  returned: always
  type: list
  elements: str
"""

import contextlib
import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.downloads import (
    Download,
    copy,
    digest,
    is_current,
    key,
    read_record,
    stamp,
    unpack,
)

RECORD = "/var/lib/ai-infn/downloads.json"
DIGEST_REMEDY = (
    "If the mirror is right, record the digests anew: `make lock-upstream` for the upstream hosts, "
    "`make lab` for the lab."
)
MIRROR_REMEDY = (
    "Check that the mirror runs, that the option `artifact_mirror` names it, and that it holds what the lock names."
)


class DownloadError(Exception):
    """A download failed; the message says which, why, and the remedy."""


def fetch(item: Download, timeout: int) -> list[str]:
    """Download, verify and put one item in place; return the files."""
    folder = item.dest if item.extract else os.path.dirname(item.dest)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, prefix=".download-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            found = copy(open_url(item.url, timeout=timeout, http_agent="ai_infn.platform"), stream)
        if found != item.checksum:
            raise DownloadError(
                f"{item.url} is {found}, recorded is {item.checksum}. Nothing was put in place. {DIGEST_REMEDY}"
            )
        if item.extract:
            return unpack(draft, item)
        os.chmod(draft, item.mode)
        os.replace(draft, item.dest)
    except (OSError, ValueError) as error:
        raise DownloadError(f"{item.url}: {error}. {MIRROR_REMEDY}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
    return [item.dest]


def is_right(item: Download, record: dict) -> bool:
    """Whether the item is in place, by the record, or by the digest of a file that no run of ours recorded."""
    entry = record.get(key(item), {})
    if is_current(item, record, {path: stamp(path) for path in entry.get("files", {})}):
        return True
    if item.extract or not os.path.isfile(item.dest) or digest(item.dest) != item.checksum:
        return False
    os.chmod(item.dest, item.mode)
    record[key(item)] = {"checksum": item.checksum, "files": {item.dest: stamp(item.dest)}}
    return True


def write_record(record: dict) -> None:
    """Write the record by one replacement."""
    os.makedirs(os.path.dirname(RECORD), exist_ok=True)
    with open(RECORD + ".new", "w", encoding="utf-8") as stream:
        json.dump(record, stream, indent=1, sort_keys=True)
    os.replace(RECORD + ".new", RECORD)


SPEC = {
    "downloads": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "url": {"type": "str", "required": True},
            "checksum": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "mode": {"type": "str", "default": "0755"},
            "extract": {"type": "bool", "default": False},
            "members": {"type": "list", "elements": "str", "default": []},
            "strip": {"type": "int", "default": 0},
        },
    },
    "timeout": {"type": "int", "default": 30},
}


def main() -> None:
    """Compare, download, record, report."""
    module = AnsibleModule(SPEC, supports_check_mode=True)
    items = [
        Download(**{**item, "mode": int(item["mode"], 8), "members": tuple(item["members"])})
        for item in module.params["downloads"]
    ]
    record = read_record(RECORD)
    before = json.dumps(record, sort_keys=True)
    lacking = [item for item in items if not is_right(item, record)]
    if module.check_mode:
        module.exit_json(changed=bool(lacking), downloaded=[item.dest for item in lacking])
    try:
        with ThreadPoolExecutor(max_workers=4) as pool:
            fetched = pool.map(partial(fetch, timeout=module.params["timeout"]), lacking)
            for item, files in zip(lacking, fetched, strict=True):
                record[key(item)] = {"checksum": item.checksum, "files": {path: stamp(path) for path in files}}
    except DownloadError as error:
        module.fail_json(msg=str(error))
    if json.dumps(record, sort_keys=True) != before:
        write_record(record)
    module.exit_json(changed=bool(lacking), downloaded=[item.dest for item in lacking])


if __name__ == "__main__":
    main()
