# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cards and how they can be cut: the profiles of GPU instances with their placements. Pure: no I/O.

Source: NVIDIA Multi-Instance GPU User Guide, chapters "Supported MIG Profiles" and "List GPU Instance Profiles"
(docs.nvidia.com/datacenter/tesla/mig-user-guide), and the enumerations of nvml.h. A card in a host is asked for its own
table (nvmlDeviceGetGpuInstanceProfileInfo, nvmlDeviceGetGpuInstancePossiblePlacements); this one serves before there
is a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """A kind of GPU instance of one card model.

    ``identifier`` is what ``nvidia-smi mig -lgip`` calls ID, ``kind`` the constant NVML_GPU_INSTANCE_PROFILE_* by which
    NVML is asked. An instance takes ``size`` memory slices from one of ``starts`` on, and ``slices`` compute slices; at
    most ``instances`` of the profile fit. ``memory`` is in MiB; ``media`` counts (decoders, JPEG engines, optical flow
    accelerators).
    """

    name: str
    identifier: int
    kind: int
    slices: int
    size: int
    starts: tuple[int, ...]
    memory: int
    multiprocessors: int
    copy_engines: int
    media: tuple[int, int, int]

    @property
    def has_media_extensions(self) -> bool:
        """Whether it takes the card's JPEG engine and optical flow accelerator, of which there is one."""
        return self.name.endswith("+me")

    @property
    def instances(self) -> int:
        """How many of the profile fit on a card; media extensions are there once."""
        return 1 if self.has_media_extensions else len(self.starts)


@dataclass(frozen=True)
class Model:
    """A card model: NVML's product name, memory in MiB, PCI device and vendor, profiles by name (none: no MIG)."""

    product: str
    memory: int
    pci: int
    profiles: Mapping[str, Profile]


def memory_slices(table: Mapping[str, Profile]) -> int:
    """Return how many memory slices a card with these profiles has; one without MIG counts as one."""
    return max((start + profile.size for profile in table.values() for start in profile.starts), default=1)


def _table(*profiles: Profile) -> dict[str, Profile]:
    return {profile.name: profile for profile in profiles}


Media = tuple[int, int, int]
AMPERE_MEDIA: tuple[Media, ...] = ((0, 0, 0), (1, 1, 1), (1, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0), (5, 1, 1))
HOPPER_MEDIA: tuple[Media, ...] = ((1, 1, 0), (1, 1, 1), (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0), (7, 7, 1))


def _seven_slices(
    units: int,
    memory: tuple[int, int, int, int],
    processors: tuple[int, int, int, int, int, int],
    media: tuple[Media, ...] = AMPERE_MEDIA,
    copy_engines: int = 7,
) -> dict[str, Profile]:
    """The profiles of a card with seven compute and eight memory slices.

    ``units`` is the gigabytes of a memory slice as they appear in names; ``memory`` the MiB of one, two, four and eight
    slices; ``processors`` the multiprocessors of 1g, 1g with double memory, 2g, 3g, 4g and 7g; ``media`` those of each
    profile, and ``copy_engines`` those of the whole card.
    """
    one, two, four, eight = memory
    single, wide, double, triple, quadruple, whole = processors
    plain, extended, roomy, second, third, fourth, all_of_it = media
    every = tuple(range(7))
    return _table(
        Profile(f"1g.{units}gb", 19, 0, 1, 1, every, one, single, 1, plain),
        Profile(f"1g.{units}gb+me", 20, 7, 1, 1, every, one, single, 1, extended),
        Profile(f"1g.{2 * units}gb", 15, 9, 1, 2, (0, 2, 4, 6), two, wide, 1, roomy),
        Profile(f"2g.{2 * units}gb", 14, 1, 2, 2, (0, 2, 4), two, double, 2, second),
        Profile(f"3g.{4 * units}gb", 9, 2, 3, 4, (0, 4), four, triple, 3, third),
        Profile(f"4g.{4 * units}gb", 5, 3, 4, 4, (0,), four, quadruple, 4, fourth),
        Profile(f"7g.{8 * units}gb", 0, 4, 7, 8, (0,), eight, whole, copy_engines, all_of_it),
    )


A30 = _table(
    Profile("1g.6gb", 14, 0, 1, 1, (0, 1, 2, 3), 5952, 14, 1, (0, 0, 0)),
    Profile("1g.6gb+me", 21, 7, 1, 1, (0, 1, 2, 3), 5952, 14, 1, (1, 1, 1)),
    Profile("2g.12gb", 5, 1, 2, 2, (0, 2), 11968, 28, 2, (2, 0, 0)),
    Profile("2g.12gb+me", 6, 8, 2, 2, (0, 2), 11968, 28, 2, (2, 1, 1)),
    Profile("4g.24gb", 0, 3, 4, 4, (0,), 24000, 56, 4, (4, 1, 1)),
)
A100_40GB = _seven_slices(5, (4864, 9984, 20096, 40448), (14, 14, 28, 42, 56, 98))
A100_80GB = _seven_slices(10, (9728, 19968, 40192, 80896), (14, 14, 28, 42, 56, 98))
H100_80GB = _seven_slices(10, (9984, 20096, 40448, 81152), (16, 26, 32, 60, 64, 132), HOPPER_MEDIA, 8)

MODELS = {
    "T4": Model("Tesla T4", 15360, 0x1EB810DE, {}),
    "RTX5000": Model("Quadro RTX 5000", 16384, 0x1EB010DE, {}),
    "A30": Model("NVIDIA A30", 24576, 0x20B710DE, A30),
    "A100-40GB": Model("NVIDIA A100-PCIE-40GB", 40960, 0x20F110DE, A100_40GB),
    "A100-80GB": Model("NVIDIA A100 80GB PCIe", 81920, 0x20B510DE, A100_80GB),
    "H100-80GB": Model("NVIDIA H100 80GB HBM3", 81559, 0x233010DE, H100_80GB),
}
"""By the name that an inventory gives a card model."""
