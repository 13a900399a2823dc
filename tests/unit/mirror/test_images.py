"""Layers, manifests and the registry's storage."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from lab.mirror import debian, oci, registry
from lab.mirror.oci import Layer, LayerFile, Settings
from lab.mirror.store import Store

LAYERS = [Layer("sha256:" + "1" * 64, 10), Layer("sha256:" + "2" * 64, 20)]


def test_a_layer_holds_its_files_and_the_folders_above_them(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"binary")
    files = [LayerFile("/usr/local/bin/x", source=program, mode=0o755), LayerFile("/tmp", mode=0o1777, folder=True)]
    oci.write_layer(tmp_path / "layer.tar", files)
    with tarfile.open(tmp_path / "layer.tar") as archive:
        found = {member.name: (member.isdir(), member.mode) for member in archive}
    assert found == {
        "tmp": (True, 0o1777),
        "usr": (True, 0o755),
        "usr/local": (True, 0o755),
        "usr/local/bin": (True, 0o755),
        "usr/local/bin/x": (False, 0o755),
    }


def test_equal_files_give_an_equal_layer(tmp_path: Path) -> None:
    files = [LayerFile("/a", content=b"1"), LayerFile("/b/c", content=b"2")]
    oci.write_layer(tmp_path / "one.tar", files)
    oci.write_layer(tmp_path / "two.tar", list(reversed(files)))
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_path_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        oci.write_layer(tmp_path / "layer.tar", [LayerFile("/a"), LayerFile("/a")])


def test_source_folders_go_into_a_layer_without_tests_and_caches(tmp_path: Path) -> None:
    for name in ("main.py", "tests/test_main.py", "__pycache__/main.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [item.path for item in oci.folder_files(tmp_path, "/opt/service")] == ["/opt/service/main.py"]


def test_the_configuration_says_what_runs_and_lists_the_layers() -> None:
    said = json.loads(oci.image_config(Settings(entrypoint=("/x",), user="65532:65532"), LAYERS, {}))
    assert said["config"]["Entrypoint"] == ["/x"]
    assert said["config"]["User"] == "65532:65532"
    assert "Cmd" not in said["config"]
    assert said["rootfs"]["diff_ids"] == [layer.digest for layer in LAYERS]
    assert len(said["history"]) == len(LAYERS)


def test_the_manifest_names_configuration_and_layers_by_digest_and_size() -> None:
    said = json.loads(oci.manifest(Layer("sha256:" + "3" * 64, 5), LAYERS))
    assert said["schemaVersion"] == 2
    assert said["config"] == {"mediaType": oci.CONFIG, "digest": "sha256:" + "3" * 64, "size": 5}
    assert [layer["size"] for layer in said["layers"]] == [10, 20]


def test_compression_adds_neither_name_nor_date(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"same")
        oci.compress(tmp_path / name, tmp_path / f"{name}.gz")
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def test_an_image_is_laid_into_the_registry_by_tag_and_by_digest(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    digests = [store.add_blob(content) for content in (b"manifest", b"config", b"layer")]
    image = registry.Image("registry.k8s.io/coredns/coredns:v1", digests[0], digests[1], digests[2:])
    for _ in range(2):
        registry.write_image(tmp_path / "registry", store, image)
    root = tmp_path / "registry" / registry.ROOT
    value = hashlib.sha256(b"manifest").hexdigest()
    repository = root / "repositories/registry.k8s.io/coredns/coredns"
    assert (repository / "_manifests/tags/v1/current/link").read_text() == f"sha256:{value}"
    assert (repository / f"_manifests/revisions/sha256/{value}/link").read_text() == f"sha256:{value}"
    assert (root / f"blobs/sha256/{value[:2]}/{value}/data").read_bytes() == b"manifest"
    assert len(list((repository / "_layers/sha256").iterdir())) == 2


def test_a_tag_moves_to_the_newer_image(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    parts = [store.add_blob(content) for content in (b"config", b"layer")]
    for content in (b"old", b"new"):
        image = registry.Image("ghcr.io/x/y:1", store.add_blob(content), parts[0], parts[1:])
        registry.write_image(tmp_path / "registry", store, image)
    link = tmp_path / "registry" / registry.ROOT / "repositories/ghcr.io/x/y/_manifests/tags/1/current/link"
    assert link.read_text() == "sha256:" + hashlib.sha256(b"new").hexdigest()


def test_the_registry_is_read_only() -> None:
    said = registry.configuration(Path("/x"), "192.0.2.1", 5050)
    assert said["storage"]["maintenance"]["readonly"] == {"enabled": True}  # type: ignore[index]


@pytest.mark.parametrize(
    "source",
    [
        "deb http://mirror.example/debian bookworm main\n"
        "deb http://mirror.example/debian-security bookworm-security main\n",
        "Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm\n\n"
        "Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\n",
        "deb [signed-by=/x.gpg] http://mirror.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian-security bookworm-security main\n",
    ],
)
def test_the_archives_of_the_host_are_used_in_either_format(source: str) -> None:
    found = debian.archive_addresses(["deb https://other.example/apt x main\n", source])
    assert {address.rstrip("/") for address in found.values()} == {
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    }


def test_a_host_without_sources_uses_debians_own_archives() -> None:
    with pytest.raises(ValueError, match="no archive for debian, security"):
        debian.archive_addresses([])


def test_a_suite_has_updates_and_security_fixes() -> None:
    lines = debian.source_lines({"debian": "http://a/debian", "security": "http://a/debian-security"}, "trixie")
    assert [line.split()[2] for line in lines] == ["trixie", "trixie-updates", "trixie-security"]


def test_an_upper_debian_layer_holds_only_what_the_lower_lacks(tmp_path: Path) -> None:
    def root(name: str, files: dict[str, bytes]) -> Path:
        target = tmp_path / name
        oci.write_layer(target, [LayerFile(path, content=content) for path, content in files.items()])
        return target

    lower = root("lower.tar", {"/usr/bin/nft": b"1", "/var/lib/dpkg/status": b"nft", "/usr/share/doc/x/y/z": b"d"})
    upper = root("upper.tar", {"/usr/bin/nft": b"1", "/usr/bin/python3": b"3", "/var/lib/dpkg/status": b"nft python"})
    debian.make_layer(upper, lower, tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as archive:
        assert archive.getnames() == ["usr/bin/python3", "var/lib/dpkg/status"]
