"""Run the platform's playbooks on the lab, and show on one page what came of it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from lab import timings
from lab.settings import REPOSITORY, SITE_STATE

INVENTORY = REPOSITORY / "inventories" / "lab"
STATUS = SITE_STATE / "status.json"
CAPACITY = SITE_STATE / "capacity.json"


BELOW = ("site", "cloud", "host")
"""Layers that all others stand on."""


def run_playbooks(*names: str, stdout: TextIO | None = None, words: Sequence[str] = ()) -> int:
    """Run ``playbooks/<name>.yml`` in turn on the lab, record their time and return the exit status."""
    files = [f"playbooks/{name}.yml" for name in names]
    command = [str(REPOSITORY / ".venv/bin/ansible-playbook"), "-i", str(INVENTORY), *files, *words]
    with timings.phase(" ".join(files)):
        return subprocess.run(command, cwd=REPOSITORY, stdout=stdout, check=False).returncode


def site(layers: str | None) -> int:
    """Converge the whole site, or only the layers named, whose playbooks have their names."""
    if not layers:
        return run_playbooks("site")
    return run_playbooks("preflight", "cloud", "preflight_hosts", *layers.split(","))


def document_of(name: str, path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Run a playbook, its log on standard error, and return its exit status and document (empty when it wrote none)."""
    path.unlink(missing_ok=True)
    code = run_playbooks(name, stdout=sys.stderr, words=words)
    return code, json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def capacity() -> int:
    code, document = document_of("capacity", CAPACITY)
    if not document:
        problems = ["capacity.yml ended without a report; is the lab up? (make lab)"]
        document = {"cards": 0, "gpus": 0, "allocated": 0, "problems": problems}
    print(json.dumps(document, indent=2))
    return code


def status() -> int:
    code, document = document_of("status", STATUS)
    if not document:
        document = {
            "ok": False,
            "checks": [],
            "failures": ["status.yml ended without a report; is the lab up? (make lab)"],
        }
    print(json.dumps(document, indent=2))
    return code


def summary(document: dict[str, Any], times: dict[str, float]) -> str:
    """Return the page that closes `make lab`: hosts with their facts, how to reach the API server, times, verdict."""
    key = SITE_STATE / "id_ed25519"
    lines = ["", f"The lab's site at {document.get('time', '?')}", ""]
    for check in document.get("checks", []):
        mark = "ok  " if check["ok"] else "FAIL"
        lines.append(f"  {mark} {check['host']:<14} {check['layer']:<8} {check['check']:<24} {check['detail']}")
    lines += ["", "Time (seconds)"]
    lines += [f"  {seconds:8.1f}  {name}" for name, seconds in times.items()]
    lines += [
        "",
        f"Kubernetes:  kubectl --kubeconfig {SITE_STATE / 'kubeconfig'} get nodes",
        f"OpenStack:   OS_CLIENT_CONFIG_FILE={SITE_STATE / 'clouds.yaml'} OS_CLOUD=lab",
        f"A machine:   ssh -i {key} -o UserKnownHostsFile={SITE_STATE / 'known_hosts'} debian@ADDRESS",
        "Again:       make site    Health: make -s status    Gone: make lab-down",
        "",
        f"ok: {str(document.get('ok', False)).lower()}",
    ]
    lines += [f"  {failure}" for failure in document.get("failures", [])]
    return "\n".join(lines)


def raise_lab(layers: str | None) -> int:
    up = subprocess.run([sys.executable, "-m", "lab", "up"], cwd=REPOSITORY, check=False).returncode
    if up:
        return up
    converged = site(layers)
    asked = ["-e", f"status_layers={','.join([*BELOW, layers])}"] if layers else []
    code, document = document_of("status", STATUS, *asked)
    print(summary(document, timings.recorded()))
    return converged or code


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.site", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, explanation in (
        ("raise", "raise the cloud, run site.yml, show the summary"),
        ("site", "run site.yml again"),
        ("status", "print the status document"),
        ("capacity", "print who holds which GPU"),
    ):
        command = commands.add_parser(name, help=explanation)
        if name in ("raise", "site"):
            command.add_argument("--layers", help="run only these layers, separated by commas")
    arguments = parser.parse_args()
    os.environ.setdefault("ANSIBLE_CONFIG", str(REPOSITORY / "ansible.cfg"))
    if arguments.command == "status":
        return status()
    if arguments.command == "capacity":
        return capacity()
    return raise_lab(arguments.layers) if arguments.command == "raise" else site(arguments.layers)


if __name__ == "__main__":
    sys.exit(main())
