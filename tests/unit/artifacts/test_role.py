"""The role ai_infn.platform.artifact on this machine, against a small mirror in this process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FILE = "https://dl.k8s.io/v1.37.2/bin/linux/amd64/kubectl"
ARCHIVE = "https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz"
RECORD = Path("/var/lib/ai-infn/downloads.json")
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the role keeps its record below /var/lib")


class Quiet(SimpleHTTPRequestHandler):
    """A file server that does not print."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Mirror:
    """A mirror with one file and one archive, and the digest file that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests = folder / "digests.yml"
        self.path(FILE).parent.mkdir(parents=True)
        self.path(FILE).write_text("#!/bin/sh\n")
        self.path(ARCHIVE).parent.mkdir(parents=True)
        (folder / "bridge").write_text("plugin")
        with tarfile.open(self.path(ARCHIVE), "w:gz") as archive:
            archive.add(folder / "bridge", "bridge")
        self.record({address: self.digest(address) for address in (FILE, ARCHIVE)})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def path(self, address: str) -> Path:
        return self.folder / address.partition("://")[2]

    def digest(self, address: str) -> str:
        return "sha256:" + hashlib.sha256(self.path(address).read_bytes()).hexdigest()

    def record(self, digests: dict[str, str]) -> None:
        self.digests.write_text(yaml.safe_dump({"digests": digests}))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A running mirror; the role's record on this machine is put back afterwards."""
    before = RECORD.read_bytes() if RECORD.exists() else None
    made = Mirror(tmp_path / "mirror")
    yield made
    made.server.shutdown()
    if before is None:
        RECORD.unlink(missing_ok=True)
    else:
        RECORD.write_bytes(before)


def apply(
    mirror: Mirror, dest: Path, *arguments: str, url: str = "", name: str = "kubectl", **options: Any
) -> tuple[int, dict[str, int], str]:
    """Run the role on this machine; exit status, counts of this machine, all that was printed."""
    given = {
        "artifact_files": [{"name": name, "dest": str(dest), **options}],
        "artifact_mirror": url or mirror.url,
        "artifact_digests": str(mirror.digests),
    }
    play = [{"hosts": "localhost", "gather_facts": False, "roles": [{"role": "ai_infn.platform.artifact"}]}]
    playbook = mirror.folder / "play.yml"
    playbook.write_text(yaml.safe_dump(play))
    done = subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook), *arguments,
         "-e", json.dumps(given)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    counts = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout.partition("PLAY RECAP")[2])}
    return done.returncode, counts, " ".join((done.stdout + done.stderr).split())


def test_a_file_is_downloaded_once_and_repaired_when_altered(mirror: Mirror, tmp_path: Path) -> None:
    dest = tmp_path / "kubectl"
    status, counts, text = apply(mirror, dest, "--check")
    assert (status, counts["changed"]) == (0, 1), text
    assert not dest.exists()
    status, counts, text = apply(mirror, dest)
    assert (status, counts["changed"]) == (0, 1), text
    assert dest.stat().st_mode & 0o777 == 0o755
    assert apply(mirror, dest)[1]["changed"] == 0
    dest.write_text("altered")
    assert apply(mirror, dest)[1]["changed"] == 1
    assert dest.read_text() == "#!/bin/sh\n"


def test_an_archive_is_unpacked_once(mirror: Mirror, tmp_path: Path) -> None:
    options: dict[str, Any] = {"name": "containernetworking-plugins", "extract": True}
    dest = tmp_path / "bin"
    assert apply(mirror, dest, "--check", **options)[0] == 0
    status, counts, text = apply(mirror, dest, **options)
    assert (status, counts["changed"]) == (0, 1), text
    assert (dest / "bridge").read_text() == "plugin"
    assert apply(mirror, dest, **options)[1]["changed"] == 0


def test_a_wrong_digest_stops_the_role_and_names_the_command(mirror: Mirror, tmp_path: Path) -> None:
    mirror.record({FILE: "sha256:" + "0" * 64})
    status, _, text = apply(mirror, tmp_path / "kubectl")
    assert status != 0
    assert "make lock-upstream" in text
    assert "Nothing was put in place" in text
    assert not (tmp_path / "kubectl").exists()


def test_an_unreachable_mirror_names_the_address_and_the_option(mirror: Mirror, tmp_path: Path) -> None:
    status, _, text = apply(mirror, tmp_path / "kubectl", url="http://127.0.0.1:9")
    assert status != 0
    assert "http://127.0.0.1:9/dl.k8s.io/v1.37.2/bin/linux/amd64/kubectl" in text
    assert "artifact_mirror" in text


def test_a_missing_digest_stops_the_role_before_it_downloads(mirror: Mirror, tmp_path: Path) -> None:
    mirror.record({})
    status, _, text = apply(mirror, tmp_path / "kubectl")
    assert status != 0
    assert "has no digest of kubectl" in text


def test_an_image_cannot_be_downloaded_by_the_role(mirror: Mirror, tmp_path: Path) -> None:
    mirror.record({"registry.k8s.io/pause:3.10.2": "sha256:" + "1" * 64})
    status, _, text = apply(mirror, tmp_path / "pause", name="pause")
    assert status != 0
    assert "is an image in the lock" in text
