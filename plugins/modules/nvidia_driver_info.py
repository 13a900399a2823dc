#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which NVIDIA driver a host has and runs, and whether a reboot is needed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_driver_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Tell which NVIDIA driver a host has and runs, and whether a reboot is needed
version_added: 0.1.0
description:
  - Compares the kernel module that is loaded with the one that is installed. Changes nothing, and needs no driver.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  packages:
    description: Packages of the distribution whose versions are told.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: See what the driver needs
  ai_infn.platform.nvidia_driver_info:
    packages: [nvidia-smi, libcuda1]
"""

RETURN = r"""
action:
  description: What the host needs so that the installed module drives its cards. V(nothing), V(load) (the module is to
    be loaded), V(reboot), or V(missing) (no module is built for the running kernel, or a newer one).
  returned: success
  type: str
reason:
  description: Why, in words; empty for V(nothing).
  returned: success
  type: str
  sample: module 550.90.07 (open) is loaded, and 550.163.01 (open) installed
reboot_required:
  description: Whether RV(action) is V(reboot).
  returned: success
  type: bool
kernel:
  description: Release of the running kernel.
  returned: success
  type: str
loaded:
  description: The loaded module, with C(version) and C(flavour) (C(open) or C(proprietary)); empty where none is.
  returned: success
  type: dict
installed:
  description: The module that modprobe would load into the running kernel, in the form of RV(loaded).
  returned: success
  type: dict
newer_kernel:
  description: A newer kernel on disk for which a module is built, where none is for the running one.
  returned: success
  type: str
nouveau:
  description: Whether the kernel's own driver of these cards is loaded.
  returned: success
  type: bool
secure_boot:
  description: Whether the firmware is in secure boot, so that the kernel loads signed modules only.
  returned: success
  type: bool
key_enrolled:
  description: Whether the firmware or shim trusts the key that dkms signs modules with.
  returned: success
  type: bool
packages:
  description: Versions of those of O(packages) that are installed.
  returned: success
  type: dict
  sample: {"nvidia-smi": "550.163.01-2"}
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.kernel import REBOOT, Kernel, needed
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.host import installed_packages


def tell(kernel: Kernel) -> dict[str, Any]:
    """Return what the module says of a kernel and its modules."""
    seen = kernel.look()
    action, reason = needed(seen)
    return {
        "action": action,
        "reason": reason,
        "reboot_required": action == REBOOT,
        "kernel": seen.kernel,
        "loaded": asdict(seen.loaded) if seen.loaded else {},
        "installed": asdict(seen.installed) if seen.installed else {},
        "newer_kernel": seen.newer,
        "nouveau": seen.nouveau,
        "secure_boot": kernel.secure_boot(),
        "key_enrolled": kernel.key_enrolled(),
    }


def main() -> None:
    """Look and report."""
    module = AnsibleModule(
        {"packages": {"type": "list", "elements": "str", "default": []}},
        supports_check_mode=True,
    )

    def run(command: Sequence[str]) -> str:
        program = module.get_bin_path(command[0])  # a container has no kmod
        return str(module.run_command([program, *command[1:]])[1]) if program else ""

    installed = installed_packages()
    versions = {name: installed[name].version for name in module.params["packages"] if name in installed}
    module.exit_json(changed=False, packages=versions, **tell(Kernel(run)))


if __name__ == "__main__":
    main()
