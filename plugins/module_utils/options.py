# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with the options that an inventory sets, by the roles' own argument specs. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Spec = Mapping[str, Any]


def plain(value: Any) -> Any:
    """Return a value in containers of its own: Ansible's hold all variables, and a copy has a copy of these."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def known_options(specs: Iterable[Mapping[str, Spec]]) -> dict[str, Spec]:
    """Return the options of all entry points of all roles by name; ``specs`` are the roles' argument_specs."""
    return {
        name: option
        for role in specs
        for entry in role.values()
        for name, option in (entry.get("options") or {}).items()
    }


def reserved_prefixes(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the beginnings of names that are the roles' own; those of ``x_defaults`` begin with ``x_``."""
    return tuple(sorted({f"{role.removesuffix('_defaults')}_" for role in roles}))


def unknown_option(name: str, known: Iterable[str], reserved: tuple[str, ...]) -> str:
    """Return what is wrong with a variable's name, or nothing: one that begins as an option and is none."""
    names = sorted(known)
    if name in names or not name.startswith(reserved):
        return ""
    prefix = next(prefix for prefix in reserved if name.startswith(prefix))
    near = get_close_matches(name, names, n=1)
    hint = f"write {near[0]}" if near else "remove it"
    return f"no role has such an option. Remedy: {hint}; names of your own must not begin with {prefix}"


def value_problem(name: str, option: Spec, value: Any) -> str:
    """Return what is wrong with an option's value, with what is allowed, or nothing."""
    # A role itself says what it cannot do without; here only what is there is looked at.
    result = ArgumentSpecValidator({name: {**option, "required": False}}).validate({name: value})
    return "; ".join(result.error_messages)


def by_hosts(problems: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a sentence for each problem with the hosts that have it; ``problems`` is {host: {option: problem}}."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for host, found in problems.items():
        for option, problem in found.items():
            hosts.setdefault((option, problem), []).append(host)
    return [f"{option} of {', '.join(having)}: {problem}." for (option, problem), having in sorted(hosts.items())]
