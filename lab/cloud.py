"""The plan that makes one machine a cloud, and its undoing."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from lab import fabric, iam, mirror, package_proxy, packages, processes, settings, supervise, sysctls
from lab.commands import run
from lab.drivers.cleanup import cleanup, remove_guests
from lab.gpu import build as gpu
from lab.machine import image, podman
from lab.openstack import build, daemons, operator, reports, schema, services
from lab.phases import Phase

Say = Callable[[str], None]


ARTIFACT_PHASES = frozenset({"artifacts", "mirror"})


def plan(*, artifacts: bool = True) -> list[Phase]:
    """The phases of ``up``, with or without the artifact mirror. What is built, downloaded and started overlaps."""
    phases = [
        Phase("packages", "Debian packages", lambda say: packages.ensure()),
        Phase("openstack", "OpenStack from the lock", lambda say: build.ensure_environment().name),
        Phase("daemons", "MariaDB and RabbitMQ", lambda say: build.ensure_daemons().name, ("packages",)),
        Phase("schema", "databases laid out", lambda say: schema.ensure().name, ("openstack", "daemons")),
        Phase("images", "machine images", _images, ("packages",)),
        Phase("gpu", "simulated driver of the GPUs", lambda say: gpu.ensure().name, ("packages",)),
        Phase("artifacts", "artifacts of the mirror", _artifacts, ("packages",)),
        Phase("fabric", "network of the data centre", _fabric, ("packages",)),
        Phase("identity", "database, bus and identity", _identity, ("fabric", "schema")),
        Phase("control", "OpenStack's services", _control, ("identity",)),
        Phase("offer", "flavors, images, network, quotas", _offer, ("control", "images")),
        Phase("reports", "GPU servers and volume service report", _reports, ("control",)),
        Phase("prune", "what older recipes made removed", _prune, ("reports", "offer")),
        Phase("proxy", "package proxy for guests", _proxy, ("fabric",)),
        Phase("iam", "identity provider of people", _iam, ("fabric",)),
        Phase("mirror", "file server and registry", _mirror, ("artifacts", "fabric")),
    ]
    return [phase for phase in phases if artifacts or phase.name not in ARTIFACT_PHASES]


def recover() -> list[str]:
    """Clear what a lab left whose supervisor died; returns what was found. Nothing to do when it runs or never ran."""
    if supervise.running():
        return []
    stale = [process for process in processes.marked() if process.name not in processes.KEEPS_GUESTS]
    processes.end(stale)
    found = [f"{process.name} ({process.pid})" for process in stale]
    for leftover in ("supervisor.sock", "supervisord.pid", "mariadb", "rabbitmq", "network-agent.ready"):
        path = settings.RUN / leftover
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
    return found


def down(say: Say) -> None:
    """Remove the lab: programs, guests, fabric, state. The cache stays."""
    say("stopping the services")
    supervise.down()
    processes.end([process for process in processes.marked() if process.name not in processes.KEEPS_GUESTS])
    say("removing guests, volumes and bridges")
    cleanup()
    processes.end(processes.marked())
    say("removing the fabric, putting the machine's settings back")
    fabric.down()
    sysctls.put_back()
    for mount in _mounts_below(str(settings.STATE), str(settings.RUN)):
        run(["umount", "--lazy", mount], check=False)
    for folder in (settings.STATE, settings.RUN):
        shutil.rmtree(folder, ignore_errors=True)
    _remove_empty_groups()


def _remove_empty_groups(root: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the control groups that guests left; the kernel refuses for one that still holds a process."""
    for hierarchy in root.glob("*/libpod_parent"):
        for folder, _, _ in os.walk(hierarchy, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def _mounts_below(*folders: str) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    return [point for point in reversed(points) if any(point == f or point.startswith(f"{f}/") for f in folders)]


def _images(say: Say) -> str:
    return ", ".join(image.ensure(offered["suite"]) for offered in operator.catalog()["images"].values())


def _artifacts(say: Say) -> None:
    mirror.ensure(say, others=False)


def _mirror(say: Say) -> str:
    mirror.publish()
    return _list(supervise.start(mirror.programs(), say))


def _prune(say: Say) -> None:
    build.prune({build.environment_folder(), build.daemons_folder(), schema.cached_folder()})


def _proxy(say: Say) -> str:
    return _list(supervise.start(package_proxy.programs(), say))


def _iam(say: Say) -> str:
    iam.ensure()
    return _list(supervise.start(iam.programs(), say))


def _fabric(say: Say) -> str:
    sysctls.note_and_raise()
    made = fabric.up()
    settings.RUN.mkdir(parents=True, exist_ok=True)
    started = supervise.up()
    return "made" if made or started else ""


def _identity(say: Say) -> str:
    marker = daemons.DATABASE_DATA / "bootstrapped"
    if schema.restore():
        remove_guests()
    services.prepare()
    everything = {program.name: program for program in [*daemons.programs(), *services.apis()]}
    started = supervise.start([everything["mariadb"]], say)
    if not marker.exists():
        operator.bootstrap()
        marker.touch()
    started += supervise.start([everything["keystone"], everything["rabbitmq"]], say)
    operator.write_clouds()
    operator.ensure_identity(operator.connect())
    return _list(started)


def _control(say: Say) -> str:
    return _list(supervise.start([*daemons.programs(), *services.apis(), *services.workers()], say))


def _offer(say: Say) -> None:
    operator.ensure_offer(operator.connect())


def _reports(say: Say) -> None:
    podman.thaw()  # a benchmark that was killed may have left servers frozen
    cloud = operator.connect()
    started = {name: datetime.fromtimestamp(info["start"], UTC) for name, info in supervise.states().items()}
    reports.wait_for_reports(cloud, started)
    reports.wait_for_cards(cloud)
    reports.wait_for_volumes(cloud)
    operator.ensure_aggregates(cloud)


def _list(names: Sequence[str]) -> str:
    return f"started {', '.join(sorted(set(names)))}" if names else ""
