"""Parts of a host that come before packages, and parts that wait for something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import parts
from ansible_collections.ai_infn.platform.plugins.modules import host_setup


class Host:
    """A folder that stands for a host: two files of ours, and a trace of the commands that were run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.early, self.late, self.certificate = (folder / name for name in ("early", "late", "certificate"))

    def bring(self, capsys: pytest.CaptureFixture[str], *packages: str) -> dict[str, Any]:
        """Run the module, and return what it says."""
        wanted = [
            self._part("early", before_packages=True),
            self._part("late", needs=[str(self.certificate)]),
        ]
        with patch_module_args({"packages": packages, "parts": wanted}), pytest.raises(SystemExit):
            host_setup.main()
        return dict(json.loads(capsys.readouterr().out))

    def traces(self) -> list[str]:
        """Names of the parts whose command was run, once for each time."""
        trace = self._folder / "trace"
        return trace.read_text().split() if trace.exists() else []

    def _part(self, name: str, **options: object) -> dict[str, Any]:
        owner = {"owner": "", "group": ""}
        apply = f"sh -c 'echo {name} >> {self._folder}/trace'"
        return {
            "name": name,
            "files": [{"path": f"{self._folder}/{name}", "content": name, "apply": apply, **owner}],
            **options,
        }


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(parts, "PENDING", str(tmp_path / "pending"))
    return Host(tmp_path)


def test_where_packages_are_missing_only_what_they_read_is_brought(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    said = host.bring(capsys, "no-such-package")
    assert said["missing_packages"] == ["no-such-package"] and said["changed"]
    assert host.early.exists() and not host.late.exists()
    assert host.traces() == ["early"]
    assert not host.bring(capsys, "no-such-package")["changed"]


def test_a_part_that_waits_is_written_and_taken_over_once_it_has_what_it_needs(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    said = host.bring(capsys)
    assert host.late.exists() and host.traces() == ["early"]
    assert said["waiting"] == ["late"] and len(said["postponed"]) == 1
    assert not host.bring(capsys)["changed"]
    host.certificate.touch()
    said = host.bring(capsys)
    assert said["waiting"] == [] and said["changed"]
    assert host.traces() == ["early", "late"]
    assert not host.bring(capsys)["changed"]


def test_services_of_a_part_that_waits_are_left_alone(tmp_path: Path) -> None:
    options = {"name": "server", "files": [], "services": ["server.service"], "needs": [str(tmp_path / "certificate")]}
    assert parts.Part(None, options).services == []  # nothing is asked of a module for it
    (tmp_path / "certificate").touch()
    assert parts.Part(None, options).services == ["server.service"]
