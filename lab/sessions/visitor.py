"""A person at a hub: logs in at the identity provider, chooses a session, runs cells in it, stops it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import requests
import websocket
from requests.adapters import HTTPAdapter

from lab.machine.processes import wait_for

ANSWER_S = 60.0
START_S = 300.0
STOP_S = 120.0
LOOK_S = 0.5


class VisitError(RuntimeError):
    """The person does not get what was wanted; the text says what the page says."""


class Form(HTMLParser):
    """The first form of a page that is sent by POST: where it goes, and the fields that it has already."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None and told.get("method", "").lower() == "post":
            self._inside, self.action = True, told.get("action", "")
        elif tag == "input" and self._inside and told.get("name") and told.get("type") not in ("submit", "radio"):
            self.fields[told["name"]] = told.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


class AtAddress(HTTPAdapter):
    """Reaches one name at an address, without a name server, and verifies its certificate by the name."""

    def __init__(self, name: str, address: str) -> None:
        self._name, self._address = name, address
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send it to the address."""
        parts = urlsplit(str(request.url))
        request.url = parts._replace(netloc=self._address).geturl()
        request.headers["Host"] = self._name
        try:
            answer = super().send(request, *args, **kwargs)
        finally:
            del request.headers["Host"]  # a redirection takes the headers over, and may lead elsewhere
        answer.url = request.url = parts.geturl()
        return answer

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Say the name, and expect it."""
        super().init_poolmanager(*args, server_hostname=self._name, assert_hostname=self._name, **kwargs)


class Visitor:
    """One person; ``authorities`` is a file with those of the hub's and the provider's certificates."""

    def __init__(self, url: str, address: str, authorities: Path) -> None:
        self.url = url
        self.user = ""
        self._address = address
        self._authorities = authorities
        self._name = str(urlsplit(url).hostname)
        self._http = requests.Session()
        self._http.trust_env = False  # it would put what the environment says of authorities before ours
        self._http.verify = str(authorities)
        self._http.mount(f"{url}/", AtAddress(self._name, address))

    def login(self, name: str, password: str) -> requests.Response:
        """Log in and return the page to which that leads. Raises VisitError."""
        page = self._get(f"{self.url}/hub/oauth_login")
        page = self._send(page, {"login": name})
        page = self._send(page, {"password": password})
        if 'name="answer"' in page.text:  # whether the hub may be told who this is
            page = self._send(page, {"answer": "accept"})
        if urlsplit(page.url).hostname == self._name and page.ok:
            self.user = str(self.api("GET", "user")["name"])
        return page

    def page(self, path: str) -> requests.Response:
        """Return a page of the hub."""
        return self._get(f"{self.url}{path}")

    def start(self, **choice: str) -> float:
        """Start a session and return after how many seconds it could be used. Raises VisitError with what is said."""
        began = time.monotonic()
        self.choose(**choice)
        if not wait_for(self._is_ready, START_S, LOOK_S):
            raise VisitError(f"no session within {START_S:.0f} s: {self._what_is_said()}")
        self._get(f"{self.url}/user/{self.user}/lab")
        return time.monotonic() - began

    def choose(self, **choice: str) -> None:
        """Send the form with which a session begins. Raises VisitError with what is said."""
        form = Form(self.page("/hub/spawn").text)
        if form.action is None:
            raise VisitError("there is no form to choose a session with")
        answer = self._http.post(
            urljoin(f"{self.url}/hub/spawn", form.action), data={**form.fields, **choice}, timeout=ANSWER_S
        )
        if not answer.ok or "spawn-error-msg" in answer.text:
            raise VisitError(said(answer.text))

    def stop(self) -> None:
        """End the session and wait until it has ended. Raises VisitError."""
        if not wait_for(self._has_ended, STOP_S, LOOK_S):
            raise VisitError(f"the session does not end within {STOP_S:.0f} s")

    def run(self, code: str, deadline: float = 60.0) -> str:
        """Run a cell in a new kernel of the session and return what it printed. Raises VisitError for its errors."""
        base = f"/user/{self.user}"
        kernel = self._session_api("POST", "kernels", {"name": "python3"})["id"]
        try:
            address = f"wss://{self._name}{base}/api/kernels/{kernel}/channels?session_id={uuid4().hex}"
            context = ssl.create_default_context(cafile=str(self._authorities))
            plain = socket.create_connection((self._address, 443), timeout=deadline)
            channel = websocket.create_connection(
                address,
                cookie="; ".join(f"{one.name}={one.value}" for one in self._http.cookies if _fits(one.path, base)),
                origin=self.url,
                timeout=deadline,
                socket=context.wrap_socket(plain, server_hostname=self._name),
            )
            try:
                return _executed(channel, code)
            finally:
                channel.close()
        finally:
            self._session_api("DELETE", f"kernels/{kernel}")

    def api(self, method: str, path: str) -> Any:
        """Ask the hub's API as the person's pages do. Raises VisitError."""
        return self._ask(method, f"{self.url}/hub/api/{path}", "/hub/", None)

    def _is_ready(self) -> bool:
        """Whether the session can be used. Raises VisitError where it has failed."""
        server = self._servers().get("", {})
        if not (server.get("ready") or server.get("pending")):
            raise VisitError(self._what_is_said())
        return bool(server.get("ready"))

    def _has_ended(self) -> bool:
        """Whether there is no session; one that there is is told to end."""
        if not self._servers():
            return True
        with contextlib.suppress(VisitError):  # the hub refuses while it looks at the session itself
            self.api("DELETE", f"users/{self.user}/server")
        return False

    def _servers(self) -> dict[str, Any]:
        return dict(self.api("GET", f"users/{self.user}")["servers"])

    def _what_is_said(self) -> str:
        return said(self.page(f"/hub/spawn-pending/{self.user}").text)

    def _session_api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._ask(method, f"{self.url}/user/{self.user}/api/{path}", f"/user/{self.user}/", body)

    def _ask(self, method: str, address: str, below: str, body: Mapping[str, Any] | None) -> Any:
        token = next((one.value for one in self._http.cookies if one.name == "_xsrf" and one.path == below), "")
        headers = {"X-XSRFToken": str(token), "Referer": f"{self.url}{below}"}
        try:
            answer = self._http.request(method, address, json=body, headers=headers, timeout=ANSWER_S)
        except requests.RequestException as error:
            raise VisitError(f"{method} {address}: {error}") from error
        if not answer.ok:
            raise VisitError(f"{method} {address}: HTTP {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def _get(self, address: str) -> requests.Response:
        return self._http.get(address, timeout=ANSWER_S)

    def _send(self, page: requests.Response, values: Mapping[str, str]) -> requests.Response:
        form = Form(page.text)
        if form.action is None:
            raise VisitError(f"{page.url} has no form: {said(page.text)}")
        target = urljoin(page.url, form.action)
        return self._http.post(target, data={**form.fields, **values}, timeout=ANSWER_S, headers={"Referer": page.url})


def said(page: str) -> str:
    """Return the text of a page in short."""
    text = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())[:600]


def _fits(path: str, base: str) -> bool:
    return base.startswith(path.rstrip("/")) or path == "/"


def _executed(channel: websocket.WebSocket, code: str) -> str:
    """Run a cell by Jupyter's messaging protocol 5.3 and return what it printed."""
    request = uuid4().hex
    header = {
        "msg_id": request,
        "msg_type": "execute_request",
        "username": "",
        "session": uuid4().hex,
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    channel.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    printed = ""
    while True:
        told = json.loads(channel.recv())
        if told["parent_header"].get("msg_id") != request:
            continue
        kind, content = told["msg_type"], told["content"]
        if kind == "stream":
            printed += content["text"]
        elif kind == "error":
            raise VisitError(f"{content['ename']}: {content['evalue']}")
        elif kind == "status" and content["execution_state"] == "idle":
            return printed
