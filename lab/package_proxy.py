"""The proxy through which guests install Debian packages: on the machine's own network, reached through the fabric.

It asks only the hosts of the machine's own package sources, and keeps packages in the cache: the next lab's guests
install without asking the outside world again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from lab import fabric, settings, supervise, sysctls
from lab.machine import apt, image
from lab.openstack.readiness import answers
from lab.programs import Program

CACHE = settings.CACHE / "packages"
FOLDER = settings.STATE / "package-proxy"
RESOLVER = Path("/etc/resolv.conf")
HEALTH = "/lab-health"
NGINX = """\
daemon off;
user root;
error_log stderr warn;
pid {run}/package-proxy.pid;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    {resolver}
    client_body_temp_path {run}/package-proxy-body;
    proxy_temp_path {run}/package-proxy-temp;
    proxy_cache_path {cache} levels=1:2 keys_zone=packages:4m max_size=3g inactive=90d use_temp_path=off;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    map $host $known {{
        default 0;
{hosts}
    }}
    server {{
        listen {address}:{port};
        location = {health} {{ return 204; }}
        location / {{
            if ($known = 0) {{ return 403; }}
            proxy_pass http://$host$request_uri;
        }}
        location ~ \\.deb$ {{
            if ($known = 0) {{ return 403; }}
            proxy_pass http://$host$request_uri;
            proxy_cache packages;
            proxy_cache_key $host$uri;
            proxy_cache_valid 200 90d;
            proxy_cache_lock on;
            proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
        }}
    }}
}}
"""


def hosts_of(sources: str) -> list[str]:
    """Host names of the plain HTTP archives in one-line package sources, sorted."""
    names = (urlsplit(line.split()[1]) for line in sources.splitlines() if line.startswith("deb "))
    return sorted({name.hostname for name in names if name.scheme == "http" and name.hostname})


def name_servers(resolver: str) -> list[str]:
    """Addresses in the text of resolv.conf, as nginx writes them."""
    found = [line.split()[1] for line in resolver.splitlines() if line.startswith("nameserver ")]
    return [f"[{address}]" if ":" in address else address for address in found]


def configuration(hosts: Sequence[str], servers: Sequence[str]) -> str:
    """nginx as a forward proxy for ``hosts`` that keeps every .deb: a package's name includes its version."""
    return NGINX.format(
        run=settings.RUN,
        cache=CACHE,
        address=settings.HOST_ADDRESS,
        port=settings.PACKAGE_PROXY_PORT,
        health=HEALTH,
        resolver=f"resolver {' '.join(servers)} ipv6=off;" if servers else "",
        hosts="\n".join(f"        {host} 1;" for host in hosts),
    )


def programs() -> list[Program]:
    """The proxy; guests see it at ``settings.PACKAGE_PROXY``."""
    for folder in (CACHE, FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "nginx.conf"
    known = hosts_of(apt.sources(image.SUITE))
    file.write_text(configuration(known, name_servers(RESOLVER.read_text(encoding="utf-8"))), encoding="utf-8")
    return [
        Program(
            "package-proxy",
            [
                "nsenter",
                f"--net={fabric.OUTSIDE_FILE}",
                "/usr/sbin/nginx",
                "-p",
                str(FOLDER),
                "-e",
                "stderr",
                "-c",
                str(file),
            ],
            answers(settings.PACKAGE_PROXY_PORT, HEALTH, settings.HOST_ADDRESS),
            directory=FOLDER,
        )
    ]


@contextmanager
def for_guests() -> Iterator[None]:
    """The proxy for guests made by hand: that of the raised lab, or one for as long as the body lasts."""
    borrowed = not sysctls.NOTE.exists()
    sysctls.note_and_raise()
    fabric.up()
    (program,) = programs()
    ours = not supervise.serves(program)
    try:
        if ours:
            supervise.up()
            supervise.start([program])
        yield
    finally:
        if ours:
            supervise.down()
        if borrowed:
            sysctls.put_back()
            sysctls.NOTE.unlink()
