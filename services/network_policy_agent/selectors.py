"""Label selectors as the Kubernetes API defines them (meta/v1 LabelSelector)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from network_policy_agent.objects import Labels

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class UnknownSelectorError(ValueError):
    """The selector says something that this version does not understand."""


@dataclass(frozen=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels fulfil the condition; a missing label fulfils NotIn, as in the API."""
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        return (self.key in labels) == (self.operator == "Exists")


@dataclass(frozen=True)
class Selector:
    """All requirements must hold; none selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Tell whether labels fulfil every requirement."""
        mapping = dict(labels)
        return all(requirement.matches(mapping) for requirement in self.requirements)


def selector_of(item: Mapping[str, Any]) -> Selector:
    """Parse a LabelSelector; raise UnknownSelectorError on what is not understood."""
    unknown = set(item) - {"matchLabels", "matchExpressions"}
    if unknown:
        raise UnknownSelectorError(f"selector field {sorted(unknown)[0]!r}")
    requirements = [
        Requirement(key, "In", frozenset({value})) for key, value in sorted((item.get("matchLabels") or {}).items())
    ]
    for expression in item.get("matchExpressions") or []:
        operator = expression.get("operator")
        if operator not in OPERATORS:
            raise UnknownSelectorError(f"selector operator {operator!r}")
        requirements.append(Requirement(expression["key"], operator, frozenset(expression.get("values") or [])))
    return Selector(tuple(requirements))
