"""A host's membership: how a worker's join is told, and when its kubelet starts anew."""

from __future__ import annotations

import os
import subprocess
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay import kubeadm, membership
from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.kubeadm import Decision


def encoded(text: str) -> str:
    """Return a text in base64."""
    return b64encode(text.encode()).decode()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], bool]]:
    """What reaches kubeadm, as (options, check mode); it finds the rest of an interrupted join."""
    calls: list[tuple[dict[str, Any], bool]] = []

    def change(params: dict[str, Any], check_mode: bool) -> Decision:
        calls.append((params, check_mode))
        step = kubeadm.RESET if params["only_repair"] else kubeadm.RUN
        return Decision(step, "told", "unfinished")

    monkeypatch.setattr(membership, "change", change)
    return calls


def options(config: str | None, discovery: str | None) -> dict[str, Any]:
    return {"name": "w", "address": "192.0.2.7", "config": config, "discovery": discovery, "reset_allowed": False}


def test_a_join_first_repairs_and_is_carried_out_in_plain_text(told: list[tuple[dict[str, Any], bool]]) -> None:
    join = membership.Join(options(encoded("kind: Join\n"), encoded("kind: Config\n")), check_mode=False)
    assert join.prepare()
    assert join.carry_out() == (kubeadm.RUN, "member")
    assert [(params["only_repair"], check_mode) for params, check_mode in told] == [(True, False), (False, False)]
    assert {(params["config"], params["discovery"]) for params, _check in told} == {("kind: Join\n", "kind: Config\n")}
    assert {(params["action"], params["control_plane"]) for params, _check in told} == {("join", False)}


def test_without_a_token_the_host_is_only_looked_at(told: list[tuple[dict[str, Any], bool]]) -> None:
    join = membership.Join(options(None, None), check_mode=False)
    assert not join.prepare()
    assert join.carry_out() == ("", "unfinished")
    assert [check_mode for _params, check_mode in told] == [True]


def test_what_is_no_base64_is_refused(told: list[tuple[dict[str, Any], bool]]) -> None:
    with pytest.raises(ValueError, match=r"base64|Incorrect padding"):
        membership.Join(options("kind: Join\n", encoded("")), check_mode=True)
    assert not told


@pytest.mark.parametrize(("began", "certified", "expected"), [(10.0, 9.5, 0.5), (10.0, 2.0, 8.0)])
def test_the_time_without_a_certificate_is_from_the_start_to_the_link(
    began: float, certified: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = str(int((time.clock_gettime(time.CLOCK_MONOTONIC) - began) * 1e6))
    answer = subprocess.CompletedProcess([], 0, stdout=f"{started}\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    link = tmp_path / "kubelet-client-current.pem"
    link.symlink_to("kubelet-client-first.pem")
    made = time.time() - certified
    os.utime(link, (made, made), follow_symlinks=False)
    monkeypatch.setattr(membership, "CLIENT_CERTIFICATE", str(link))
    assert membership.seconds_without_certificate() == pytest.approx(expected, abs=0.2)


def test_a_kubelet_without_a_certificate_counts_as_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "CLIENT_CERTIFICATE", str(tmp_path / "missing"))
    answer = subprocess.CompletedProcess([], 0, stdout="1\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: answer)
    assert membership.seconds_without_certificate() > membership.FIRST_REPETITION


def test_a_second_kubeadm_waits_for_the_first_and_not_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "RUN_FOLDER", str(tmp_path))
    monkeypatch.setattr(membership, "LOCK", str(tmp_path / "lock"))
    refused = pytest.raises(membership.KubeadmError, match="another kubeadm")
    with membership.only_one(0), refused, membership.only_one(0):
        pytest.fail("two at once")
    with membership.only_one(0):
        pass
