# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A filesystem of a Ceph cluster: its pools, and the settings that make it what was declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pool:
    """A pool: how many copies there are, and how many there must be for a write."""

    copies: int
    least: int


@dataclass(frozen=True)
class State:
    """What there is: pools and filesystems, those with their metadata pool, data pools and daemons."""

    pools: Mapping[str, Pool]
    filesystems: Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Step:
    """One command to the cluster, and what it does in a person's words."""

    words: tuple[str, ...]
    text: str


def state(pools: Sequence[Mapping[str, Any]], filesystems: Sequence[Mapping[str, Any]]) -> State:
    """Return what there is, from the answers of ``ceph osd pool ls detail`` and ``ceph fs ls``."""
    return State(
        {pool["pool_name"]: Pool(int(pool["size"]), int(pool["min_size"])) for pool in pools},
        {one["name"]: (one["metadata_pool"], tuple(one["data_pools"])) for one in filesystems},
    )


OF_MANAGERS = ("device_health_metrics", ".mgr")
"""Pool of the managers themselves, as Ceph 16 and later ones name it; they make it with what was the default then."""
SINGLE = (
    Step(("config", "set", "global", "mon_allow_pool_size_one", "true"), "allow single copies"),
    Step(("config", "set", "global", "mon_warn_on_pool_no_redundancy", "false"), "warn of them no more"),
)
"""What comes before pools with a single copy, which has to be meant."""


def least(copies: int) -> int:
    """Return how many copies must be there for a write: Ceph's own rule, a majority of three and one of two."""
    return copies - copies // 2


def plan(found: State, name: str, copies: int) -> list[Step]:
    """Return the commands that lead to a filesystem with so many copies of everything."""
    wanted = Pool(copies, least(copies))
    names = [metadata_pool(name), data_pool(name), *(pool for pool in OF_MANAGERS if pool in found.pools)]
    there = [found.pools.get(pool) for pool in names]
    steps = list(SINGLE) if copies == 1 and any(pool is None or pool.copies != 1 for pool in there) else []
    for pool in names:
        before = found.pools.get(pool)
        if before is None:
            steps.append(Step(("osd", "pool", "create", pool), f"make the pool {pool}"))
        if before is None or before.copies != wanted.copies:
            sure = ("--yes-i-really-mean-it",) if copies == 1 else ()
            words = ("osd", "pool", "set", pool, "size", str(copies), *sure)
            steps.append(Step(words, f"keep {copies} copies of what is in {pool}"))
        if before is None or before.least != wanted.least:
            words = ("osd", "pool", "set", pool, "min_size", str(wanted.least))
            steps.append(Step(words, f"write to {pool} while there are {wanted.least}"))
    if name not in found.filesystems:
        steps.append(Step(("fs", "new", name, metadata_pool(name), data_pool(name)), f"make the filesystem {name}"))
    return steps


def metadata_pool(name: str) -> str:
    """Return the pool of a filesystem's names."""
    return f"{name}_metadata"


def data_pool(name: str) -> str:
    """Return the pool of a filesystem's contents."""
    return f"{name}_data"


def serving(dump: Mapping[str, Any], name: str) -> bool:
    """Tell, from the answer of ``ceph fs dump``, whether a metadata server serves a filesystem."""
    for one in dump["filesystems"]:
        table = one["mdsmap"]
        if table["fs_name"] == name:
            states = [daemon["state"] for daemon in table["info"].values()]
            return "up:active" in states
    return False
