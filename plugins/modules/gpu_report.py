#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the site's capacity report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_report
author: AI_INFN platform maintainers (@ai-infn)
short_description: Write what a site has of GPUs, and who holds them
version_added: 0.1.0
description:
  - Puts together what the GPU hosts and the cluster answered, and writes it to files on the controller - a JSON
    document, and a picture, one HTML page that needs nothing else.
  - Counts what answers and what Kubernetes offers, never what the inventory declares.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  site:
    description: Name of the site.
    type: str
    required: true
  nodes:
    description: The RV(ai_infn.platform.kubernetes_gpus_info#module:nodes) of the cluster.
    type: list
    elements: dict
    default: []
  pods:
    description: The RV(ai_infn.platform.kubernetes_gpus_info#module:pods) of the cluster.
    type: list
    elements: dict
    default: []
  hosts:
    description: The GPU hosts with their answers.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the host, and of its Node.
        type: str
        required: true
      model:
        description: Model of its cards, by which the driver was asked.
        type: str
        default: ""
      server:
        description: Of hosts with the same text the picture says that they run on one server. Empty is not known.
        type: str
        default: ""
      answer:
        description: What M(ai_infn.platform.nvidia_gpus_info) returned, with RV(ignore:msg) where it failed. Empty is a
          host that was not asked.
        type: dict
        default: {}
  path:
    description: File of the document.
    type: path
    required: true
  picture:
    description: File of the picture.
    type: path
    required: true
attributes:
  check_mode:
    details: The report is made and no file written.
"""

EXAMPLES = r"""
- name: Write who holds which GPU
  ai_infn.platform.gpu_report:
    site: cnaf
    nodes: "{{ cluster.nodes }}"
    pods: "{{ cluster.pods }}"
    hosts:
      - {name: gpu-a100-1, model: A100-40GB, answer: "{{ hostvars['gpu-a100-1'].answer }}"}
    path: /tmp/capacity.json
    picture: /tmp/capacity.html
"""

RETURN = r"""
report:
  description: The document.
  returned: success
  type: dict
  contains:
    site:
      description: Name of the site.
      type: str
    time:
      description: When the document was written, in UTC.
      type: str
    cards:
      description: Number of cards that answer.
      type: int
    gpus:
      description: Number of whole cards and slices that Kubernetes offers on ready Nodes.
      type: int
    allocated:
      description: Number of those that pods have asked for.
      type: int
    idle:
      description: Number of those on ready Nodes that no pod there has asked for.
      type: int
    resources:
      description: C(offered) and C(allocated) by resource.
      type: dict
    missing:
      description: Names of the cards and slices that C(gpu.yml) made and that are no longer there.
      type: list
      elements: str
      sample: ["gpu-a100-1 card 0 1g.5gb@3 (MIG-4f0e2f60-9f4b-5e0c-9d0b-8f4f6f1e7d11)"]
    problems:
      description: A sentence for each thing that is wrong, with its remedy.
      type: list
      elements: str
    unplaced:
      description: What pods have asked for and is not known to be given to them, each with C(namespace), C(name),
        C(node), C(resource) and C(number).
      type: list
      elements: dict
    hosts:
      description: The hosts, each with C(name), C(server), C(model), C(product), C(answers), C(ready), C(schedulable),
        C(answering) (number of cards), C(gpus), C(allocated), C(idle) and C(cards). A card has C(index), C(uuid),
        C(mig), C(state) (V(whole), V(cut) or V(missing)), C(size) in memory slices and C(devices), each with
        C(resource), C(profile), C(start), C(size), C(uuid), C(state) (V(held), V(idle), V(missing) or V(not offered))
        and C(pod) (C(namespace) and C(name), or none).
      type: list
      elements: dict
lines:
  description: The same as a short text.
  returned: success
  type: list
  elements: str
"""

import datetime
import json
import os
import tempfile
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.picture import picture
from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.report import answer_of, lines, report


def read(path: str) -> Optional[str]:
    """Return the content of a file, None where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def time_of(text: Optional[str]) -> str:
    """Return the time of a document, or nothing where it is not understood."""
    try:
        return str(json.loads(text or "")["time"])
    except (ValueError, KeyError, TypeError):
        return ""


def files_of(params: dict[str, Any], document: dict[str, Any]) -> dict[str, str]:
    """Return what the files shall hold, by path."""
    return {params["path"]: json.dumps(document, indent=2) + "\n", params["picture"]: picture(document)}


def write(module: AnsibleModule, path: str, text: str) -> None:
    """Write a file so that it is never half there."""
    descriptor, new = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    module.atomic_move(new, path)


def main() -> None:
    """Make the report, compare, write."""
    fields = {
        "name": {"type": "str", "required": True},
        "model": {"type": "str", "default": ""},
        "server": {"type": "str", "default": ""},
        "answer": {"type": "dict", "default": {}},
    }
    module = AnsibleModule(
        {
            "site": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "dict", "default": []},
            "pods": {"type": "list", "elements": "dict", "default": []},
            "hosts": {"type": "list", "elements": "dict", "default": [], "options": fields},
            "path": {"type": "path", "required": True},
            "picture": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    answers = [answer_of(**host) for host in params["hosts"]]
    document = report(params["site"], time, params["nodes"], params["pods"], answers)
    # As of the time before, both files would be the same but for what has changed since.
    before = files_of(params, {**document, "time": time_of(read(params["path"]))})
    changed = any(read(path) != text for path, text in before.items())
    if not module.check_mode:
        for path, text in files_of(params, document).items():
            write(module, path, text)
    module.exit_json(changed=changed, report=document, lines=lines(document))


if __name__ == "__main__":
    main()
