# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's cards as the NVIDIA driver has them, and the steps of a plan carried out by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cards import Card, ComputeInstance, GpuInstance
from .nvml import COMPUTE_KINDS, IN_USE, Handle, Nvml, NvmlError
from .profiles import Profile
from .steps import (
    ChangeMode,
    CreateComputeInstance,
    CreateGpuInstance,
    DestroyComputeInstance,
    DestroyGpuInstance,
    Step,
    undo,
)

Reset = Callable[[str], bool]
"""Resets the card of a UUID; tells whether it could."""


def no_reset(_uuid: str) -> bool:
    """Reset nothing: for those who only look."""
    return False


class StepError(RuntimeError):
    """A step failed. ``restored`` tells whether the cards are as they were before the first one."""

    def __init__(self, message: str, restored: bool) -> None:
        super().__init__(message)
        self.restored = restored


@dataclass
class Outcome:
    """The steps that were done. With ``reboot_required`` the others can follow only after one."""

    done: list[Step] = field(default_factory=list)
    reboot_required: bool = False


class Driver:
    """The cards behind an open NVML. ``table`` are the profiles of their model by name."""

    def __init__(self, nvml: Nvml, table: Mapping[str, Profile], reset: Reset = no_reset) -> None:
        self._nvml = nvml
        self._table = table
        self._reset = reset
        self._devices = nvml.devices()

    def products(self) -> list[str]:
        """Return the cards' product names by index."""
        return [self._nvml.product(device) for device in self._devices]

    def table_problems(self) -> list[str]:
        """Return how the cards can be cut otherwise than the table says; a plan made by it would then be wrong."""
        problems = []
        for index, device in enumerate(self._devices):
            for profile in self._table.values():
                found = self._nvml.profile(device, profile.kind)
                if found is None:
                    continue  # an older driver knows fewer
                starts = self._nvml.starts(device, found.id)
                if (found.id, found.slices, starts) != (profile.identifier, profile.slices, profile.starts):
                    problems.append(
                        f"card {index} has profile {profile.name} as ID {found.id} with {found.slices} slices at"
                        f" {starts}. Needed: ID {profile.identifier} with {profile.slices} slices at {profile.starts}."
                        " Remedy: correct gpu_model; for a new model extend the table of profiles."
                    )
        return problems

    def cards(self) -> list[Card]:
        """Return the cards as they are."""
        return [self._card(index, device) for index, device in enumerate(self._devices)]

    def listing(self) -> list[dict[str, Any]]:
        """Return the cards with their slices, as the module nvidia_gpus_info returns them."""
        return [
            {
                "index": card.index,
                "uuid": card.uuid,
                "product": product,
                "mig": card.mig,
                "slices": [
                    {
                        "profile": instance.profile.name,
                        "start": instance.start,
                        "uuid": next(iter(instance.uuids), ""),
                        "intact": instance.is_intact,
                    }
                    for instance in sorted(card.instances, key=lambda instance: instance.start)
                ],
            }
            for card, product in zip(self.cards(), self.products(), strict=True)
        ]

    def carry_out(self, steps: Iterable[Step]) -> Outcome:
        """Do the steps in order. Raises StepError after those that were done have been taken back."""
        outcome = Outcome()
        for step in steps:
            if outcome.reboot_required and step.phase > ChangeMode.phase:
                break
            try:
                if not self._do(step):
                    outcome.reboot_required = True
            except NvmlError as error:
                raise self._failed(step, error, outcome.done) from error
            outcome.done.append(step)
        return outcome

    def _failed(self, step: Step, error: NvmlError, done: Sequence[Step]) -> StepError:
        message = f"could not {step}: {error}."
        try:
            for back in undo(done):
                self._do(back)
        except NvmlError as another:
            return StepError(f"{message} Nor could what was done be taken back: {another}.", restored=False)
        return StepError(f"{message} What was done before it has been taken back.", restored=True)

    def _do(self, step: Step) -> bool:
        """Do one step; tell whether it holds already."""
        device = self._devices[step.card]
        if isinstance(step, ChangeMode):
            return self._change_mode(device, step)
        if isinstance(step, CreateGpuInstance):
            profile = step.profile
            self._nvml.create_gpu_instance(device, profile.identifier, step.start, profile.size)
        elif isinstance(step, DestroyGpuInstance):
            self._nvml.destroy_gpu_instance(self._instance(device, step.profile, step.start))
        elif isinstance(step, CreateComputeInstance):
            instance = self._instance(device, step.profile, step.start)
            self._nvml.create_compute_instance(instance, self._compute_profile(instance, step.slices))
        elif isinstance(step, DestroyComputeInstance):
            self._destroy_compute_instance(device, step)
        return True

    def _change_mode(self, device: Handle, step: ChangeMode) -> bool:
        activation = self._nvml.set_mig_mode(device, step.enabled)
        if activation == IN_USE and step.resets:
            self._nvml.set_mig_mode(device, step.current)
            raise NvmlError("the card is in use by another process", IN_USE)
        if activation and step.resets:
            with self._nvml.closed():
                self._reset(step.uuid)
            self._devices = self._nvml.devices()
        current = self._nvml.mig_mode(self._devices[step.card])
        return current is not None and current[0] == step.enabled

    def _destroy_compute_instance(self, device: Handle, step: DestroyComputeInstance) -> None:
        instance = self._instance(device, step.profile, step.start)
        for compute, info in self._nvml.compute_instances(instance, self._compute_profile(instance, step.slices)):
            if step.identifier in (None, info.id):
                self._nvml.destroy_compute_instance(compute)
                return
        raise NvmlError(f"{step.place} has no such compute instance")

    def _instance(self, device: Handle, profile: Profile, start: int) -> Handle:
        for handle, info in self._nvml.gpu_instances(device, profile.identifier):
            if info.placement.start == start:
                return handle
        raise NvmlError(f"there is no GPU instance {profile.name}@{start}")

    def _compute_profile(self, instance: Handle, slices: int) -> int:
        profile = self._nvml.compute_profile(instance, slices)
        if profile is None:
            raise NvmlError(f"the GPU instance takes no compute instance of {slices} slices")
        return int(profile.id)

    def _card(self, index: int, device: Handle) -> Card:
        current, pending = self._nvml.mig_mode(device) or (False, False)
        instances = self._instances(device) if current else ()
        return Card(index, self._nvml.uuid(device), current, pending, tuple(instances))

    def _instances(self, device: Handle) -> Iterable[GpuInstance]:
        uuids = self._nvml.mig_devices(device)
        for profile in self._table.values():
            if self._nvml.profile(device, profile.kind) is None:
                continue
            for handle, info in self._nvml.gpu_instances(device, profile.identifier):
                compute = tuple(self._compute(handle, info.id, uuids))
                yield GpuInstance(info.id, profile, info.placement.start, compute)

    def _compute(
        self, instance: Handle, identifier: int, uuids: Mapping[tuple[int, int], str]
    ) -> Iterable[ComputeInstance]:
        for slices in COMPUTE_KINDS:
            profile = self._nvml.compute_profile(instance, slices)
            if profile is not None:
                for _handle, info in self._nvml.compute_instances(instance, profile.id):
                    yield ComputeInstance(info.id, slices, uuids.get((identifier, info.id), ""))
