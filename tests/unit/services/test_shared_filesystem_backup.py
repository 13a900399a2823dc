"""A backup: of the last snapshots, into a repository that is made once and never in another one's place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shared_filesystem_backup.turn import BackupError, Settings, back_up, begin, newest, summary

NOTHING = "Fatal: unable to open config file: no such file\nIs there a repository at the following location?"
SUMMARY = {
    "message_type": "summary", "snapshot_id": "ab12", "total_files_processed": 2, "total_bytes_processed": 9,
    "data_added": 4,
}  # fmt: skip


class Restic:
    """Answers as restic does, and remembers what it was asked."""

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *words: str) -> str:
        self.asked.append(words)
        if words[0] == "cat" and self.trouble:
            raise BackupError(self.trouble)
        return json.dumps({"message_type": "status"}) + "\n" + json.dumps(SUMMARY)

    @property
    def verbs(self) -> list[str]:
        return [words[0] for words in self.asked]


def settings(folder: Path) -> Settings:
    keep = {"weekly": 8, "daily": 14}
    return Settings("trial", "backup", ["/homes"], "/r", "/p", "/e", keep, "trial", str(folder))


def test_the_last_daily_snapshot_is_taken() -> None:
    assert newest(["daily-2026-03-01", "daily-2026-03-02", "zz-by-hand", "_daily-2027-01-01_1"], "/homes") == (
        "daily-2026-03-02"
    )
    with pytest.raises(BackupError, match="/homes has no daily snapshot"):
        newest(["by-hand"], "/homes")


def test_a_repository_is_made_where_none_ever_was(tmp_path: Path) -> None:
    restic = Restic(NOTHING)
    begin(restic, "/r", tmp_path / "begun")
    assert restic.verbs == ["cat", "init"]
    assert (tmp_path / "begun").read_text() == "/r\n"


def test_none_is_made_in_the_place_of_one_that_is_away(tmp_path: Path) -> None:
    begin(Restic(), "/r", tmp_path / "begun")
    restic = Restic(NOTHING)
    with pytest.raises(BackupError, match="/r has no repository any more"):
        begin(restic, "/r", tmp_path / "begun")
    assert restic.verbs == ["cat"]


@pytest.mark.parametrize("trouble", ["Fatal: wrong password or no key found", "dial tcp: connection refused"])
def test_none_is_made_where_one_cannot_be_read(trouble: str, tmp_path: Path) -> None:
    restic = Restic(trouble)
    with pytest.raises(BackupError, match=trouble.split()[-1]):
        begin(restic, "/r", tmp_path / "begun")
    assert restic.verbs == ["cat"]


def test_old_backups_go_only_after_the_new_one_is_there(tmp_path: Path) -> None:
    restic = Restic()
    report = back_up(restic, settings(tmp_path), {"/run/homes": "daily-2026-03-02"})
    assert restic.verbs == ["cat", "backup", "forget"]
    assert restic.asked[1][-3:] == ("--tag", "daily-2026-03-02", "/run/homes")
    assert restic.asked[2][-2:] == ("--keep-daily=14", "--keep-weekly=8")
    assert (report["id"], report["files"], report["bytes"]) == ("ab12", 2, 9)


def test_a_backup_that_says_nothing_is_none() -> None:
    with pytest.raises(BackupError, match="did not say"):
        summary('{"message_type": "status"}')
