"""Reading the digests that upstream projects publish, on answers of the shape that their hosts give."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from lab.mirror import upstream
from plugins.module_utils.artifacts import Artifact, ArtifactError

A, B = "a" * 64, "b" * 64
FILE = Artifact(
    "tool", "file", "1.0", "https://host.example/v1.0/tool.tgz", "https://host.example/v1.0/tool.tgz.sha256"
)
IMAGE = Artifact("flannel", "image", "0.28.10", "ghcr.io/flannel-io/flannel:v0.28.10")


@pytest.mark.parametrize(
    "text",
    [
        A,
        f"{A}\n",
        f"{A}  tool.tgz\n",
        f"{A} *tool.tgz\n",
        f"{B}  other.tgz\n{A}  ./tool.tgz\n",
        f"{A.upper()}  tool.tgz\n",
        f"Package: other\nFilename: ./other.tgz\nSHA256: {B}\n\nPackage: tool\nFilename: ./tool.tgz\nSHA256: {A}\n",
    ],
)
def test_a_checksum_is_found_in_every_published_form(text: str) -> None:
    assert upstream.published_checksum(text, "tool.tgz") == f"sha256:{A}"


@pytest.mark.parametrize("text", ["", "Not Found", f"{B}  other.tgz\n", "abc  tool.tgz\n"])
def test_checksums_without_the_file_are_an_error(text: str) -> None:
    with pytest.raises(ArtifactError, match=r"do not name tool\.tgz"):
        upstream.published_checksum(text, "tool.tgz")


def test_a_challenge_is_read_into_its_parts() -> None:
    header = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:flannel-io/flannel:pull"'
    assert upstream.bearer_challenge(header) == {
        "realm": "https://ghcr.io/token",
        "service": "ghcr.io",
        "scope": "repository:flannel-io/flannel:pull",
    }
    assert upstream.bearer_challenge('Basic realm="x"') == {}


def test_the_manifest_of_an_image_is_at_its_own_registry() -> None:
    assert upstream.manifest_url(IMAGE) == "https://ghcr.io/v2/flannel-io/flannel/manifests/v0.28.10"


def test_an_answer_without_digest_is_an_error() -> None:
    with pytest.raises(ArtifactError, match="without a usable Docker-Content-Digest"):
        upstream.header_digest(IMAGE, {})


def answer(status: int, headers: dict[str, str] | None = None, body: str = "") -> requests.Response:
    made = requests.Response()
    made.status_code, made._content, made.url = status, body.encode(), "https://host.example"
    made.headers.update(headers or {})
    return made


class Recorded(requests.Session):
    """Answers from a list, and remembers what was asked."""

    def __init__(self, *answers: requests.Response) -> None:
        super().__init__()
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append(
            (method.upper(), url, options.get("params"), (options.get("headers") or {}).get("Authorization"))
        )
        return self.answers.pop(0)


def test_a_registry_that_wants_a_token_gets_one() -> None:
    challenge = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:flannel-io/flannel:pull"'
    session = Recorded(
        answer(401, {"WWW-Authenticate": challenge}),
        answer(200, body='{"token": "t0k"}'),
        answer(200, {"Docker-Content-Digest": f"sha256:{A}"}),
    )
    assert upstream.Upstream(session).digest(IMAGE) == f"sha256:{A}"
    assert session.asked[1][:2] == ("GET", "https://ghcr.io/token")
    assert session.asked[1][2] == {"service": "ghcr.io", "scope": "repository:flannel-io/flannel:pull"}
    assert session.asked[2][3] == "Bearer t0k"


def test_a_file_is_looked_up_in_its_published_checksums() -> None:
    session = Recorded(answer(200, body=f"{A}  tool.tgz\n"))
    assert upstream.Upstream(session).digest(FILE) == f"sha256:{A}"
    assert session.asked[0][1] == FILE.checksum


def test_a_file_of_a_project_that_publishes_no_checksum_has_the_digest_of_its_download() -> None:
    told = answer(200)
    told.raw = io.BytesIO(b"program")
    session = Recorded(told)
    told._content = False  # type: ignore[assignment]
    silent = Artifact("tool", "file", "1.0", FILE.address)
    assert upstream.Upstream(session).digest(silent) == f"sha256:{hashlib.sha256(b'program').hexdigest()}"
    assert session.asked[0][1] == FILE.address


def test_what_could_not_be_asked_keeps_its_digest_and_is_named(tmp_path: Path) -> None:
    target = tmp_path / "digests_upstream.yml"
    target.write_text(yaml.safe_dump({"digests": {IMAGE.address: f"sha256:{B}", "gone": f"sha256:{B}"}}))

    def ask(item: Artifact) -> str:
        if item.is_image:
            raise requests.ConnectionError("no route")
        return f"sha256:{A}"

    assert upstream.record([FILE, IMAGE], target, ask) == [f"{IMAGE.address}: no route"]
    said = yaml.safe_load(target.read_text())
    assert said["digests"] == {FILE.address: f"sha256:{A}", IMAGE.address: f"sha256:{B}"}
    assert said["made_by"] == "make lock-upstream"


def test_a_release_that_changed_is_not_recorded_unless_accepted(tmp_path: Path) -> None:
    target = tmp_path / "digests_upstream.yml"
    upstream.record([FILE], target, lambda _: f"sha256:{A}")
    (complaint,) = upstream.record([FILE], target, lambda _: f"sha256:{B}")
    assert "A release does not change" in complaint
    assert yaml.safe_load(target.read_text())["digests"][FILE.address] == f"sha256:{A}"
    assert upstream.record([FILE], target, lambda _: f"sha256:{B}", accept_changed=True) == []
    assert yaml.safe_load(target.read_text())["digests"][FILE.address] == f"sha256:{B}"
