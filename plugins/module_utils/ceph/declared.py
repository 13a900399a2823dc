# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions in a declared Ceph cluster: the value found, the value needed and the remedy. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LEAST_GIB = 4
"""A smaller volume has hardly any room beside BlueStore's own database and log."""


def problems(
    monitors: Iterable[str], osds: Iterable[str], metadata: Iterable[str], replicas: int, hosts: Mapping[str, Any]
) -> list[str]:
    """Return a sentence for each contradiction; none for a site without a cluster.

    ``monitors``, ``osds`` and ``metadata`` are the hosts of the groups ceph_mon, ceph_osd and ceph_mds; ``hosts`` gives
    the variables of those in ceph_osd.
    """
    monitors, osds, metadata = list(monitors), list(osds), list(metadata)
    if not (monitors or osds or metadata):
        return []
    return [
        *_groups(monitors, osds, metadata),
        *_copies(replicas, osds),
        *(problem for name in osds for problem in _devices(name, hosts.get(name, {}))),
    ]


def _groups(monitors: list[str], osds: list[str], metadata: list[str]) -> Iterable[str]:
    if len(monitors) % 2 == 0:
        found = f"found {len(monitors)} ({', '.join(monitors)})" if monitors else "found none"
        yield (
            f"Monitors of Ceph: {found}, needed an odd number, since a majority of them decides."
            " Remedy: declare 1, 3 or 5 hosts in group ceph_mon."
        )
    for group, hosts in (("ceph_osd", osds), ("ceph_mds", metadata)):
        if not hosts:
            yield f"Group {group}: found no host, needed at least one. Remedy: declare a host in it."


def _copies(replicas: int, osds: list[str]) -> Iterable[str]:
    if osds and not 1 <= replicas <= len(osds):
        yield (
            f"ceph_replicas: found {replicas}, needed 1 to {len(osds)}, since each copy is on another host of group"
            f" ceph_osd ({', '.join(osds)}). Remedy: declare fewer copies, or more hosts."
        )


def _devices(name: str, variables: Mapping[str, Any]) -> Iterable[str]:
    volumes = variables.get("openstack_server_volumes") or []
    if not volumes and not variables.get("ceph_osd_devices"):
        yield (
            f"{name} is in group ceph_osd and has no device. Remedy: declare a volume of it"
            " (openstack_server_volumes), or its empty disks (ceph_osd_devices)."
        )
    for volume in volumes:
        if int(volume["size"]) < LEAST_GIB:
            yield (
                f"{name}: volume {volume['name']} has {volume['size']} GiB, needed {LEAST_GIB} for an OSD."
                " Remedy: declare a larger one."
            )
