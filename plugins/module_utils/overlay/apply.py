# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply objects to a cluster, remove them, and wait for their pods."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.client import ApiError, Kubernetes, wait_for
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.objects import (
    WORKLOADS,
    api_prefix,
    blockers,
    differs,
    object_path,
    selector_text,
    text,
    title,
    unfinished,
)

FIELD_MANAGER = "ai-infn-platform"
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
        self._resources: dict[str, list[dict[str, Any]]] = {}

    def apply(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """Apply one object; return the diff, None when nothing changed."""
        return self._tried(item, lambda: self._apply(item))

    def remove(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """Remove one object; return the diff, None when there was none."""
        path = self._path(item)
        before = self._client.find(path) if path else None
        if before is None:
            return None
        if not self._dry:
            self._client.delete(path)
        return diff_of(item, before, None)

    def wait(self, items: list[dict[str, Any]], seconds: float) -> None:
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

    def _apply(self, item: dict[str, Any]) -> dict[str, Any] | None:
        path = self._path(item)
        if path is None:
            if self._dry:
                return diff_of(item, None, item)
            raise ApiError(404, f"the server does not know kind {item['kind']} of {item['apiVersion']}")
        before = self._client.find(path)
        try:
            after = self._client.request("PATCH", path, item, APPLY_PATCH, **self._query)
        except ApiError as error:
            # In check mode the namespace of a new object may be new too.
            if self._dry and error.status == 404:
                return diff_of(item, before, item)
            raise
        return diff_of(item, before, after) if differs(before, after) else None

    def _tried(self, item: dict[str, Any], act: Callable[[], Any]) -> Any:
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

    def _path(self, item: dict[str, Any]) -> str | None:
        version = item["apiVersion"]
        if version not in self._resources:
            found = self._client.find(api_prefix(version))
            self._resources[version] = found["resources"] if found else []
        return object_path(item, self._resources[version])

    def _unfinished(self, item: dict[str, Any]) -> str | None:
        try:
            path = self._path(item)
            current = self._client.find(path) if path else None
        except (ApiError, OSError) as error:
            return str(error)
        return unfinished({**current, "kind": item["kind"]}) if current else "it does not exist"

    def _blockers(self, item: dict[str, Any]) -> list[str]:
        pods = f"/api/v1/namespaces/{item['metadata'].get('namespace') or 'default'}/pods"
        return blockers(self._client.get(pods, labelSelector=selector_text(item))["items"])


def diff_of(item: dict[str, Any], before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    """Return Ansible's diff of one object, with its title."""
    name = title(item)
    return {"title": name, "before_header": name, "after_header": name, "before": text(before), "after": text(after)}
