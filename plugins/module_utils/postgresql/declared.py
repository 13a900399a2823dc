# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Contradictions in declared PostgreSQL clusters: the value found, the value needed and the remedy. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ALIKE = ("version", "port", "confirmations")
"""What the members of one cluster have in common; each is the option ``postgresql_NAME``."""
SHORTEST_LEASE = 2
"""Seconds. With its default election timeout of 1 s etcd makes every shorter lease as long as this."""


@dataclass(frozen=True)
class Member:
    """A declared database host; ``lease``, ``t1`` and ``degrade_after`` in seconds."""

    name: str
    cluster: str
    version: int
    port: int
    confirmations: int
    lease: int
    t1: float
    degrade_after: float


def members(hosts: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]) -> list[Member]:
    """Return the database hosts with these variables; ``defaults`` has the value of each option that a host lacks."""

    def option(host: Mapping[str, Any], name: str) -> Any:
        return host[name] if name in host else defaults[name]

    return [
        Member(
            name=str(host["inventory_hostname"]),
            cluster=str(option(host, "postgresql_cluster")),
            version=int(option(host, "postgresql_version")),
            port=int(option(host, "postgresql_port")),
            confirmations=int(option(host, "postgresql_confirmations")),
            lease=int(option(host, "postgresql_failover_lease")),
            t1=float(option(host, "postgresql_failover_t1")),
            degrade_after=float(option(host, "postgresql_failover_degrade_after")),
        )
        for host in hosts
    ]


def clusters(declared: Iterable[Member]) -> dict[str, list[Member]]:
    """Return the members of each cluster, both in the order of their names."""
    found: dict[str, list[Member]] = {}
    for member in sorted(declared, key=lambda member: (member.cluster, member.name)):
        found.setdefault(member.cluster, []).append(member)
    return found


def cluster_problems(declared: Iterable[Member], voters: Iterable[str]) -> list[str]:
    """Return a sentence for each contradiction; none for a site without database hosts."""
    declared = list(declared)
    problems = [] if list(voters) or not declared else [NO_VOTER]
    for cluster, of in clusters(declared).items():
        problems += [*_differences(cluster, of), *_too_few(cluster, of)]
    return [*problems, *_times(declared)]


NO_VOTER = (
    "Voters: found none, needed 1, 3 or 5: an etcd of their own decides which database server leads. "
    "Remedy: declare hosts in group etcd."
)


def voter_problems(voters: Iterable[str], control_planes: Iterable[str]) -> list[str]:
    """Return what is wrong with the voters: an even number, or hosts where Kubernetes' own etcd has the ports."""
    voters = sorted(voters)
    problems = []
    if voters and len(voters) % 2 == 0:
        problems.append(
            f"Voters: found {len(voters)} ({', '.join(voters)}), needed an odd number: they are as many as may fail "
            "with one voter fewer. Remedy: change the group etcd."
        )
    both = sorted(set(voters) & set(control_planes))
    if both:
        problems.append(
            f"In group etcd and in group kube_control_plane: {', '.join(both)}. Needed: other hosts as voters, since "
            "there port 2379 is that of Kubernetes' own etcd. Remedy: take them out of the group etcd."
        )
    return problems


def backup_problems(keepers: Iterable[str], databases: Iterable[str]) -> list[str]:
    """Return what is wrong with who keeps the backups: more than one, or one that is lost with a server."""
    keepers, databases = sorted(keepers), set(databases)
    problems = []
    if len(keepers) > 1:
        problems.append(
            f"Group postgresql_backup: found {', '.join(keepers)}, needed one host, which has the repository. "
            "Remedy: leave one in the group."
        )
    both = [name for name in keepers if name in databases]
    if both:
        problems.append(
            f"In group postgresql_backup and in group postgresql: {', '.join(both)}. Needed: another host, since a "
            "backup must not be lost with the server. Remedy: declare one of its own."
        )
    return problems


def proxy_problems(
    proxies: Iterable[Mapping[str, Any]], databases: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with the proxies, by their variables: one that leads nowhere, or has a server's port."""

    def option(host: Mapping[str, Any], name: str) -> Any:
        return host.get(name, defaults[name])

    ports = {(host["inventory_hostname"], int(option(host, "postgresql_port"))) for host in databases}
    clusters = {str(option(host, "postgresql_cluster")) for host in databases}
    problems = []
    for host in proxies:
        name, cluster = host["inventory_hostname"], str(option(host, "postgresql_cluster"))
        if cluster not in clusters:
            problems.append(
                f"{name} in group postgresql_proxy leads to the cluster {cluster}, which has no hosts. Needed: one of "
                f"{', '.join(sorted(clusters)) or 'those that there will be'}. Remedy: set postgresql_cluster, or "
                "declare hosts in group postgresql."
            )
        for wanted in ("postgresql_proxy_port", "postgresql_proxy_standby_port"):
            if (name, int(option(host, wanted))) in ports:
                problems.append(
                    f"{wanted} of {name}: found {option(host, wanted)}, which is that of its own server. Needed: "
                    "another one. Remedy: set it, or take the host out of group postgresql_proxy."
                )
    return problems


def _too_few(cluster: str, of: list[Member]) -> Iterator[str]:
    standbys, needed = len(of) - 1, max(member.confirmations for member in of)
    if standbys < needed:
        yield (
            f"Cluster {cluster}: found {_standbys(standbys)} beside the primary ({_names(of)}), needed {needed}, as "
            "postgresql_confirmations says: no commit would ever be acknowledged. Remedy: declare more hosts in group "
            f"postgresql, or set postgresql_confirmations to {standbys}."
        )


def _differences(cluster: str, of: list[Member]) -> Iterator[str]:
    for name in ALIKE:
        having: dict[int, list[Member]] = {}
        for member in of:
            having.setdefault(getattr(member, name), []).append(member)
        if len(having) > 1:
            found = ", ".join(f"{value} of {_names(same)}" for value, same in sorted(having.items()))
            yield (
                f"Cluster {cluster}: found postgresql_{name} {found}. Needed: the same for all of its hosts. "
                "Remedy: set it for a group, not for a host; or give them other clusters by postgresql_cluster."
            )


def _times(declared: list[Member]) -> Iterator[str]:
    having: dict[tuple[int, float, float], list[Member]] = {}
    for member in declared:
        having.setdefault((member.lease, member.t1, member.degrade_after), []).append(member)
    for (lease, t1, degrade_after), same in sorted(having.items()):
        if lease < SHORTEST_LEASE:
            yield (
                f"postgresql_failover_lease of {_names(same)}: found {lease}, needed {SHORTEST_LEASE} or more, since "
                "etcd grants no shorter lease. Remedy: raise it."
            )
        if t1 >= lease:
            yield (
                f"postgresql_failover_t1 of {_names(same)}: found {t1:g}, needed less than postgresql_failover_lease, "
                f"which is {lease}: a primary that is alone stops itself before another server may lead. "
                "Remedy: lower the first or raise the second."
            )
        if degrade_after and degrade_after <= lease:
            yield (
                f"postgresql_failover_degrade_after of {_names(same)}: found {degrade_after:g}, needed 0 or more than "
                f"postgresql_failover_lease, which is {lease}: a standby that is started again is gone for as long. "
                "Remedy: raise it, or set it to 0."
            )


def _standbys(number: int) -> str:
    return f"{number} standby" if number == 1 else f"{number} standbys"


def _names(of: Iterable[Member]) -> str:
    return ", ".join(member.name for member in of)


def repository_problems(repositories: Iterable[Mapping[str, Any]], users: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what second repositories lack; ``users`` are those of the site's own storage."""
    buckets = {user["name"]: user.get("buckets", []) for user in users}
    result = []
    for one in repositories:
        name, bucket = one.get("user"), one.get("bucket")
        missing = [key for key in ("endpoint", "access_key", "secret_key") if not one.get(key)]
        if name and bucket not in buckets.get(name, []):
            result.append(
                f"pgbackrest_second_repository: found user {name} and bucket {bucket}, needed a user in ceph_rgw_users"
                f" who has that bucket. Remedy: declare it there: {{name: {name}, buckets: [{bucket}]}}."
            )
        elif one and not name and missing:
            result.append(
                f"pgbackrest_second_repository: found no {', '.join(missing)}, needed all three, or user where the"
                " storage is the site's own. Remedy: declare them."
            )
    return result
