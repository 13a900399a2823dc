"""Credentials that are missing or wrong, and services that refuse, end with words for a person."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack import client as client_module
from ansible_collections.ai_infn.platform.plugins.module_utils.openstack.client import (
    Client,
    CloudError,
    connect,
    in_parallel,
    wait_until,
)


class Answer:
    """What the transport returns."""

    def __init__(self, status: int, body: Any = None) -> None:
        self.status_code = status
        self.reason = "Bad Gateway"
        self.content = b"" if body is None else json.dumps(body).encode()

    def json(self) -> Any:
        return json.loads(self.content)


class Adapter:
    """A service that gives prepared answers."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.queries: list[Any] = []

    def request(self, path: str, method: str, **arguments: Any) -> Answer:
        self.queries.append(dict(arguments.get("params") or {}))
        return self.answers.pop(0)


def client(*answers: Answer) -> Client:
    return Client(SimpleNamespace(current_project_id="p", compute=Adapter(*answers)))


def test_missing_credentials_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"There are no credentials: .*/clouds.yaml does not exist.*Remedy"):
        connect("lab", str(tmp_path / "clouds.yaml"))


def test_a_cloud_that_is_not_in_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {other: {auth: {auth_url: 'http://127.0.0.1:1/v3'}}}\n")
    with pytest.raises(CloudError, match="credentials of the cloud 'lab' are missing or incomplete"):
        connect("lab", str(path))


def test_incomplete_credentials_are_named(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {lab: {auth: {auth_url: 'http://127.0.0.1:1/v3', username: me}}}\n")
    with pytest.raises(CloudError, match="'lab'"):
        connect("lab", str(path))


def test_a_cloud_that_does_not_answer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    auth = {"auth_url": "http://127.0.0.1:1/v3", "username": "me", "password": "x", "project_name": "p"}
    domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
    path.write_text(json.dumps({"clouds": {"lab": {"auth": {**auth, **domains}}}}))
    with pytest.raises(CloudError, match="The cloud 'lab' does not answer"):
        connect("lab", str(path))


def test_without_the_sdk_the_remedy_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SDK_MISSING", "No module named 'openstack'")
    with pytest.raises(CloudError, match="pip install openstacksdk"):
        connect("lab")


@pytest.mark.parametrize(
    "body",
    [
        {"forbidden": {"code": 403, "message": "Quota exceeded for cores"}},
        {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for cores", "detail": ""}},
        {"error": {"message": "Quota exceeded for cores"}},
        {"message": "Quota exceeded for cores"},
        {"error_message": "Quota exceeded for cores"},
    ],
)
def test_a_refusal_keeps_the_services_own_words(body: Any) -> None:
    with pytest.raises(CloudError, match=r"^Quota exceeded for cores \(HTTP 403\)$") as caught:
        client(Answer(403, body)).call("GET", "compute", "/servers")
    assert caught.value.status == 403


def test_reading_is_tried_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_PAUSES", (0.0, 0.0))
    answers = [Answer(503), Answer(500), Answer(200, {"servers": []})]
    assert client(*answers).call("GET", "compute", "/servers") == {"servers": []}


def test_a_service_that_keeps_failing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RETRY_PAUSES", (0.0,))
    with pytest.raises(CloudError, match="compute service failed at GET /servers: 502 Bad Gateway"):
        client(Answer(502), Answer(502)).call("GET", "compute", "/servers")


def test_a_change_is_never_tried_twice() -> None:
    with pytest.raises(CloudError, match="failed at POST /servers"):
        client(Answer(500), Answer(200, {})).call("POST", "compute", "/servers")


def test_all_pages_of_a_collection_are_read() -> None:
    pages = [
        Answer(200, {"servers": [{"id": "a"}], "servers_links": [{"rel": "next", "href": "http://x"}]}),
        Answer(200, {"servers": [{"id": "b"}]}),
    ]
    reader = client(*pages)
    assert [item["id"] for item in reader.listed("compute", "/servers/detail", "servers", limit=1)] == ["a", "b"]
    assert reader._adapters["compute"].queries == [{"limit": 1}, {"limit": 1, "marker": "a"}]


def test_waiting_ends_at_the_deadline_and_names_the_blocker() -> None:
    started = time.monotonic()
    with pytest.raises(CloudError, match="the server is still BUILD"):
        wait_until(lambda: None, 0.5, lambda: "the server is still BUILD")
    assert time.monotonic() - started < 1


def test_the_first_error_is_raised_after_all_calls_have_ended() -> None:
    ended: list[int] = []

    def work(number: int) -> int:
        if number == 0:
            raise CloudError("first")
        time.sleep(0.05)
        ended.append(number)
        return number

    with pytest.raises(CloudError, match="first"):
        in_parallel([lambda: work(0), lambda: work(1)], workers=2)
    assert ended == [1]
