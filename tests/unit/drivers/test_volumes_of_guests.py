"""A guest's volumes come and go, and its description always says which it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.drivers.nova import translate
from lab.machine import guest as guests
from lab.machine.volumes import Attachment

DATA = translate.attachment({"data": {"volume_id": "1", "path": "/volumes/1"}}, "/dev/vdb")
LOG = Attachment(volume="2", file="/volumes/2", device="/dev/vdc")


class Kernel:
    """Loop devices that are held and nodes that are in the guest."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.seen: dict[str, int] = {}

    def add(self, volume: Attachment, process: int) -> None:
        self.seen[volume.device] = process

    def take(self, volume: Attachment, process: int) -> None:
        assert self.seen.pop(volume.device) == process


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    """A machine with one guest, which runs as process 7."""
    made = Kernel()
    monkeypatch.setattr(guests, "GUESTS", tmp_path)
    monkeypatch.setattr(guests, "running_process", lambda guest: 7)
    monkeypatch.setattr(guests.volumes, "hold", made.held.add)
    monkeypatch.setattr(guests.volumes, "add_to_guest", made.add)
    monkeypatch.setattr(guests.volumes, "take_from_guest", made.take)
    guests.save(guests.Guest(uuid="u", name="server", image="image", volumes=(LOG,)))
    return made


def known() -> guests.Guest:
    guest = guests.load("u")
    assert guest is not None
    return guest


def test_a_volume_from_cinder_appears_in_a_running_guest_and_is_remembered(kernel: Kernel) -> None:
    guests.attach(known(), DATA)
    assert known().volumes == (LOG, DATA)
    assert (kernel.held, kernel.seen) == ({"/volumes/1"}, {"/dev/vdb": 7})


def test_a_volume_that_is_attached_again_is_there_once(kernel: Kernel) -> None:
    guests.attach(known(), DATA)
    guests.attach(known(), Attachment(volume="1", file="/volumes/1", device="/dev/vdd"))
    assert [volume.device for volume in known().volumes] == ["/dev/vdc", "/dev/vdd"]


def test_a_volume_goes_and_the_others_stay(kernel: Kernel) -> None:
    guests.attach(known(), DATA)
    guests.detach(known(), DATA)
    assert known().volumes == (LOG,)
    assert kernel.seen == {}


def test_a_guest_that_does_not_run_finds_its_volume_at_its_next_boot(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "running_process", lambda guest: None)
    guests.attach(known(), DATA)
    assert known().volumes == (LOG, DATA)
    assert kernel.seen == {}
    guests.detach(known(), DATA)
    assert known().volumes == (LOG,)
