"""How many GPUs sessions of a group hold, counted so that many who start at once do not get more than they may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.ai_infn.platform.plugins.module_utils.gpu.cluster import ENDED, pod_requests

from hub.choices import Choice, ChoiceError

DOMAIN = "platform.ai-infn.it"
SESSION = f"{DOMAIN}/session"
"""Label of the pods that are sessions."""
CHARGED = f"{DOMAIN}/charged-group"
"""Label of a pod: the number of the group to which it is charged, or 0."""

Json = Mapping[str, Any]


class Limits:
    """Counts pods of sessions, and those that are about to be made."""

    def __init__(self, group_gpus: Mapping[str, int]) -> None:
        self._limits = group_gpus
        self._about: dict[str, tuple[int, int]] = {}
        """Namespace -> group and GPUs of a session that is being made."""

    @contextmanager
    def reserved(self, namespace: str, choice: Choice, pods: Iterable[Json]) -> Iterator[None]:
        """Count a session until it has started, or has not. Raises ChoiceError if its group may have no more."""
        team, gpus = choice.team.number if choice.team else 0, 1 if choice.gpu else 0
        limit = self._limits.get(choice.team.name) if choice.team else None
        if gpus and limit is not None:
            held = self.held(pods, but=namespace)[team]
            if held + gpus > limit:
                name = choice.team.name if choice.team else ""
                raise ChoiceError(
                    f"group {name} holds {held} of the {limit} GPUs that its sessions may hold together."
                    " Choose a session without GPU, another group, or wait until one of its sessions ends."
                )
        self._about[namespace] = (team, gpus)
        try:
            yield
        finally:
            self._about.pop(namespace, None)

    def held(self, pods: Iterable[Json], but: str = "") -> Counter[int]:
        """Return how many GPUs are held by the sessions of each group, without those of a namespace."""
        found: Counter[int] = Counter()
        counted = dict(self._about)
        for pod in pods:
            labels = pod["metadata"].get("labels") or {}
            namespace = pod["metadata"]["namespace"]
            if SESSION not in labels or pod.get("status", {}).get("phase") in ENDED:
                continue
            counted.setdefault(namespace, (int(labels.get(CHARGED, 0)), sum(pod_requests(pod["spec"]).values())))
        for namespace, (team, gpus) in counted.items():
            if namespace != but:
                found[team] += gpus
        return found
