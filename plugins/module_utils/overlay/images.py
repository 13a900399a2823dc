# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which images containerd has, and which it lacks."""

from __future__ import annotations

from dataclasses import dataclass


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
