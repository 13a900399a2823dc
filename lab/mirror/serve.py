"""Lays the made artifacts out for the two servers (files and images) and says how these are run."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from lab.mirror import registry
from lab.mirror.recipes import Recipe
from lab.mirror.store import Store, link_or_copy, same_file
from lab.programs import Program

MADE_BY = "make mirror"
NGINX = """\
# Serves {files} at the upstream paths.
user root;
worker_processes 2;
daemon off;
pid {run}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  server {{
    listen {address}:{port};
    root {files};
    autoindex on;
  }}
}}
"""


def lay_out(folder: Path, store: Store, made: Iterable[tuple[Recipe, Path, dict[str, Any]]]) -> dict[str, str]:
    """Lay files and registry storage into ``folder`` and write its digests.yml; return upstream address -> digest.

    Every step replaces whole files, so servers that already run over ``folder`` go on.
    """
    digests: dict[str, str] = {}
    for item, entry, record in made:
        artifact = item.artifact
        if artifact.is_image:
            image = registry.Image(artifact.address, record["digest"], record["config"], record["layers"])
            registry.write_image(folder / "registry", store, image)
        else:
            target = folder / "files" / artifact.address.partition("://")[2]
            if not same_file(entry / record["file"], target):
                link_or_copy(entry / record["file"], target)
        digests[artifact.address] = record["digest"]
    write_digests(folder / "digests.yml", digests)
    return digests


def write_digests(path: Path, digests: dict[str, str]) -> None:
    """Write the digest file of the lab; see plugins/module_utils/artifacts.py for its shape."""
    text = "---\n# Written by the lab's build. A build made here never equals the upstream release.\n"
    text += yaml.safe_dump({"made_by": MADE_BY, "digests": digests}, width=200)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def answers(url: str) -> Callable[[], bool]:
    """A predicate: whether ``url`` answers 200 within two seconds."""

    def ask() -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return ask


def server_programs(folder: Path, address: str, file_port: int, registry_port: int) -> list[Program]:
    """The two servers over ``folder``; writes their configurations."""
    run = folder / "run"
    run.mkdir(parents=True, exist_ok=True)
    for name in ("files", "registry"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(NGINX.format(files=folder / "files", run=run, address=address, port=file_port))
    settings = registry.configuration(folder / "registry", address, registry_port)
    (folder / "registry.yml").write_text(yaml.safe_dump(settings))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    store = shutil.which("docker-registry") or "/usr/bin/docker-registry"
    return [
        Program(
            name="artifact-mirror",
            command=(nginx, "-p", str(run), "-e", "stderr", "-c", str(folder / "nginx.conf")),
            ready=answers(f"http://{address}:{file_port}/"),
            directory=folder,
        ),
        Program(
            name="registry-mirror",
            command=(store, "serve", str(folder / "registry.yml")),
            ready=answers(f"http://{address}:{registry_port}/v2/"),
        ),
    ]


def write_times(path: Path, made: Iterable[tuple[Recipe, dict[str, Any]]]) -> None:
    """Write what each artifact cost: seconds by the clock, seconds of processor, bytes."""
    times = {
        f"{item.artifact.name} {item.artifact.version}": {
            key: record[key] for key in ("seconds", "processor_seconds", "size") if key in record
        }
        for item, record in made
    }
    path.write_text(json.dumps(times, indent=1) + "\n")
