# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images in containerd: which it has, which it lacks, and how they get there, verified by digest."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

CTR = ("ctr", "--connect-timeout", "3s", "--namespace", "k8s.io", "images")
HOSTS = "/etc/containerd/certs.d"
"""containerd's folder with its registries and their mirrors."""


class ImageError(Exception):
    """Images could not be pulled; the message says which, why, and the remedy."""


@dataclass(frozen=True)
class Image:
    """A reference with its tag, and the digest of what it shall be."""

    reference: str
    digest: str

    @property
    def by_digest(self) -> str:
        """The reference that names the content and no tag."""
        name = self.reference
        if ":" in name.rsplit("/", 1)[-1]:
            name = name.rsplit(":", 1)[0]
        return f"{name}@{self.digest}"


def parse_list(output: str) -> dict[str, str]:
    """Return {reference: digest} of the table that `ctr images list` prints (columns REF TYPE DIGEST ...)."""
    rows = [line.split() for line in output.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if len(row) >= 3}


def missing(wanted: list[Image], present: dict[str, str]) -> list[Image]:
    """Return the images whose tag is absent or names something else."""
    return [image for image in wanted if present.get(image.reference) != image.digest]


def present() -> dict[str, str] | None:
    """Return {reference: digest} of containerd's images, None where it does not answer."""
    try:
        done = subprocess.run([*CTR, "list"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return parse_list(done.stdout) if done.returncode == 0 else None


def bring(options: list[dict[str, str]], check_mode: bool) -> list[str]:
    """Have the declared images; return the references of those that were missing. Raises ImageError."""
    wanted = [Image(item["image"], item["digest"]) for item in options]
    if not wanted:
        return []
    found = present()
    if found is None and not check_mode:
        raise ImageError("containerd does not answer; see its journal on the host")
    lacking = missing(wanted, found or {})
    if not check_mode:
        pull(lacking)
    return [image.reference for image in lacking]


def pull(images: list[Image]) -> None:
    """Pull images by their digests, four at once, and tag them. Raises ImageError."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        failures = [text for text in pool.map(_pull, images) if text]
    if failures:
        raise ImageError(
            f"Images could not be pulled: {'; '.join(failures)}. Look at registry_mirror and, if a digest differs, at "
            "the digest file."
        )


def _pull(image: Image) -> str:
    for command in (
        ["pull", "--hosts-dir", HOSTS, image.by_digest],
        ["tag", "--force", image.by_digest, image.reference],
    ):
        done = subprocess.run([*CTR, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return f"{image.by_digest}: {(done.stderr.strip().splitlines() or [str(done.returncode)])[-1]}"
    return ""
