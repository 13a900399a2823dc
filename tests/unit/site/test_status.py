"""The verdict about a site is the sum of its layers' checks."""

from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.status import report

NOW = "2026-01-01T00:00:00+00:00"


def check(host: str, ok: bool = True, **more: Any) -> dict[str, Any]:
    return {"layer": "overlay", "check": "ready", "host": host, "ok": ok, "detail": "NotReady"} | more


def reachable(host: str) -> dict[str, Any]:
    return {"layer": "site", "check": "reachable", "host": host, "ok": True, "detail": ""}


def test_a_site_is_ok_when_every_check_passed() -> None:
    document = report("lab", ["a", "b"], [reachable("a"), reachable("b"), check("a")], NOW)
    assert document["ok"] and document["failures"] == [] and len(document["checks"]) == 3


def test_a_failed_check_is_named_with_host_layer_and_detail() -> None:
    document = report("lab", ["a"], [reachable("a"), check("a", ok=False)], NOW)
    assert not document["ok"]
    assert document["failures"] == ["a: overlay ready: NotReady"]


def test_a_declared_host_that_did_not_answer_is_a_failure_whatever_others_say_of_it() -> None:
    document = report("lab", ["a", "gone"], [reachable("a"), check("gone")], NOW)
    assert document["failures"] == ["gone: site reachable: does not answer to SSH, or does not exist"]


def test_a_check_without_a_verdict_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks ok, detail"):
        report("lab", [], [{"layer": "x", "check": "y", "host": "z"}], NOW)
