"""What the NVML of this host answers, as JSON: for its first card, call by call, ``[nvmlReturn_t, values...]``.

It only asks, and changes nothing. ``python3 -m lab.gpu.answers`` on a host with a real card gives what the simulation
is held against. Source of functions, structures and constants: nvml.h.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator
from typing import Any

from plugins.module_utils.gpu.nvml import LIBRARY, GpuInstanceProfile, Placement

NUMBERS = (
    "Brand", "Architecture", "Index", "DisplayActive", "PersistenceMode", "ComputeMode", "PerformanceState",
    "MaxMigDeviceCount", "VirtualizationMode", "GpuInstanceId", "ComputeInstanceId",
)  # fmt: skip
"""Of nvmlDeviceGet..., with one number as their answer."""
PAIRS = ("MigMode", "EccMode", "CudaComputeCapability")
KINDS = range(12)
"""Of GPU instances, a few more than there are."""
UNKNOWN_PROFILE = 63
COUNTERS, LOCATIONS = range(2), range(8)
"""Of memory errors: since the last reset and ever; in caches, memory, registers and so on."""
ERRORS = (*range(29), 999)
ROOM = 32
VERSIONED = {2: ("id", "p2p"), 3: ("id",)}
"""First fields of nvmlGpuInstanceProfileInfo_v2_t and _v3_t, which share the others."""
SHARED = (
    "slices", "instances", "multiprocessors", "copy_engines", "decoders", "encoders", "jpeg", "ofa",
)  # fmt: skip


def _versioned(version: int) -> ctypes.Structure:
    numbers = [(name, ctypes.c_uint) for name in ("version", *VERSIONED[version], *SHARED)]
    fields = [*numbers, ("memory", ctypes.c_ulonglong), ("name", ctypes.c_char * 96)]
    last = [("capabilities", ctypes.c_uint)] if version > 2 else []
    kind = type("Profile", (ctypes.Structure,), {"_fields_": fields + last})
    info: Any = kind()
    info.version = ctypes.sizeof(kind) | version << 24
    return info


def _values(structure: Any) -> list[Any]:
    found = [getattr(structure, field[0]) for field in structure._fields_]
    return [value.decode() if isinstance(value, bytes) else value for value in found]


class Answers:
    """The answers of a library about its first card."""

    def __init__(self, library: str = LIBRARY) -> None:
        self._library = ctypes.CDLL(library)
        self._library.nvmlErrorString.restype = ctypes.c_char_p
        self._card = ctypes.c_void_p()

    def all(self) -> dict[str, list[Any]]:
        """Ask everything. Raises RuntimeError where there is no card."""
        if self._library.nvmlInit_v2() or self._library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self._card)):
            raise RuntimeError(f"{LIBRARY} knows no card. Remedy: run this on a host with one.")
        try:
            return {name: list(answer) for name, *answer in self._answers()}
        finally:
            self._library.nvmlShutdown()

    def _answers(self) -> Iterator[tuple[Any, ...]]:
        yield from self._of_the_card()
        yield from self._of_errors()
        known = set()
        for kind in KINDS:
            info = GpuInstanceProfile()
            code = self._ask("GpuInstanceProfileInfo", ctypes.c_uint(kind), ctypes.byref(info))
            yield f"GpuInstanceProfileInfo {kind}", code, *([] if code else _values(info))
            if not code:
                known.add(info.id)
            for version in VERSIONED:
                newer = _versioned(version)
                code = self._ask("GpuInstanceProfileInfoV", ctypes.c_uint(kind), ctypes.byref(newer))
                yield f"GpuInstanceProfileInfoV {kind} version {version}", code, *([] if code else _values(newer))
        for profile in sorted(known | {UNKNOWN_PROFILE}):
            yield from self._of_a_profile(profile)
        for code in ERRORS:
            yield f"nvmlErrorString {code}", self._library.nvmlErrorString(code).decode()

    def _of_the_card(self) -> Iterator[tuple[Any, ...]]:
        for name in NUMBERS:
            yield self._numbers(name, 1)
        for name in PAIRS:
            yield self._numbers(name, 2)
        text, handle = ctypes.create_string_buffer(96), ctypes.c_void_p()
        yield "Name", self._ask("Name", text, ctypes.c_uint(len(text))), text.value.decode()
        yield "Name in too little room", self._ask("Name", text, ctypes.c_uint(8))
        yield "MigMode to nowhere", self._ask("MigMode", None, None)
        for index in range(2):
            asked = self._ask("MigDeviceHandleByIndex", ctypes.c_uint(index), ctypes.byref(handle))
            yield f"MigDeviceHandleByIndex {index}", asked
        yield "DeviceHandleFromMigDeviceHandle", self._ask("DeviceHandleFromMigDeviceHandle", ctypes.byref(handle))
        yield "Attributes_v2", self._ask("Attributes_v2", ctypes.byref((ctypes.c_ulonglong * ROOM)()))
        for identifier in (b"GPU-00000000-0000-0000-0000-000000000000", b"MIG-00000000-0000-0000-0000-000000000000"):
            asked = self._library.nvmlDeviceGetHandleByUUID(identifier, ctypes.byref(handle))
            yield f"HandleByUUID {identifier.decode()}", asked
        beyond = ctypes.c_uint(ROOM)
        yield f"HandleByIndex_v2 {ROOM}", self._library.nvmlDeviceGetHandleByIndex_v2(beyond, ctypes.byref(handle))

    def _of_errors(self) -> Iterator[tuple[Any, ...]]:
        count = ctypes.c_ulonglong()
        for error in range(2):
            for counter in COUNTERS:
                numbers = ctypes.c_uint(error), ctypes.c_uint(counter)
                code = self._ask("TotalEccErrors", *numbers, ctypes.byref(count))
                yield f"TotalEccErrors {error} {counter}", code, *([] if code else [count.value])
                for location in LOCATIONS:
                    place = ctypes.c_uint(location)
                    code = self._ask("MemoryErrorCounter", *numbers, place, ctypes.byref(count))
                    name = f"MemoryErrorCounter {error} {counter} {location}"
                    yield name, code, *([] if code else [count.value])

    def _of_a_profile(self, profile: int) -> Iterator[tuple[Any, ...]]:
        number, count = ctypes.c_uint(profile), ctypes.c_uint(ROOM)
        places, instances = (Placement * ROOM)(), (ctypes.c_void_p * ROOM)()
        code = self._ask("GpuInstancePossiblePlacements_v2", number, places, ctypes.byref(count))
        found = [] if code else [_values(place) for place in places[: count.value]]
        yield f"GpuInstancePossiblePlacements_v2 {profile}", code, *found
        code = self._ask("GpuInstanceRemainingCapacity", number, ctypes.byref(count))
        yield f"GpuInstanceRemainingCapacity {profile}", code, *([] if code else [count.value])
        count.value = ROOM
        code = self._ask("GpuInstances", number, instances, ctypes.byref(count))
        yield f"GpuInstances {profile}", code, *([] if code else [count.value])
        yield f"GpuInstanceById {profile}", self._ask("GpuInstanceById", number, instances)

    def _numbers(self, name: str, length: int) -> tuple[Any, ...]:
        numbers = [ctypes.c_uint() for _ in range(length)]
        code = self._ask(name, *map(ctypes.byref, numbers))
        return name, code, *([] if code else [number.value for number in numbers])

    def _ask(self, name: str, *arguments: Any) -> int:
        code: int = getattr(self._library, f"nvmlDeviceGet{name}")(self._card, *arguments)
        return code


if __name__ == "__main__":
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(answer)}" for name, answer in Answers().all().items())
    print(f"{{\n{lines}\n}}")
