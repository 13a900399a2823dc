"""How a person at the hub waits, and reads its forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.sessions import visitor as module
from lab.sessions.visitor import Form, VisitError, Visitor

Servers = dict[str, dict[str, Any]]
READY: Servers = {"": {"ready": True}}
PENDING: Servers = {"": {"pending": "spawn"}}
FAILED: Servers = {"": {}}
NONE: Servers = {}


class Guest(Visitor):
    """A person to whom the hub tells one state of the servers after the other."""

    def __init__(self, *states: Servers) -> None:
        super().__init__("https://hub.example", "192.0.2.1", Path("/none"))
        self.states, self.refusals, self.asked = list(states), 1, 0

    def choose(self, **choice: str) -> None:
        """Nothing is sent."""

    def api(self, method: str, path: str) -> Any:
        if method == "DELETE":
            self.asked += 1
            if self.refusals:
                self.refusals -= 1
                raise VisitError("pending check")
            return None
        return {"servers": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def _get(self, address: str) -> Any:
        return type("Page", (), {"text": "<p>Spawn failed</p>"})


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK_S", 0.0), ("START_S", 0.2), ("STOP_S", 0.2)):
        monkeypatch.setattr(module, name, seconds)


def test_a_session_is_waited_for() -> None:
    assert Guest(PENDING, PENDING, READY).start() >= 0


@pytest.mark.parametrize(("state", "said"), [(FAILED, "^Spawn failed"), (PENDING, "no session within")])
def test_one_that_does_not_come_is_told_with_what_the_page_says(state: Servers, said: str) -> None:
    with pytest.raises(VisitError, match=said):
        Guest(state).start()


def test_an_end_that_is_refused_is_asked_for_again() -> None:
    guest = Guest(READY, READY, NONE)
    guest.stop()
    assert guest.asked == 2


def test_a_session_that_does_not_end_is_told() -> None:
    with pytest.raises(VisitError, match="does not end"):
        Guest(READY).stop()


def test_the_first_form_that_is_sent_is_read_with_what_it_has() -> None:
    page = (
        '<form method="get" action="/search"><input name="q"></form><form method="post" action="/login">'
        '<input type="hidden" name="csrf" value="1f"><input type="radio" name="gpu" value="t4"></form>'
    )
    form = Form(page)
    assert (form.action, form.fields) == ("/login", {"csrf": "1f"})
