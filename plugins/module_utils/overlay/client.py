# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small client of the Kubernetes API on Python's standard library.

Modules that run on a control plane use it instead of python3-kubernetes: it starts in a tenth of the time.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import urlencode, urlsplit

ADMIN_KUBECONFIG = "/etc/kubernetes/admin.conf"
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API answered with an error; ``status`` is HTTP's, ``body`` the Status object where there is one."""

    def __init__(self, status: int, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or {}


@dataclass(frozen=True)
class Access:
    """What a kubeconfig grants: the server's address, its authority and a client certificate, all PEM text."""

    server: str
    authority: str
    certificate: str
    key: str


def parse_kubeconfig(text: str, read: Callable[[str], str]) -> Access:
    """Return the access of a kubeconfig with one cluster and one user, as kubeadm and kubelet write them.

    ``read`` gives the content of a file that the kubeconfig points to. Raises ValueError for what is missing.
    """

    def value(key: str) -> str:
        embedded = re.search(rf"^\s*(?:- )?{key}-data:\s*(\S+)", text, re.MULTILINE)
        if embedded:
            return base64.b64decode(embedded.group(1)).decode()
        path = re.search(rf"^\s*(?:- )?{key}:\s*(\S+)", text, re.MULTILINE)
        if not path:
            raise ValueError(f"the kubeconfig has no {key}")
        return read(path.group(1).strip("\"'"))

    server = re.search(r"^\s*(?:- )?server:\s*(\S+)", text, re.MULTILINE)
    if not server:
        raise ValueError("the kubeconfig names no server")
    return Access(
        server=server.group(1).strip("\"'"),
        authority=value("certificate-authority"),
        certificate=value("client-certificate"),
        key=value("client-key"),
    )


def read_text(path: str) -> str:
    """Return the content of a file."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def context_of(access: Access) -> ssl.SSLContext:
    """Return a TLS context that trusts the cluster's authority and shows the client certificate."""
    context = ssl.create_default_context(cadata=access.authority)
    # The interface takes the client's pair from a file only; the file lives for that moment, readable by its owner.
    descriptor, path = tempfile.mkstemp(prefix="kube-client-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(access.certificate + "\n" + access.key)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context


class Kubernetes:
    """Requests to one API server, over one connection a thread.

    Every method raises ApiError for an answer of 400 and above, and OSError when nobody answers.
    """

    def __init__(self, kubeconfig: str = ADMIN_KUBECONFIG, timeout: float = 15.0) -> None:
        access = parse_kubeconfig(read_text(kubeconfig), read_text)
        self._context = context_of(access)
        self._address = urlsplit(access.server).netloc
        self._timeout = timeout
        self._open = threading.local()
        self.access = access

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: Any
    ) -> dict[str, Any]:
        """Send one request and return the decoded answer."""
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": "ai_infn.platform"}
        target = path + ("?" + urlencode(query) if query else "")
        status, text = self._send(method, target, json.dumps(body) if body is not None else None, headers)
        document = json.loads(text) if text.startswith("{") else {"text": text}
        if status >= 400:
            raise ApiError(status, document.get("message") or text or str(status), document)
        return document

    def _send(self, *request: Any) -> tuple[int, str]:
        """Return status and text of the answer.

        A connection that the server has closed meanwhile is opened anew, but for a POST, which could be done twice.
        """
        used = getattr(self._open, "connection", None)
        try:
            if used and request[0] != "POST":
                with contextlib.suppress(ConnectionError):
                    return self._ask(used, *request)
            fresh = http.client.HTTPSConnection(self._address, context=self._context, timeout=self._timeout)
            return self._ask(fresh, *request)
        except http.client.HTTPException as error:
            raise OSError(f"the API server broke off: {error!r}") from error

    def _ask(self, connection: http.client.HTTPSConnection, *request: Any) -> tuple[int, str]:
        self._open.connection = None
        try:
            connection.request(*request)
            answer = connection.getresponse()
            text = answer.read().decode()
        except BaseException:
            connection.close()
            raise
        self._open.connection = connection
        return answer.status, text

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return one object or list."""
        return self.request("GET", path, **query)

    def find(self, path: str) -> dict[str, Any] | None:
        """Return one object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def merge(self, path: str, body: Any, **query: Any) -> dict[str, Any]:
        """Change an object by a JSON merge patch."""
        return self.request("PATCH", path, body, MERGE_PATCH, **query)

    def delete(self, path: str) -> bool:
        """Delete an object; False when there was none."""
        try:
            self.request("DELETE", path)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def wait_for(predicate: Callable[[], Any], deadline: float, interval: float = 0.5) -> Any:
    """Poll until the predicate is true; return its value, or its last false one after ``deadline`` seconds.

    ``interval`` grows to a second, so that what comes soon is seen at once and a long wait costs little.
    """
    start = time.monotonic()
    while True:
        value = predicate()
        elapsed = time.monotonic() - start
        if value or elapsed >= deadline:
            return value
        time.sleep(max(interval, min(1.0, elapsed / 20)))


def api_ready(address: str, port: int = 6443, timeout: float = 3.0) -> bool:
    """Whether the API server at this very address says that it is ready; a probe that verifies no identity."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(address, port, context=context, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
