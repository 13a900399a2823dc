"""Whatever dies, who writes goes on without a hand, and nothing that is said to be on disk is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.machine.processes import wait_for
from lab.storage.cluster import CLIENT, FIRST, HOSTS, Storage
from lab.storage.writer import Writer, longest_pause, lost, writing
from tests.platform.storage.test_ceph import SECOND
from tests.platform.storage.test_ceph import pytestmark as pytestmark

FOLDER = "/shared/homes/writing"
RESUMES_S = 150.0
"""Within this writing goes on: Ceph waits 20 s for a dead OSD, 45 s for clients of a dead metadata server, and as long
for a client that is gone."""


def kill(unit: str) -> Callable[[Storage, str], object]:
    """Kill the processes of a unit as nobody who expects it would."""
    return lambda storage, host: storage.run(host, "systemctl", "kill", "--signal=KILL", unit)


def written(storage: Storage, path: str) -> str:
    """What another host reads of a file, which is more than what the client believes of it."""
    return storage.run(FIRST, "cat", path)


def goes_on(writer: Writer, after: float) -> Callable[[], bool]:
    return lambda: len([one for one in writer.acknowledged() if one.at > after]) > 20


@pytest.fixture
def folder(storage: Storage) -> str:
    storage.run(CLIENT, "mkdir", "-p", FOLDER)
    return FOLDER


FAULTS: dict[str, tuple[Callable[[Storage], str], Callable[[Storage, str], object]]] = {
    "osd": (lambda _: SECOND, kill("ceph-osd@*.service")),
    "metadata-server": (Storage.serving, kill("ceph-mds@*.service")),
    "storage-host": (lambda _: SECOND, Storage.start),
    "host-with-the-monitor": (lambda _: FIRST, Storage.start),
    "client": (lambda _: CLIENT, kill("shared-filesystem.service")),
}
"""On which host what happens."""


@pytest.mark.parametrize("fault", FAULTS)
def test_writing_goes_on_and_nothing_is_lost(storage: Storage, folder: str, fault: str, tmp_path: Path) -> None:
    where, act = FAULTS[fault]
    path = f"{folder}/{fault}"
    with writing(CLIENT, path, tmp_path / "log") as writer:
        assert wait_for(goes_on(writer, 0), 30, 0.1), "it does not begin"
        happened = time.time()
        act(storage, where(storage))
        resumed = wait_for(goes_on(writer, time.time()), RESUMES_S, 0.2)
        assert resumed, f"{fault}: nothing was written for {time.time() - happened:.0f} s"
        until = time.time()
    said = writer.acknowledged()
    print(f"{fault}: {len(said)} writes, the longest pause was {longest_pause(said, until):.1f} s")
    text = written(storage, path)
    assert lost(said, text) == [], text
    storage.wait_until_well()


def test_after_a_power_cut_of_the_client_all_it_was_told_is_there(
    storage: Storage, folder: str, tmp_path: Path
) -> None:
    path = f"{folder}/client-host"
    with writing(CLIENT, path, tmp_path / "log") as writer:
        assert wait_for(goes_on(writer, 0), 30, 0.1), "it does not begin"
        storage.start(CLIENT)
    said = writer.acknowledged()
    assert wait_for(lambda: storage.run(CLIENT, "ls", folder, check=False) != "", RESUMES_S, 0.5), "no mount"
    with writing(CLIENT, path, tmp_path / "more", said[-1].number + 1000) as writer:
        assert wait_for(goes_on(writer, 0), RESUMES_S, 0.1), "it cannot go on"
    assert lost([*said, *writer.acknowledged()], written(storage, path)) == []


def test_every_host_has_its_daemons_again(storage: Storage) -> None:
    storage.wait_until_well()
    status = storage.ceph("status")
    assert (status["osdmap"]["num_up_osds"], status["fsmap"]["up:standby"]) == (len(HOSTS), len(HOSTS) - 1)
