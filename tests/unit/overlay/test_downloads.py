"""Downloads of a host: which it lacks, and that they come whole or not at all."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.downloads import (
    Download,
    DownloadError,
    digest,
    fetch,
    is_current,
    key,
    place,
    unpack,
)

from lab.mirror.debian import make_package


def test_a_download_is_current_only_while_its_files_are_as_they_were() -> None:
    item = Download("https://x/y", "sha256:1", "/bin/y")
    record = {key(item): {"checksum": "sha256:1", "files": {"/bin/y": [1, 2, 3, 4]}}}
    assert is_current(item, record, {"/bin/y": [1, 2, 3, 4]})
    assert not is_current(item, record, {"/bin/y": [1, 9, 3, 4]})
    assert not is_current(item, record, {"/bin/y": None})
    assert not is_current(Download("https://x/y", "sha256:2", "/bin/y"), record, {"/bin/y": [1, 2, 3, 4]})


def test_an_archive_is_read_no_further_than_its_last_wanted_member(tmp_path: Path) -> None:
    archive, folder = tmp_path / "plugins.tar", tmp_path / "bin"
    with tarfile.open(archive, "w") as bundle:
        for name in ("bridge", "portmap"):
            (tmp_path / name).write_text(name)
            bundle.add(tmp_path / name, name)
    with tarfile.open(archive) as bundle:
        second = bundle.getmember("portmap").offset
    archive.write_bytes(archive.read_bytes()[:second] + b"no header" * 200)
    wanted = Download("file:///plugins.tar", "", str(folder), members=("bridge",), extract=True)
    drafts: dict[str, str] = {}
    unpack(str(archive), wanted, drafts)
    assert list(drafts) == [str(folder / "bridge")]
    with pytest.raises((ValueError, tarfile.TarError)):
        unpack(str(archive), replace(wanted, members=("bridge", "portmap")), {})


def test_a_debian_package_is_unpacked_as_an_archive_is(tmp_path: Path) -> None:
    (tmp_path / "nvidia-ctk").write_text("program")
    package, folder = tmp_path / "toolkit_1.0-1_amd64.deb", tmp_path / "bin"
    make_package("toolkit", "1.0", {"nvidia-ctk": tmp_path / "nvidia-ctk"}, package)
    checksum = digest(str(package))
    item = Download(package.as_uri(), checksum, str(folder), members=("nvidia-ctk",), strip=2, extract=True)
    fetch([item], {})
    assert (folder / "nvidia-ctk").read_text() == "program" and (folder / "nvidia-ctk").stat().st_mode & 0o111
    package.write_bytes(package.read_bytes()[:70])
    with pytest.raises(DownloadError, match="holds no files"):
        fetch([replace(item, checksum=digest(str(package)))], {})


def test_members_of_an_archive_are_chosen_without_leading_folders() -> None:
    assert place("etcd-v3/etcdctl", ("etcdctl",), 1) == "etcdctl"
    assert place("etcd-v3/etcd", ("etcdctl",), 1) is None
    assert place("./bridge", (), 0) == "bridge"


@pytest.mark.parametrize("name", ["../../etc/passwd", "bridge"])
def test_an_archive_that_lacks_a_member_or_leaves_the_folder_changes_nothing(name: str, tmp_path: Path) -> None:
    archive, folder = tmp_path / "plugins.tar", tmp_path / "bin"
    with tarfile.open(archive, "w") as bundle:
        bundle.addfile(tarfile.TarInfo(name))
    item = Download(archive.as_uri(), digest(str(archive)), str(folder), members=("loopback", "bridge"), extract=True)
    with pytest.raises(DownloadError, match="archive"):
        fetch([item], {})
    assert not list(folder.iterdir())


def test_nothing_is_put_in_place_when_one_of_several_is_not_what_the_lock_names(tmp_path: Path) -> None:
    archive, folder = tmp_path / "plugins.tar", tmp_path / "bin"
    record: dict[str, object] = {}
    with tarfile.open(archive, "w") as bundle:
        bundle.addfile(tarfile.TarInfo("bridge"))
    right = Download(archive.as_uri(), digest(str(archive)), str(folder), extract=True)
    wrong = Download(archive.as_uri(), "sha256:0", str(folder / "kubelet"))
    with pytest.raises(DownloadError, match="lock-upstream"):
        fetch([right, wrong], record)
    assert not list(folder.iterdir())
    assert record == {}
    fetch([right], record)
    assert [path.name for path in folder.iterdir()] == ["bridge"]
    assert list(record) == [str(folder)]
