# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The changes that can be made to a card, each with the change that takes it back. Pure: no I/O.

A GPU instance is named by card and start, which are known before it exists and no two share; an ``identifier`` is that
of an instance which was there when the plan was made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Optional

from .profiles import Profile


@dataclass(frozen=True)
class Step(ABC):
    """One change of one card. Steps run by ``phase``, so that all mode changes of a host share one reset or reboot."""

    card: int
    phase: ClassVar[int] = 0

    @abstractmethod
    def inverse(self) -> Optional[Step]:
        """Return the change that takes this one back; None where there is nothing to take back."""

    @property
    def must_be_free(self) -> tuple[str, ...]:
        """The UUIDs of the GPU and MIG devices that nobody may hold when the step runs."""
        return ()


@dataclass(frozen=True)
class _OfInstance(Step):
    profile: Profile
    start: int

    @property
    def place(self) -> str:
        """Card, profile and placement, such as ``card 0: 1g.5gb@3``."""
        return f"card {self.card}: {self.profile.name}@{self.start}"


@dataclass(frozen=True)
class DestroyComputeInstance(_OfInstance):
    """Destroy a compute instance of a GPU instance: of the one that has no identifier here, the only one there is."""

    slices: int
    uuid: str = ""
    instance: Optional[int] = None
    identifier: Optional[int] = None
    phase: ClassVar[int] = 1

    def inverse(self) -> Step:
        """Return the creation of one of the same slices; its UUID may be another."""
        return CreateComputeInstance(self.card, self.profile, self.start, self.slices)

    @property
    def must_be_free(self) -> tuple[str, ...]:
        """The MIG device."""
        return (self.uuid,) if self.uuid else ()

    def __str__(self) -> str:
        return f"destroy compute instance {self.slices}c of {self.place}"


@dataclass(frozen=True)
class DestroyGpuInstance(_OfInstance):
    """Destroy a GPU instance, which has no compute instance any more."""

    identifier: Optional[int] = None
    phase: ClassVar[int] = 2

    def inverse(self) -> Step:
        """Return the creation at the same place."""
        return CreateGpuInstance(self.card, self.profile, self.start)

    def __str__(self) -> str:
        return f"destroy GPU instance {self.place}"


@dataclass(frozen=True)
class ChangeMode(Step):
    """Turn MIG on or off on a card that has no instance. Whether a reset does or a reboot is needed shows at run time.

    ``current`` is the mode before. Where it is ``enabled`` already, a change that was only pending is called off: the
    card need not be idle, and nothing is taken back.
    """

    uuid: str
    enabled: bool
    current: bool
    phase: ClassVar[int] = 3

    @property
    def resets(self) -> bool:
        """Whether the card must be idle and is reset."""
        return self.enabled != self.current

    def inverse(self) -> Optional[Step]:
        """Return the change to the mode before."""
        return ChangeMode(self.card, self.uuid, self.current, self.enabled) if self.resets else None

    @property
    def must_be_free(self) -> tuple[str, ...]:
        """The card."""
        return (self.uuid,) if self.resets else ()

    def __str__(self) -> str:
        mode = "on" if self.enabled else "off"
        return f"card {self.card}: " + (f"turn MIG {mode}" if self.resets else f"keep MIG {mode}: it is to change")


@dataclass(frozen=True)
class CreateGpuInstance(_OfInstance):
    """Create a GPU instance at its place."""

    phase: ClassVar[int] = 4

    def inverse(self) -> Step:
        """Return its destruction."""
        return DestroyGpuInstance(self.card, self.profile, self.start)

    def __str__(self) -> str:
        return f"create GPU instance {self.place}"


@dataclass(frozen=True)
class CreateComputeInstance(_OfInstance):
    """Create a compute instance of so many slices in a GPU instance."""

    slices: int
    phase: ClassVar[int] = 5

    def inverse(self) -> Step:
        """Return its destruction."""
        return DestroyComputeInstance(self.card, self.profile, self.start, self.slices)

    def __str__(self) -> str:
        return f"create compute instance {self.slices}c of {self.place}"


def undo(done: Sequence[Step]) -> list[Step]:
    """Return the steps back from any point reached: from steps done in order, to the cards as they were before.

    After a reboot, which takes all instances with it, plan anew towards ``layout_of`` each card before.
    """
    return [back for step in reversed(done) if (back := step.inverse()) is not None]


def describe(steps: Sequence[Step]) -> list[str]:
    """Return a line for each step."""
    return [str(step) for step in steps]
