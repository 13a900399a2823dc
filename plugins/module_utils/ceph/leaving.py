# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host leaves a Ceph cluster: why it may not, what has to be done, and how far that is. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .filesystems import Pool

FULL_PERCENT = 80
"""The others may be so full afterwards. At 85 % Ceph warns, and recovery itself needs room."""


@dataclass(frozen=True)
class Osd:
    """An OSD: whether it runs, and its room and what is used of it in KiB."""

    number: int
    up: bool
    total: int
    used: int


@dataclass(frozen=True)
class Cluster:
    """What counts when somebody leaves: OSDs by host, voters, who of them agrees, pools, and metadata servers."""

    osds: Mapping[str, tuple[Osd, ...]]
    voters: tuple[str, ...]
    agreeing: tuple[str, ...]
    pools: Mapping[str, Pool]
    metadata: tuple[str, ...]
    inactive: int
    """How many placement groups do not answer now."""


def cluster(answers: Mapping[str, Any], pools: Mapping[str, Pool]) -> Cluster:
    """Return it from the answers of ``ceph status``, ``mon dump``, ``osd df tree`` and ``fs dump``, by their names."""
    status, table = answers["status"], answers["osds"]["nodes"]
    found = {
        node["id"]: Osd(node["id"], node["status"] == "up", int(node["kb"]), int(node["kb_used"]))
        for node in [*table, *answers["osds"].get("stray", [])]
        if node["type"] == "osd"
    }
    states = status["pgmap"].get("pgs_by_state", [])
    maps = [one["mdsmap"] for one in answers["filesystems"]["filesystems"]]
    serving = [daemon["name"] for one in maps for daemon in one["info"].values()]
    return Cluster(
        osds={
            node["name"]: tuple(found[number] for number in sorted(node["children"]) if number in found)
            for node in table
            if node["type"] == "host"
        },
        voters=tuple(one["name"] for one in answers["monitors"]["mons"]),
        agreeing=tuple(status["quorum_names"]),
        pools=pools,
        metadata=tuple(sorted({*serving, *(one["name"] for one in answers["filesystems"]["standbys"])})),
        inactive=sum(int(one["count"]) for one in states if "active" not in one["state_name"].split("+")),
    )


def objections(found: Cluster, name: str) -> list[str]:
    """Return why a host may not leave, each with what is needed."""
    return [*_votes(found, name), *_copies(found, name), *_metadata(found, name)]


def _votes(found: Cluster, name: str) -> list[str]:
    rest = [voter for voter in found.voters if voter != name]
    if name not in found.voters:
        return []
    if not rest:
        return [
            f"{name} has the only monitor, without which nobody knows what the OSDs hold. Needed: another one first."
        ]
    well = [voter for voter in rest if voter in found.agreeing]
    if len(well) <= len(rest) // 2:
        missing = ", ".join(voter for voter in rest if voter not in well)
        return [f"without {name} {len(well)} of {len(rest)} monitors would vote, no majority. Needed first: {missing}."]
    return []


def _copies(found: Cluster, name: str) -> list[str]:
    if not found.osds.get(name):
        return []
    said = []
    rest = {host: osds for host, osds in found.osds.items() if host != name and osds}
    most = max((pool.copies for pool in found.pools.values()), default=0)
    if most > len(rest):
        said.append(
            f"without {name} {len(rest)} hosts have OSDs, and there are {most} copies of everything, each on another"
            " host. Needed: another host first, or fewer copies (ceph_replicas, then storage.yml)."
        )
    total = sum(osd.total for osds in rest.values() for osd in osds)
    used = sum(osd.used for osds in found.osds.values() for osd in osds)
    if rest and used * 100 > total * FULL_PERCENT:
        said.append(
            f"without {name} the others would be {used * 100 / total:.0f} % full, needed at most {FULL_PERCENT} %."
            " Needed: another host or larger volumes first, or less data."
        )
    if found.inactive:
        said.append(f"{found.inactive} placement groups do not answer now, so {name} may have what is missing.")
    return said


def _metadata(found: Cluster, name: str) -> list[str]:
    if found.metadata == (name,):
        return [f"{name} has the only metadata server. Needed: another host in group ceph_mds first."]
    return []


def numbers(found: Cluster, name: str) -> list[int]:
    """Return the OSDs of a host."""
    return [osd.number for osd in found.osds.get(name, ())]


def removal(found: Cluster, name: str) -> list[tuple[str, ...]]:
    """Return the commands that have the cluster forget a host whose daemons have ended and whose data are elsewhere."""
    sure = "--yes-i-really-mean-it"
    commands: list[tuple[str, ...]] = [("osd", "purge", str(number), sure) for number in numbers(found, name)]
    if name in found.osds:
        commands.append(("osd", "crush", "rm", name))
    if name in found.voters:
        commands.append(("mon", "remove", name))
    return commands


def entities(name: str) -> tuple[str, ...]:
    """Return whom a host has keys as."""
    return (f"mgr.{name}", f"mds.{name}", f"client.host.{name}")
