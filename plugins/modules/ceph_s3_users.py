#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have users of a RADOS gateway."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_s3_users
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have users of a RADOS gateway
version_added: 0.1.0
description:
  - Runs on a host with a gateway. Whom O(users) does not name is left alone, with buckets and keys.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  users:
    description: The users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      access_key:
        description: The name by which requests are signed.
        type: str
        required: true
      secret_key:
        description: The key by which requests are signed. Other keys of the user stay.
        type: str
        required: true
      quota_gib:
        description: How many GiB all buckets of the user may hold, V(0) for any number.
        type: int
        default: 0
      buckets:
        description: Buckets that the user has. Others stay.
        type: list
        elements: str
        default: []
      suspended:
        description: Whether the user is refused. Who is has no new buckets made.
        type: bool
        default: false
  endpoint:
    description: Where buckets are made, C(https://HOST).
    type: str
    required: true
  authority:
    description: File with the authority of its certificate.
    type: path
    required: true
  name:
    description: As whom the cluster is asked.
    type: str
    required: true
  keyring:
    description: File with that one's key.
    type: path
    required: true
attributes:
  check_mode:
    details: Without a gateway on the host all users would be new.
  diff_mode:
    details: Says in words what is done to whom, without keys.
    support: full
"""

EXAMPLES = r"""
- name: Have a user for backups
  ai_infn.platform.ceph_s3_users:
    users:
      - name: pgbackrest
        access_key: "{{ vault_s3_access_key }}"
        secret_key: "{{ vault_s3_secret_key }}"
        quota_gib: 500
        buckets: [backups]
    endpoint: https://192.0.2.11
    authority: /etc/ai-infn/pki/ca.crt
    name: client.rgw.storage-1
    keyring: /var/lib/ceph/radosgw/ceph-rgw.storage-1/keyring
"""

RETURN = r"""
done:
  description: What was done, in words.
  returned: success
  type: list
  elements: str
"""

import json
import os
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.client import CephError, call
from ansible_collections.ai_infn.platform.plugins.module_utils.ceph.s3_users import lacking, request, steps

NO_SUCH_USER = 22
"""Exit status of ``user info`` for a user who is not there (EINVAL, as Ceph 16.2 says it)."""


def info(module: AnsibleModule, program: list[str], name: str) -> Optional[dict[str, Any]]:
    """Return what the cluster knows of a user, None where there is none. Raises CephError."""
    code, output, errors = module.run_command([*program, "user", "info", "--uid", name])
    if code == NO_SUCH_USER and "no user info saved" in errors:
        return None
    if code:
        raise CephError(f"'radosgw-admin user info' ended with {code}: {errors.strip()}")
    return dict(json.loads(output))


def make_buckets(module: AnsibleModule, program: list[str], wanted: dict[str, Any], there: bool) -> list[str]:
    """Make the buckets that a user lacks, as that user; return what was done. Raises CephError."""
    if not wanted["buckets"] or wanted["suspended"]:
        return []
    known = there or not module.check_mode
    found = json.loads(call(module.run_command, [*program, "bucket", "list", "--uid", wanted["name"]])) if known else []
    made = lacking(wanted, found)
    for bucket in [] if module.check_mode else made:
        words = ["curl", "--silent", "--show-error", "--fail", "--cacert", module.params["authority"], "--config", "-"]
        call(module.run_command, words, request(wanted, f"{module.params['endpoint']}/{bucket}"))
    return [f"bucket {bucket} of {wanted['name']} is made" for bucket in made]


def main() -> None:
    """Compare, and change what differs."""
    user = {
        "name": {"type": "str", "required": True},
        "access_key": {"type": "str", "required": True, "no_log": False},
        "secret_key": {"type": "str", "required": True, "no_log": True},
        "quota_gib": {"type": "int", "default": 0},
        "buckets": {"type": "list", "elements": "str", "default": []},
        "suspended": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        {
            "users": {"type": "list", "elements": "dict", "required": True, "options": user},
            "endpoint": {"type": "str", "required": True},
            "authority": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "keyring": {"type": "path", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    program = ["radosgw-admin", "--name", module.params["name"], "--keyring", module.params["keyring"]]
    there = os.path.exists(module.params["keyring"])
    done = []
    try:
        for wanted in module.params["users"]:
            found = info(module, program, wanted["name"]) if there or not module.check_mode else None
            for step in steps(wanted, found):
                if not module.check_mode:
                    call(module.run_command, [*program, *step.words])
                done.append(step.said)
            done += make_buckets(module, program, wanted, found is not None)
    except CephError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(done), done=done, diff={"before": "", "after": "".join(f"{one}\n" for one in done)})


if __name__ == "__main__":
    main()
