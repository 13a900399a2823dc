"""Layers of libraries: what they are keyed by, and that links in them lead where they did."""

from __future__ import annotations

import tarfile
from pathlib import Path

from lab.mirror.libraries import NodeLayer, PythonLayer, tree
from lab.mirror.oci import write_layer
from lab.mirror.recipes import NODE, PYTHON


def test_a_changed_lock_is_another_layer(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("a==1\n")
    layer = PythonLayer("x", tmp_path, PYTHON)
    before = layer.key
    assert layer.key == before
    lock.write_text("a==2\n")
    assert layer.key != before


def test_what_it_stands_on_and_who_installs_it_is_part_of_the_key(tmp_path: Path) -> None:
    for lock in (PythonLayer.lock, NodeLayer.lock):
        (tmp_path / lock).touch()
    keys = {
        PythonLayer("x", tmp_path, PYTHON).key,
        PythonLayer("x", tmp_path, NODE).key,
        NodeLayer("x", tmp_path, NODE).key,
    }
    assert len(keys) == 3


def test_files_programs_and_links_come_into_the_layer(tmp_path: Path) -> None:
    folder = tmp_path / "root/opt/x/bin"
    folder.mkdir(parents=True)
    (folder / "program").write_text("#!/opt/x/bin/python\n")
    (folder / "program").chmod(0o755)
    (folder / "python").symlink_to("/usr/bin/python3")
    write_layer(tmp_path / "layer.tar", tree(tmp_path / "root", "/opt/x"))
    with tarfile.open(tmp_path / "layer.tar") as archive:
        members = {member.name: member for member in archive}
    assert members["opt/x/bin/program"].mode == 0o755
    assert members["opt/x/bin/python"].issym()
    assert members["opt/x/bin/python"].linkname == "/usr/bin/python3"
