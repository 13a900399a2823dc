#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which cards a host has, how they are cut, and which pods hold what."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_gpus_info
author: AI_INFN platform maintainers (@ai-infn)
short_description: Tell which cards a host has, how they are cut, and which pods hold what
version_added: 0.1.0
description:
  - Asks the driver for cards and slices, and the kubelet's notes for the pods that hold them. Changes nothing.
extends_documentation_fragment:
  - ai_infn.platform.attributes.info
options:
  model:
    description: Model of the host's cards, a name of the collection's table of profiles.
    type: str
    choices: [T4, RTX5000, A30, A100-40GB, A100-80GB, H100-80GB]
    required: true
  checkpoint:
    description: The kubelet's file of device assignments.
    type: path
    default: /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint
"""

EXAMPLES = r"""
- name: See cards, slices and who holds them
  ai_infn.platform.nvidia_gpus_info:
    model: A100-40GB
"""

RETURN = r"""
cards:
  description: The cards by index, each with C(index), C(uuid), C(product), C(mig) (whether its mode is on) and
    C(slices), the MIG devices with C(profile), C(start) (the first memory slice), C(uuid) (empty where it has no
    compute instance) and C(intact) (whether one compute instance takes all of it; only such a one is offered to pods).
  returned: success
  type: list
  elements: dict
holders:
  description: UID of the pod that holds a device, by the device's UUID. A pod may have ended since.
  returned: success
  type: dict
  sample: {"MIG-4f0e2f60-9f4b-5e0c-9d0b-8f4f6f1e7d11": "0d3c2d7e-1f8e-4b58-9a5f-0c6f3f9b7c55"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.driver import Driver
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.holders import CHECKPOINT, read_holders
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.nvml import Nvml, NvmlError
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.profiles import MODELS


def main() -> None:
    """Look and report."""
    module = AnsibleModule(
        {
            "model": {"type": "str", "required": True, "choices": list(MODELS)},
            "checkpoint": {"type": "path", "default": CHECKPOINT},
        },
        supports_check_mode=True,
    )
    try:
        with Nvml() as nvml:
            cards = Driver(nvml, MODELS[module.params["model"]].profiles).listing()
        holders = read_holders(module.params["checkpoint"])
    except (NvmlError, ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=False, cards=cards, holders=holders)


if __name__ == "__main__":
    main()
