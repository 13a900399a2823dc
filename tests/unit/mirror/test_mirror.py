"""What is made, when it is made again, and what is published."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import mirror, settings
from lab.mirror import serve
from lab.mirror.build import Builder, prune, remove
from lab.mirror.debian import make_package
from lab.mirror.golang import BuildError, CgoProgram, Go
from lab.mirror.recipes import RECIPES, ImageRecipe, programs_of, recipe
from lab.mirror.store import Store, folder_digest, source_files
from plugins.module_utils.artifacts import Artifact, find, names

LOCK: dict[str, Any] = yaml.safe_load(mirror.LOCK.read_text())


def test_the_lab_knows_how_to_make_all_that_is_in_the_lock() -> None:
    assert set(RECIPES) == set(names(LOCK))
    for item in mirror.locked():
        made = recipe(item)
        assert isinstance(made, ImageRecipe) == item.is_image


def test_an_artifact_without_recipe_is_an_error() -> None:
    with pytest.raises(BuildError, match="does not say how it is made"):
        recipe(Artifact("nothing", "file", "1", "https://x/1"))


def test_every_artifact_has_a_key_of_its_own_unless_its_content_is_the_same() -> None:
    keys = [recipe(item).key for item in mirror.locked()]
    assert len(set(keys)) == len(keys)


def test_the_services_run_unprivileged_where_they_can() -> None:
    approver, agent = (recipe(find(LOCK, name)) for name in ("kubelet-csr-approver", "network-policy-agent"))
    assert isinstance(approver, ImageRecipe)
    assert isinstance(agent, ImageRecipe)
    assert approver.settings.user == "65532:65532"
    assert agent.settings.user == ""


def test_what_runs_of_the_device_plugins_image_finds_the_simulated_driver() -> None:
    image = recipe(find(LOCK, "nvidia-device-plugin"))
    assert isinstance(image, ImageRecipe)
    scripts = {path.name for path in source_files(image.folders["/usr/bin"])}
    templates = (settings.REPOSITORY / "roles/kubernetes_gpu/templates").glob("*.j2")
    run = re.findall(r"command: \[([\w-]+)\]", "".join(path.read_text() for path in templates))
    assert sorted(run) == ["gpu-feature-discovery", "nvidia-device-plugin"]
    assert set(run) <= scripts & {program.name for program in programs_of(image)}


def test_an_entry_is_whole_or_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    entry = store.entry("files", "x", "k")
    with pytest.raises(RuntimeError), store.making(entry) as (folder, _):
        (folder / "half").write_text("")
        raise RuntimeError
    assert store.made(entry) is None
    with store.making(entry) as (folder, record):
        assert not (folder / "half").exists()
        record["size"] = 1
    assert store.made(entry) == {"size": 1}


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    builder = Builder(Store(tmp_path), Go(tmp_path / "go"))
    calls = []
    for _ in range(2):
        builder._once(tmp_path / "files" / "x-k", lambda folder, record: calls.append(folder))
    assert len(calls) == 1


def test_a_package_of_programs_is_one_that_dpkg_reads_and_is_always_the_same(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("content")
    made = []
    for name in ("one", "two"):
        target = tmp_path / name / "tool_1.2-1_amd64.deb"
        target.parent.mkdir()
        make_package("tool", "1.2", {"tool": program}, target)
        made.append(target.read_bytes())
        assert list(target.parent.iterdir()) == [target]
    assert made[0] == made[1]
    fields = subprocess.check_output(["dpkg-deb", "--field", str(target), "Package", "Version"], text=True)
    assert fields == "Package: tool\nVersion: 1.2-1\n"
    assert "-rwxr-xr-x root/root" in subprocess.check_output(["dpkg-deb", "--contents", str(target)], text=True)


def test_a_program_that_calls_c_is_built_otherwise_than_one_that_does_not() -> None:
    (parted,) = programs_of(recipe(find(LOCK, "nvidia-mig-parted")))
    (kubelet,) = programs_of(recipe(find(LOCK, "kubelet")))
    assert isinstance(parted, CgoProgram) and not isinstance(kubelet, CgoProgram)
    assert "-extldflags=-Wl,-z,lazy" in parted.flags()[-1]


def test_a_changed_source_file_changes_the_digest_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    before = folder_digest(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text("not part of it")
    assert folder_digest(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert folder_digest(tmp_path) != before


def test_an_interrupted_removal_is_finished_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "cache.removed").mkdir()
    (tmp_path / "cache").mkdir()
    remove(tmp_path / "cache")
    assert not list(tmp_path.iterdir())


def test_pruning_keeps_what_the_lock_stands_on_and_nothing_else(tmp_path: Path) -> None:
    builder = Builder(Store(tmp_path / "mirror"), Go(tmp_path / "build"))
    item = recipe(find(LOCK, "kubelet"))
    kept = [builder.entry(item), *(builder.program_entry(program) for program in programs_of(item))]
    doomed = [tmp_path / "build/gocache", tmp_path / "mirror/roots/x-k", tmp_path / "mirror/programs/old-k"]
    for folder in (*kept, *doomed):
        folder.mkdir(parents=True)
    blob = builder.store.blob(builder.store.add_blob(b"of an old image"))
    prune(builder, [item])
    assert all(folder.exists() for folder in kept)
    assert not any(path.exists() for path in (*doomed, blob))


def test_published_files_are_at_the_upstream_path_and_digests_go_by_upstream_address(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    item = recipe(find(LOCK, "kubelet"))
    entry = store.entry("files", "kubelet", "k")
    with store.making(entry) as (folder, record):
        (folder / "kubelet").write_text("program")
        record.update(file="kubelet", digest=store.add_blob_file(folder / "kubelet"))
    for _ in range(2):
        serve.lay_out(tmp_path / "out", store, [(item, entry, store.made(entry) or {})])
    assert (tmp_path / "out/files/dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet").read_text() == "program"
    said = yaml.safe_load((tmp_path / "out/digests.yml").read_text())
    assert list(said["digests"]) == ["https://dl.k8s.io/v1.37.2/bin/linux/amd64/kubelet"]
    assert said["made_by"] == "make mirror"


def test_the_servers_listen_where_they_are_told(tmp_path: Path) -> None:
    files, images = serve.server_programs(tmp_path, "192.0.2.7", 8080, 5050)
    assert "listen 192.0.2.7:8080;" in (tmp_path / "nginx.conf").read_text()
    assert yaml.safe_load((tmp_path / "registry.yml").read_text())["http"]["addr"] == "192.0.2.7:5050"
    assert not files.ready()
    assert images.name == "registry-mirror"


@pytest.mark.parametrize(("seconds", "text"), [(9.7, "9s"), (60, "1m00s"), (130, "2m10s")])
def test_durations_are_short_to_read(seconds: float, text: str) -> None:
    assert mirror.duration(seconds) == text
