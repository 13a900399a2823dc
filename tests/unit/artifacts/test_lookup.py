"""The lookup ai_infn.platform.artifact, called as a template calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader

ADDRESS = "https://dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet"
DIGEST = "sha256:" + "b" * 64


@pytest.fixture
def digests(tmp_path: Path) -> str:
    """Path of a digest file that knows one artifact."""
    path = tmp_path / "digests.yml"
    path.write_text(yaml.safe_dump({"digests": {ADDRESS: DIGEST}}))
    return str(path)


def ask(name: str, variables: dict[str, Any] | None = None, **options: str) -> dict[str, str]:
    plugin = lookup_loader.get("ai_infn.platform.artifact")
    (said,) = plugin.run([name], variables=variables or {}, **options)
    return dict(said)


def test_options_can_be_given_to_the_lookup(digests: str) -> None:
    said = ask("kubelet", digests=digests, mirror="http://192.0.2.1:8080", version="v1.37.2")
    assert (said["url"], said["checksum"]) == (f"http://192.0.2.1:8080/{ADDRESS[8:]}", DIGEST)


def test_options_can_come_from_the_site_variables(digests: str) -> None:
    said = ask("kubelet", {"artifact_digests": digests, "artifact_mirror": "http://192.0.2.1:8080"})
    assert said["url"].startswith("http://192.0.2.1:8080/dl.k8s.io/")


def test_without_a_mirror_the_file_comes_from_upstream(digests: str) -> None:
    assert ask("kubelet", digests=digests)["url"] == ADDRESS


def test_a_digest_file_that_is_not_there_names_the_command() -> None:
    with pytest.raises(AnsibleLookupError, match=r"no digest file /nowhere/digests\.yml.*make mirror"):
        ask("kubelet", digests="/nowhere/digests.yml")


def test_a_missing_digest_names_the_command(digests: str) -> None:
    with pytest.raises(AnsibleLookupError, match=r"no digest of kubectl 1\.37\.2.*make mirror"):
        ask("kubectl", digests=digests)


def test_the_upstream_digest_file_names_its_own_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin = lookup_loader.get("ai_infn.platform.artifact")
    module = __import__(type(plugin).__module__, fromlist=["FILES"])
    (tmp_path / "lock.yml").write_text((module.FILES / "lock.yml").read_text())
    monkeypatch.setattr(module, "FILES", tmp_path)
    with pytest.raises(AnsibleLookupError, match=r"digests_upstream\.yml.*make lock-upstream"):
        plugin.run(["kubelet"], variables={})


def test_an_unknown_name_is_an_error(digests: str) -> None:
    with pytest.raises(AnsibleLookupError, match="no artifact 'nothing'"):
        ask("nothing", digests=digests)
