"""Daily snapshots: one a day, the newest are kept, and whatever has another name stays."""

from __future__ import annotations

from datetime import date

from cephfs_snapshots.turn import superfluous, turn

TODAY = date(2026, 3, 2)


class Folder:
    """Snapshots in memory."""

    def __init__(self, *found: str) -> None:
        self.found = list(found)
        self.steps: list[str] = []

    def snapshots(self) -> list[str]:
        return list(self.found)

    def make(self, name: str) -> None:
        self.steps.append(f"make {name}")
        self.found.append(name)

    def remove(self, name: str) -> None:
        self.steps.append(f"remove {name}")
        self.found.remove(name)


def test_the_days_snapshot_is_made_once() -> None:
    folder = Folder()
    assert turn(folder, 14, TODAY) == ["made daily-2026-03-02"]
    assert turn(folder, 14, TODAY) == []


def test_the_new_one_is_made_before_the_oldest_goes() -> None:
    folder = Folder("daily-2026-03-01", "daily-2026-02-27", "by-hand")
    turn(folder, 2, TODAY)
    assert folder.steps == ["make daily-2026-03-02", "remove daily-2026-02-27"]
    assert "by-hand" in folder.found


def test_a_clock_that_runs_ahead_costs_one_snapshot_and_not_all() -> None:
    names = [f"daily-2026-02-{day:02}" for day in range(1, 15)]
    folder = Folder(*names)
    turn(folder, 14, date(2099, 1, 1))
    assert folder.found == [*names[1:], "daily-2099-01-01"]


def test_only_names_of_ours_go() -> None:
    assert superfluous(["daily-2026-01-01", "daily-2026-01-02", "daily-before-upgrade", "x"], 1) == ["daily-2026-01-01"]
    assert superfluous([], 1) == []
