"""The cards of a simulated host, as the library reads them from a file beside it (``build.state_file("cards")``)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from plugins.module_utils.gpu.profiles import MODELS, Model, Profile

NAMESPACE = uuid.UUID("6e7a4c0f-7f0c-4d43-9d3c-1f7f6a3f2f10")
"""Of the UUIDs of cards, which are those of their host and index."""
ARCHITECTURES = {0x1E: "turing", 0x20: "ampere", 0x23: "hopper"}
"""By the first byte of the PCI device id."""
FIRST_BUS = 7


@dataclass(frozen=True)
class Card:
    """A card of a host; ``passthrough`` as to a virtual machine, which cannot reset it."""

    model: Model
    index: int
    uuid: str
    passthrough: bool

    @property
    def minor(self) -> int:
        """Minor number of the device node, and number of the card in the capabilities' files."""
        return self.index

    @property
    def address(self) -> str:
        """PCI address as the kernel writes it."""
        return f"0000:{FIRST_BUS + self.index:02x}:00.0"

    @property
    def architecture(self) -> str:
        """The generation, which decides when a MIG mode takes effect and how long it lasts."""
        return ARCHITECTURES[self.model.pci >> 24]

    @property
    def capable(self) -> bool:
        """Whether it can be cut into instances."""
        return bool(self.model.profiles)


def cards(host: str, models: Sequence[str], passthrough: bool = False) -> list[Card]:
    """The cards of ``host``, by their names in ``MODELS``. Raises KeyError for a model that is not known."""
    return [
        Card(MODELS[name], index, f"GPU-{uuid.uuid5(NAMESPACE, f'{host}/{index}')}", passthrough)
        for index, name in enumerate(models)
    ]


def _profile(profile: Profile) -> str:
    starts, media = (",".join(map(str, numbers)) for numbers in (profile.starts, profile.media))
    fields = (
        profile.identifier, profile.kind, profile.name, profile.slices, profile.size, starts, profile.memory,
        profile.multiprocessors, profile.copy_engines, media, profile.instances,
    )  # fmt: skip
    return "profile " + " ".join(map(str, fields))


def _block(card: Card) -> list[str]:
    return [
        "card",
        f"name {card.model.product}",
        f"uuid {card.uuid}",
        f"address {card.address}",
        f"device 0x{card.model.pci:08X}",
        f"memory {card.model.memory}",
        f"minor {card.minor}",
        f"architecture {card.architecture}",
        f"passthrough {'yes' if card.passthrough else 'no'}",
        *map(_profile, card.model.profiles.values()),
    ]


def description(found: Sequence[Card]) -> str:
    """Text of the file: a block for each card, with a line for each profile."""
    head = [
        "# SIMULATED cards.",
        "# profile: id kind name slices size starts memory multiprocessors copy-engines media instances",
    ]
    return "\n".join(head + [line for card in found for line in _block(card)]) + "\n"
