"""The machine image's recipe and the files of volumes."""

from __future__ import annotations

import os
from pathlib import Path

from lab.drivers import nova_compute
from lab.drivers.cinder import files
from lab.machine import apt, image, processes, volumes

DEB822 = """\
Types: deb
# a comment between the fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://elsewhere.example
Suites: nodistro
Components: main
"""


def test_the_guests_packages_come_from_the_hosts_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(
        "deb [trusted=yes] http://security.example/ bookworm-security main contrib\n"
    )
    assert apt.sources("trixie", tmp_path, "bookworm").splitlines() == [
        "deb http://security.example/ trixie-security main contrib",
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
    ]


def test_package_lists_may_hold_comments(tmp_path: Path) -> None:
    (tmp_path / "packages").write_text("# list\none two # three\n\nfour\n")
    assert image.packages(tmp_path / "packages") == ["one", "two", "four"]


def test_a_process_is_known_by_its_birth() -> None:
    assert processes.birth(os.getpid()) is not None
    assert processes.birth(2**22 + 1) is None


def test_a_volume_takes_no_space_before_it_is_written(tmp_path: Path) -> None:
    file = files.path_of("v", tmp_path)
    files.create(file, 10)
    assert (file.stat().st_size, file.stat().st_blocks) == (10 * files.GIB, 0)


def test_a_volume_grows_and_never_shrinks(tmp_path: Path) -> None:
    file = files.path_of("v", tmp_path)
    files.create(file, 2)
    files.extend(file, 3)
    files.extend(file, 1)
    assert file.stat().st_size == 3 * files.GIB


def test_creating_a_volume_again_keeps_its_data(tmp_path: Path) -> None:
    file = files.path_of("v", tmp_path)
    files.create(file, 1)
    with file.open("r+b") as opened:
        opened.write(b"kept")
    files.create(file, 1)
    with file.open("rb") as opened:
        assert opened.read(4) == b"kept"


def test_a_volume_has_the_name_in_the_guest_that_a_virtual_machine_gives_it() -> None:
    attachment = volumes.Attachment("11111111-2222-4333-8444-555555555555", "/x", "/dev/vdb")
    assert attachment.link == "/dev/disk/by-id/virtio-11111111-2222-4333-8"


def test_a_compute_service_keeps_its_identity_over_resets(tmp_path: Path) -> None:
    file = tmp_path / "nova.conf"
    file.write_text("[DEFAULT]\nhost = gpu-server-1\nstate_path = /x\n")
    host, state = nova_compute.configuration(["--config-file", str(file)])
    assert (host, state) == ("gpu-server-1", Path("/x"))
    assert (
        nova_compute.compute_id(host)
        == nova_compute.compute_id("gpu-server-1")
        != nova_compute.compute_id("gpu-server-2")
    )
