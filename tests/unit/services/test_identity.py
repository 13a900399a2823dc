"""Files of accounts that a site has, and folders whose steps may be repeated."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from identity.commands import CommandError, rows_of
from identity.folders import Folders

HEADER = "issuer,subject,name,number\n"


def file_of(folder: Path, text: str) -> Path:
    path = folder / "accounts.csv"
    path.write_text(text)
    return path


def test_accounts_of_a_file(tmp_path: Path) -> None:
    rows = rows_of(file_of(tmp_path, HEADER + "https://iam,s1,alice,5001\n"))
    assert rows == [{"issuer": "https://iam", "subject": "s1", "name": "alice", "number": "5001"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,number\nalice,1\n", "Needed: the columns issuer,subject,name,number"),
        (HEADER + "i,s,alice,1\ni,s2,bob,\n", "line 3"),
        (HEADER + "i,s,alice,-1\n", "line 2"),
        (HEADER + "i,s,alice,0\n", "line 2"),
        (HEADER + "i,s,alice,2147483648\n", "line 2"),
        (HEADER + "i,s,alice\n", "line 2"),
        (HEADER + "i,s,alice,1,2\n", "line 2"),
    ],
)
def test_a_file_that_does_not_say_all_is_refused_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        rows_of(file_of(tmp_path, text))


class Disk:
    """What libcephfs does, on a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.owners: dict[Path, tuple[int, int]] = {}

    def at(self, path: str | bytes) -> Path:
        return self.root / (path.decode() if isinstance(path, bytes) else path).lstrip("/")

    def mkdir(self, path: str, mode: int) -> None:
        self.at(path).mkdir(mode)

    def rename(self, old: str, new: str) -> None:
        if self.at(old).exists() and self.at(new).is_dir() and any(self.at(new).iterdir()):
            raise OSError(errno.ENOTEMPTY, "not empty")
        self.at(old).rename(self.at(new))

    def setxattr(self, path: str, name: str, value: bytes, flags: int) -> None:
        self.at(path).stat()

    def stat(self, path: str) -> Any:
        found = self.at(path).stat()
        uid, gid = self.owners.get(self.at(path), (0, 0))
        return SimpleNamespace(st_uid=uid, st_gid=gid, st_mode=found.st_mode)

    def lstat(self, path: bytes) -> Any:
        return self.at(path).lstat()

    def chown(self, path: str, uid: int, gid: int) -> None:
        self.owners[self.at(path)] = (uid, gid)

    def chmod(self, path: str, mode: int) -> None:
        self.at(path).chmod(mode)

    def unlink(self, path: bytes) -> None:
        self.at(path).unlink()

    def rmdir(self, path: bytes) -> None:
        self.at(path).rmdir()

    def opendir(self, path: bytes) -> Any:
        return Listing([b".", b"..", *(one.name.encode() for one in self.at(path).iterdir())])

    def readdir(self, listing: Listing) -> Any:
        return SimpleNamespace(d_name=listing.names.pop(0)) if listing.names else None


class Listing:
    def __init__(self, names: list[bytes]) -> None:
        self.names = names

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None: ...


ERRORS: Any = SimpleNamespace(ObjectNotFound=FileNotFoundError, ObjectExists=FileExistsError, NoData=KeyError)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("homes", "groups"):
        (tmp_path / name).mkdir()
    return Folders(Disk(tmp_path), ERRORS, lambda: None)


def mode_of(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_folders_are_made_once_and_an_owners_mode_stays(folders: Folders, tmp_path: Path) -> None:
    folders.have_home(7, 100)
    folders.have_group(8, 0)
    assert (mode_of(tmp_path / "homes/7"), mode_of(tmp_path / "groups/8")) == ("0o700", "0o2770")
    (tmp_path / "homes/7").chmod(0o750)
    folders.have_home(7, 200)
    assert mode_of(tmp_path / "homes/7") == "0o750"


def test_a_home_goes_to_the_archive_and_comes_back_with_what_is_in_it(folders: Folders, tmp_path: Path) -> None:
    folders.have_home(7, 100)
    (tmp_path / "homes/7/thesis").write_text("done")
    for _ in range(2):
        folders.archive_home(7)
    assert not (tmp_path / "homes/7").exists() and mode_of(tmp_path / "homes/archive") == "0o700"
    folders.have_home(7, 100)
    assert (tmp_path / "homes/7/thesis").read_text() == "done"


def test_a_removal_takes_all_of_a_home_and_nothing_that_a_link_leads_to(folders: Folders, tmp_path: Path) -> None:
    folders.have_home(7, 100)
    folders.have_home(9, 100)
    (tmp_path / "homes/9/mine").write_text("mine")
    (tmp_path / "homes/7/a/b").mkdir(parents=True)
    (tmp_path / "homes/7/a/b/file").write_text("x")
    (tmp_path / "homes/7/a/link").symlink_to(tmp_path / "homes/9")
    folders.archive_home(7)
    for _ in range(2):
        folders.remove_archived(7)
    assert list((tmp_path / "homes/archive").iterdir()) == []
    assert (tmp_path / "homes/9/mine").read_text() == "mine"
