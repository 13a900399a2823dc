#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have an OSD of a Ceph cluster on a device."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have an OSD of a Ceph cluster on a device
version_added: 0.1.0
description:
  - Makes an OSD on an empty device, or takes the one that is on it, and has it run. One that left the cluster by
    M(ai_infn.platform.ceph_host_absent), which moved its data to others first, is made anew.
  - The device is used whole, as BlueStore does by itself, without a volume manager.
  - A device with anything else on it is refused.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  device:
    description: The device.
    type: path
    required: true
  fsid:
    description: Identity of the cluster.
    type: str
    required: true
  key:
    description: Key of C(client.bootstrap-osd), which may make OSDs and read notes of such that have left.
    type: str
    required: true
attributes:
  diff_mode:
    details: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Have an OSD on the volume
  ai_infn.platform.ceph_osd:
    device: /dev/vdb
    fsid: 5d2a0a52-7d0c-4b5c-9d3e-2f9c3f6f7e01
    key: "{{ keys.keys['client.bootstrap-osd'] }}"
  no_log: true
"""

RETURN = r"""
number:
  description: Number of the OSD; -1 for one that would be made.
  returned: success
  type: int
"""

import contextlib
import json
import os
import uuid

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import (
    Ceph,
    CephError,
    call,
    keep_running,
    keeps_running,
)
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.keys import keyring
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.osd import (
    EMPTIED,
    Draft,
    Label,
    label_of,
    objection,
)

BOOTSTRAP = "client.bootstrap-osd"
DRAFTS = "/var/lib/ceph/osd"
BEGINNING = 16 << 20
"""How much of a device is cleared before an OSD is made on it: what an interrupted run or a former OSD has left."""


class Device:
    """One device and the OSD on it."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._run = module.run_command
        self._path = module.params["device"]
        self._draft = f"{DRAFTS}/.new-{os.path.basename(self._path)}"

    def label(self) -> Label | None:
        """Return what the device says of itself."""
        code, output, _errors = self._run(["ceph-bluestore-tool", "show-label", "--dev", self._path])
        return label_of(output) if code == 0 else None

    def signature(self) -> str:
        """Return what else is on it, empty for nothing. blkid ends with 2 where it finds nothing."""
        code, output, errors = self._run(["blkid", "--probe", "--output", "export", self._path])
        return "" if code == 2 else " ".join((output or errors).split())

    def draft(self) -> Draft | None:
        """Return the OSD that an interrupted run was making here."""
        with contextlib.suppress(FileNotFoundError), open(self._draft, encoding="ascii") as stream:
            return Draft(**json.load(stream))
        return None

    def is_emptied(self, label: Label) -> bool:
        """Tell whether the cluster has noted that others have what the OSD of this label held."""
        try:
            self._cluster().tell("config-key", "get", EMPTIED + label.uuid)
        except CephError:
            return False
        return True

    def make(self, draft: Draft | None) -> int:
        """Make an OSD, or one that was begun to its end; return its number. Raises CephError."""
        if draft is None:
            draft = Draft(str(uuid.uuid4()), call(self._run, ["ceph-authtool", "--gen-print-key"]).strip())
            with os.fdopen(os.open(self._draft, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as stream:
                json.dump({"uuid": draft.uuid, "key": draft.key}, stream)
        with open(self._path, "r+b") as stream:
            stream.write(bytes(BEGINNING))
        secret = json.dumps({"cephx_secret": draft.key})
        answer = self._cluster().ask("osd", "new", draft.uuid, "--in-file", "-", stdin=secret)
        number = int(answer["osdid"])
        folder = self._folder(number)
        with open(f"{folder}/keyring", "w", encoding="ascii") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(keyring(f"osd.{number}", draft.key))
        # A key that comes as a file, here standard input, is kept in the device's label.
        words = ["ceph-osd", "--mkfs", "--id", str(number), "--osd-data", folder, "--osd-uuid", draft.uuid]
        call(self._run, [*words, "--osd-objectstore", "bluestore", "--keyfile", "-"], draft.key)
        self._give_away(folder)
        return number

    def forget_draft(self) -> None:
        """Remember no longer that an OSD is being made."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._draft)

    def has_folder(self, number: int) -> bool:
        """Tell whether the host knows the OSD."""
        folder = f"{DRAFTS}/ceph-{number}"
        return os.path.exists(f"{folder}/keyring") and os.path.realpath(f"{folder}/block") == os.path.realpath(
            self._path
        )

    def take(self, number: int) -> None:
        """Have the host know an OSD that another host, or this one in a former life, has made. Raises CephError."""
        folder = self._folder(number)
        call(self._run, ["ceph-bluestore-tool", "prime-osd-dir", "--dev", self._path, "--path", folder])
        self._give_away(folder)

    def _cluster(self) -> Ceph:
        keys = f"{self._module.tmpdir}/bootstrap.keyring"
        with os.fdopen(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
            stream.write(keyring(BOOTSTRAP, self._module.params["key"]))
        return Ceph(self._run, BOOTSTRAP, keys)

    def _folder(self, number: int) -> str:
        folder = f"{DRAFTS}/ceph-{number}"
        os.makedirs(folder, mode=0o750, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/block")
        os.symlink(self._path, f"{folder}/block")
        return folder

    def _give_away(self, folder: str) -> None:
        call(self._run, ["chown", "--recursive", "ceph:ceph", folder])
        call(self._run, ["chown", "--dereference", "ceph:ceph", f"{folder}/block"])


def main() -> None:
    """Judge the device, make or take its OSD, and have that run."""
    module = AnsibleModule(
        {
            "device": {"type": "path", "required": True},
            "fsid": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    path, fsid = module.params["device"], module.params["fsid"]
    if module.check_mode and not module.get_bin_path("ceph-osd"):
        module.exit_json(changed=True, number=-1)
    if not os.path.exists(path):
        module.fail_json(msg=f"There is no {path}. Remedy: declare a volume of the host (openstack_server_volumes).")
    device = Device(module)
    label, draft = device.label(), device.draft()
    refusal = objection(path, label, "" if label else device.signature(), draft, fsid)
    if refusal:
        module.fail_json(msg=refusal)
    number = label.number if label and label.complete and label.number is not None else -1
    if label and number >= 0 and not device.has_folder(number) and device.is_emptied(label):
        number = -1
    unit = f"ceph-osd@{number}.service"
    changed = number < 0 or not device.has_folder(number) or not keeps_running(module.run_command, unit)
    if changed and not module.check_mode:
        try:
            if number < 0:
                number = device.make(draft)
                unit = f"ceph-osd@{number}.service"
            elif not device.has_folder(number):
                device.take(number)
            device.forget_draft()
            keep_running(module.run_command, unit)
        except (CephError, OSError) as error:
            module.fail_json(msg=f"{path} has no OSD that runs: {error}")
    module.exit_json(changed=changed, number=number)


if __name__ == "__main__":
    main()
