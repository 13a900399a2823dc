"""The proxy through which guests install Debian packages: on the machine's own network, reached through the fabric.

It keeps what it fetched in the cache, so that the next lab's guests install without asking the outside world again.
"""

from __future__ import annotations

from lab import fabric, settings
from lab.openstack import build, services
from lab.programs import Program

CACHE = settings.CACHE / "packages"


def programs() -> list[Program]:
    """The proxy; guests see it at ``settings.PACKAGE_PROXY``."""
    CACHE.mkdir(parents=True, exist_ok=True)
    options = {
        "ForeGround": "1", "CacheDir": "/data", "LogDir": "/tmp", "SocketPath": "/run/apt-cacher-ng.socket",  # noqa: S108
        "PidFile": "/run/apt-cacher-ng.pid", "BindAddress": settings.HOST_ADDRESS, "Port": str(settings.PACKAGE_PROXY_PORT),
        "ExThreshold": "30", "VerboseLog": "0",
    }
    inside = build.inside_daemons(
        ["/usr/sbin/apt-cacher-ng", "-c", "/etc/apt-cacher-ng", *(f"{key}={value}" for key, value in options.items())],
        {str(CACHE): "/data"},
    )
    at = inside.index("--")
    names = [part for file in ("/etc/resolv.conf", "/etc/hosts") for part in ("--ro-bind", file, file)]
    command = [*inside[:at], *names, *inside[at:]]
    return [Program(
        "package-proxy", ["nsenter", f"--net={fabric.OUTSIDE_FILE}", *command],
        services.answers(settings.PACKAGE_PROXY_PORT, "/acng-report.html", settings.HOST_ADDRESS),
    )]
