#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have objects in a cluster, and wait for their pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_objects
author: AI_INFN platform maintainers (@ai-infn)
short_description: Have objects in a cluster, and wait for their pods
version_added: 0.1.0
description:
  - Applies a list of objects in one visit of a control plane, by server-side apply. Fields that others set stay theirs.
  - Needs nothing on the host but Python; M(kubernetes.core.k8s) needs the official client, and two seconds to start it.
  - Can wait for the rollouts among the objects. When the time is over, the error names the pod that blocks, its node
    and the reason.
extends_documentation_fragment:
  - ai_infn.platform.attributes
options:
  objects:
    description: The objects, in the order in which they are applied. They are removed in the opposite order.
    type: list
    elements: dict
    required: true
  state:
    description:
      - V(present) applies the objects, V(absent) removes them.
      - V(rolled_out) only waits for the workloads among them.
    type: str
    choices: [present, absent, rolled_out]
    default: present
  wait:
    description: Seconds to wait until all pods of the workloads among the objects run as declared. V(0) does not wait.
    type: int
    default: 0
  patience:
    description:
      - Seconds during which an object is tried again whose kind the server does not know yet, or whose webhook does not
        answer yet.
    type: int
    default: 30
  field_manager:
    description: Owner of the fields.
    type: str
    default: ai-infn-platform
  kubeconfig:
    description: Kubeconfig of an administrator.
    type: path
    default: /etc/kubernetes/admin.conf
attributes:
  check_mode:
    details: Asks the server for a dry run. Without a server all objects would be new.
  diff_mode:
    details: Shows each object's difference; the contents of secrets are hidden.
    support: full
"""

EXAMPLES = r"""
- name: Have the namespace of a group
  ai_infn.platform.kubernetes_objects:
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: theory

- name: Have the network, and wait for it on every node
  ai_infn.platform.kubernetes_objects:
    objects: "{{ lookup('ansible.builtin.template', 'flannel.yaml.j2') | from_yaml_all }}"
    wait: 120
"""

RETURN = r"""
objects:
  description: The objects that changed, or would change, as C(Kind namespace/name).
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.objects import (
    WORKLOADS,
    api_prefix,
    blockers,
    differs,
    object_path,
    problem,
    selector_text,
    text,
    title,
    unfinished,
)

APPLY_PATCH = "application/apply-patch+yaml"
CLUSTER_CHANGES = (404, 429, 500, 502, 503, 504)
"""Answers that another try may better: a kind not served yet, a webhook or an API server that is starting."""


class Failure(Exception):
    """An object could not be had; the message says which and why."""


class Objects:
    """The objects of one cluster."""

    def __init__(self, client: Kubernetes, manager: str, patience: float, dry: bool) -> None:
        self._client = client
        self._patience = patience
        self._query = {"fieldManager": manager, "force": "true", **({"dryRun": "All"} if dry else {})}
        self._dry = dry
        self._resources: dict[str, list[dict]] = {}

    def apply(self, item: dict) -> dict | None:
        """Apply one object; return the diff, None when nothing changed."""
        return self._tried(item, lambda: self._apply(item))

    def remove(self, item: dict) -> dict | None:
        """Remove one object; return the diff, None when there was none."""
        path = self._path(item)
        before = self._client.find(path) if path else None
        if before is None:
            return None
        if not self._dry:
            self._client.delete(path)
        return _diff(item, before, None)

    def wait(self, items: list[dict], seconds: float) -> None:
        """Wait for the rollouts among the objects; raise Failure that names what blocks."""
        waiting = [item for item in items if item["kind"] in WORKLOADS]

        def finished() -> bool:
            waiting[:] = [item for item in waiting if self._unfinished(item)]
            return not waiting

        if not wait_for(finished, seconds, 0.3):
            reasons = [f"{title(item)}: {self._unfinished(item)}" for item in waiting]
            pods = [reason for item in waiting for reason in self._blockers(item)]
            named = "; ".join(pods) or "no pod of theirs exists"
            raise Failure(f"After {seconds} s: {'; '.join(reasons)}. Blocked by: {named}")

    def _apply(self, item: dict) -> dict | None:
        path = self._path(item)
        if path is None:
            if self._dry:
                return _diff(item, None, item)
            raise ApiError(404, f"the server does not know kind {item['kind']} of {item['apiVersion']}")
        before = self._client.find(path)
        try:
            after = self._client.request("PATCH", path, item, APPLY_PATCH, **self._query)
        except ApiError as error:
            # In check mode the namespace of a new object may be new too.
            if self._dry and error.status == 404:
                return _diff(item, before, item)
            raise
        return _diff(item, before, after) if differs(before, after) else None

    def _tried(self, item: dict, act):
        errors: list[Exception] = []

        def attempt():
            errors.clear()
            try:
                return (act(),)
            except ApiError as error:
                if error.status not in CLUSTER_CHANGES:
                    raise Failure(f"{title(item)}: {error}") from error
                self._resources.clear()
                errors.append(error)
            except OSError as error:
                errors.append(error)
            return None

        done = wait_for(attempt, self._patience)
        if not done:
            raise Failure(f"{title(item)}: after {self._patience} s: {errors[0]}")
        return done[0]

    def _path(self, item: dict) -> str | None:
        version = item["apiVersion"]
        if version not in self._resources:
            found = self._client.find(api_prefix(version))
            self._resources[version] = found["resources"] if found else []
        return object_path(item, self._resources[version])

    def _unfinished(self, item: dict) -> str | None:
        try:
            path = self._path(item)
            current = self._client.find(path) if path else None
        except (ApiError, OSError) as error:
            return str(error)
        return unfinished({**current, "kind": item["kind"]}) if current else "it does not exist"

    def _blockers(self, item: dict) -> list[str]:
        pods = f"/api/v1/namespaces/{item['metadata'].get('namespace') or 'default'}/pods"
        return blockers(self._client.get(pods, labelSelector=selector_text(item))["items"])


def _diff(item: dict, before: dict | None, after: dict | None) -> dict:
    name = title(item)
    return {"title": name, "before_header": name, "after_header": name, "before": text(before), "after": text(after)}


def run(module: AnsibleModule) -> list[dict]:
    """Do what the options say; return the diffs."""
    params, items = module.params, module.params["objects"]
    wrong = [message for message in map(problem, items) if message]
    if wrong:
        raise Failure("; ".join(wrong))
    if module.check_mode and not os.path.exists(params["kubeconfig"]):
        return [] if params["state"] != "present" else [_diff(item, None, item) for item in items]
    objects = Objects(Kubernetes(params["kubeconfig"]), params["field_manager"], params["patience"], module.check_mode)
    diffs: list[dict | None] = []
    if params["state"] == "absent":
        diffs = [objects.remove(item) for item in reversed(items)]
    elif params["state"] == "present":
        diffs = [objects.apply(item) for item in items]
    if params["wait"] and not module.check_mode and params["state"] != "absent":
        objects.wait(items, params["wait"])
    return [diff for diff in diffs if diff]


def main() -> None:
    """Read the options, act, report."""
    module = AnsibleModule(
        {
            "objects": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "rolled_out"], "default": "present"},
            "wait": {"type": "int", "default": 0},
            "patience": {"type": "int", "default": 30},
            "field_manager": {"type": "str", "default": "ai-infn-platform"},
            "kubeconfig": {"type": "path", "default": "/etc/kubernetes/admin.conf"},
        },
        supports_check_mode=True,
    )
    try:
        diffs = run(module)
    except (Failure, ApiError, OSError) as error:
        module.fail_json(msg=str(error))
    else:
        module.exit_json(changed=bool(diffs), objects=[diff.pop("title") for diff in diffs], diff=diffs)


if __name__ == "__main__":
    main()
