"""Mounts that have died are replaced in all namespaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shared_filesystem_pods.mountinfo import Mount, at, of_devices

from tests.support import ROOT

TEXT = """\
24 1 0:22 / /proc rw,nosuid,nodev,noexec - proc proc rw
90 1 0:71 /homes/1000000 /home/jovyan rw,nosuid,nodev,relatime master:3 - fuse.ceph-fuse ceph-fuse rw
91 1 0:71 /environments /opt/with\\040space ro,relatime - fuse.ceph-fuse ceph-fuse rw
92 1 0:80 / /other rw - fuse.sshfs other rw
93 1 0:73 /groups/500000 /groups rw - fuse.ceph-fuse ceph-fuse rw
94 1 0:80 / /groups rw - fuse.sshfs other rw
"""
POD = """
mkdir -p {folder}/pod/home {folder}/pod/data
mount --bind {folder}/shared/homes/1 {folder}/pod/home
mount --bind -o ro {folder}/shared/environments {folder}/pod/data
mount -o remount,bind,ro {folder}/pod/data
umount --lazy {folder}/shared
echo ready
read line
cat {folder}/pod/home/file {folder}/pod/data/file
touch {folder}/pod/data/new 2>&1 | grep -o 'Read-only file system'
"""
NEW = "mount -t tmpfs {name} {folder}/shared && mkdir -p {folder}/shared/homes/1 {folder}/shared/environments"
HEAL = """
import sys
from pathlib import Path
sys.path.insert(0, "{services}")
from shared_filesystem_pods.__main__ import heal
heal("{folder}/shared", Path("{folder}/devices"))
"""


def test_mounts_of_a_device_are_found_with_what_holds_there() -> None:
    assert of_devices(TEXT, {"0:71", "0:73"}) == [
        Mount("0:71", "/homes/1000000", "/home/jovyan", 0x2 | 0x4),
        Mount("0:71", "/environments", "/opt/with space", 0x1),
    ], "what is hidden by another mount is not looked at"


def test_what_is_mounted_at_a_place_is_the_last_mount_there() -> None:
    assert at(TEXT, "/groups").device == "0:80"
    with pytest.raises(LookupError, match="/shared"):
        at(TEXT, "/shared")


def run(script: str) -> str:
    """Do something in the namespace in which the filesystem is mounted."""
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def healing(folder: Path) -> str:
    script = HEAL.format(services=ROOT / "services", folder=folder)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pod_has_its_folders_of_the_new_mount_and_no_more_rights_than_before(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    try:
        run(NEW.format(name="old", folder=tmp_path))
        assert healing(tmp_path) == ""
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", POD.format(folder=tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pod:
            assert pod.stdout
            assert pod.stdout.readline() == "ready\n"
            run(f"umount --lazy {tmp_path}/shared")
            words = f"echo home >{tmp_path}/shared/homes/1/file && echo data >{tmp_path}/shared/environments/file"
            run(f"{NEW.format(name='new', folder=tmp_path)} && {words}")
            said = healing(tmp_path)
            assert "pod/home" in said and "pod/data" in said
            assert healing(tmp_path) == "", "nothing is dead any more"
            assert pod.communicate("\n", timeout=20)[0] == "home\ndata\nRead-only file system\n"
    finally:
        run(f"umount --lazy {tmp_path}/shared")
