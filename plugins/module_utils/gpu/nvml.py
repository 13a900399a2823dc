# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The NVIDIA driver's library NVML, as far as cards and their slices need it.

Source of functions, structures and constants: nvml.h, and the NVML API Reference Guide
(docs.nvidia.com/deploy/nvml-api).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Optional

LIBRARY = "libnvidia-ml.so.1"
NOT_SUPPORTED, NOT_FOUND, IN_USE = 3, 6, 19
COMPUTE_KINDS: Mapping[int, int] = {1: 0, 2: 1, 3: 2, 4: 3, 7: 4}
"""NVML_COMPUTE_INSTANCE_PROFILE_* by number of compute slices."""

MOST_INSTANCES = 8
TEXT = 96


class NvmlError(RuntimeError):
    """NVML refused; ``code`` is its nvmlReturn_t, 0 where there is no library."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Placement(ctypes.Structure):
    """nvmlGpuInstancePlacement_t, in memory slices."""

    _fields_ = [("start", ctypes.c_uint), ("size", ctypes.c_uint)]


class GpuInstanceInfo(ctypes.Structure):
    """nvmlGpuInstanceInfo_t."""

    _fields_ = [
        ("device", ctypes.c_void_p),
        ("id", ctypes.c_uint),
        ("profile", ctypes.c_uint),
        ("placement", Placement),
    ]


class ComputeInstanceInfo(ctypes.Structure):
    """nvmlComputeInstanceInfo_t; its placement counts compute slices."""

    _fields_ = [
        ("device", ctypes.c_void_p),
        ("instance", ctypes.c_void_p),
        ("id", ctypes.c_uint),
        ("profile", ctypes.c_uint),
        ("placement", Placement),
    ]


class GpuInstanceProfile(ctypes.Structure):
    """nvmlGpuInstanceProfileInfo_t."""

    _fields_ = [
        *((name, ctypes.c_uint) for name in ("id", "p2p", "slices", "instances", "multiprocessors", "copy_engines")),
        *((name, ctypes.c_uint) for name in ("decoders", "encoders", "jpeg", "ofa")),
        ("memory", ctypes.c_ulonglong),
    ]


class ComputeInstanceProfile(ctypes.Structure):
    """nvmlComputeInstanceProfileInfo_t."""

    _fields_ = [
        *((name, ctypes.c_uint) for name in ("id", "slices", "instances", "multiprocessors")),
        *((name, ctypes.c_uint) for name in ("copy_engines", "decoders", "encoders", "jpeg", "ofa")),
    ]


Handle = ctypes.c_void_p


class Nvml:
    """An open NVML: ``with Nvml() as nvml``. Every method raises NvmlError with what was asked."""

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
        except OSError as error:
            raise NvmlError(f"{library} cannot be loaded: {error}. Remedy: install the NVIDIA driver.") from error

    def __enter__(self) -> Nvml:
        self._call("nvmlInit_v2")
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._library.nvmlShutdown()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let go of all cards meanwhile, as for a reset. Handles from before are worth nothing afterwards."""
        self._library.nvmlShutdown()
        try:
            yield
        finally:
            self._call("nvmlInit_v2")

    def devices(self) -> list[Handle]:
        """Return the cards by index."""
        count = self._number("nvmlDeviceGetCount_v2")
        return [self._handle("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index)) for index in range(count)]

    def product(self, device: Handle) -> str:
        """Return the product's name."""
        return self._text("nvmlDeviceGetName", device)

    def uuid(self, device: Handle) -> str:
        """Return the UUID of a card or MIG device."""
        return self._text("nvmlDeviceGetUUID", device)

    def mig_mode(self, device: Handle) -> Optional[tuple[bool, bool]]:
        """Return whether MIG is on, and whether it will be after the next reset; None for a card without MIG."""
        current, pending = ctypes.c_uint(), ctypes.c_uint()
        try:
            self._call("nvmlDeviceGetMigMode", device, ctypes.byref(current), ctypes.byref(pending))
        except NvmlError as error:
            if error.code == NOT_SUPPORTED:
                return None
            raise
        return bool(current.value), bool(pending.value)

    def set_mig_mode(self, device: Handle, enabled: bool) -> int:
        """Set the mode; return the nvmlReturn_t of its activation, 0 where it holds already."""
        activation = ctypes.c_int()
        self._call("nvmlDeviceSetMigMode", device, ctypes.c_uint(enabled), ctypes.byref(activation))
        return activation.value

    def profile(self, device: Handle, kind: int) -> Optional[GpuInstanceProfile]:
        """Return the profile of a kind of GPU instance, None where the card has none."""
        info = GpuInstanceProfile()
        try:
            self._call("nvmlDeviceGetGpuInstanceProfileInfo", device, ctypes.c_uint(kind), ctypes.byref(info))
        except NvmlError as error:
            if error.code == NOT_SUPPORTED:
                return None
            raise
        return info

    def starts(self, device: Handle, profile: int) -> tuple[int, ...]:
        """Return where instances of a profile (its ID) may begin."""
        name = "nvmlDeviceGetGpuInstancePossiblePlacements_v2"
        return tuple(sorted(place.start for place in self._several(name, Placement, device, ctypes.c_uint(profile))))

    def gpu_instances(self, device: Handle, profile: int) -> Iterator[tuple[Handle, GpuInstanceInfo]]:
        """Yield the card's GPU instances of a profile (its ID)."""
        for value in self._several("nvmlDeviceGetGpuInstances", Handle, device, ctypes.c_uint(profile)):
            handle, info = Handle(value), GpuInstanceInfo()
            self._call("nvmlGpuInstanceGetInfo", handle, ctypes.byref(info))
            yield handle, info

    def create_gpu_instance(self, device: Handle, profile: int, start: int, size: int) -> None:
        """Create a GPU instance at a placement."""
        placement, made = Placement(start, size), Handle()
        function = "nvmlDeviceCreateGpuInstanceWithPlacement"
        self._call(function, device, ctypes.c_uint(profile), ctypes.byref(placement), ctypes.byref(made))

    def destroy_gpu_instance(self, instance: Handle) -> None:
        """Destroy a GPU instance."""
        self._call("nvmlGpuInstanceDestroy", instance)

    def compute_profile(self, instance: Handle, slices: int) -> Optional[ComputeInstanceProfile]:
        """Return the profile of compute instances of so many slices, None where the GPU instance has none."""
        info = ComputeInstanceProfile()
        kind, shared_engines = ctypes.c_uint(COMPUTE_KINDS[slices]), ctypes.c_uint(0)
        function = "nvmlGpuInstanceGetComputeInstanceProfileInfo"
        try:
            self._call(function, instance, kind, shared_engines, ctypes.byref(info))
        except NvmlError as error:
            if error.code == NOT_SUPPORTED:
                return None
            raise
        return info

    def compute_instances(self, instance: Handle, profile: int) -> Iterator[tuple[Handle, ComputeInstanceInfo]]:
        """Yield the GPU instance's compute instances of a profile (its ID)."""
        for value in self._several("nvmlGpuInstanceGetComputeInstances", Handle, instance, ctypes.c_uint(profile)):
            handle, info = Handle(value), ComputeInstanceInfo()
            self._call("nvmlComputeInstanceGetInfo_v2", handle, ctypes.byref(info))
            yield handle, info

    def create_compute_instance(self, instance: Handle, profile: int) -> None:
        """Create a compute instance of a profile (its ID)."""
        made = Handle()
        self._call("nvmlGpuInstanceCreateComputeInstance", instance, ctypes.c_uint(profile), ctypes.byref(made))

    def destroy_compute_instance(self, compute: Handle) -> None:
        """Destroy a compute instance."""
        self._call("nvmlComputeInstanceDestroy", compute)

    def mig_devices(self, device: Handle) -> dict[tuple[int, int], str]:
        """Return the UUIDs of the card's MIG devices by the IDs of GPU instance and compute instance."""
        found = {}
        for index in range(self._number("nvmlDeviceGetMaxMigDeviceCount", device)):
            try:
                mig = self._handle("nvmlDeviceGetMigDeviceHandleByIndex", device, ctypes.c_uint(index))
            except NvmlError as error:
                if error.code == NOT_FOUND:
                    continue
                raise
            identifiers = (
                self._number("nvmlDeviceGetGpuInstanceId", mig),
                self._number("nvmlDeviceGetComputeInstanceId", mig),
            )
            found[identifiers] = self.uuid(mig)
        return found

    def _several(self, function: str, kind: Any, *arguments: Any) -> list[Any]:
        count = ctypes.c_uint(MOST_INSTANCES)
        found = (kind * MOST_INSTANCES)()
        self._call(function, *arguments, found, ctypes.byref(count))
        return list(found[: count.value])

    def _number(self, function: str, *arguments: Any) -> int:
        number = ctypes.c_uint()
        self._call(function, *arguments, ctypes.byref(number))
        return number.value

    def _handle(self, function: str, *arguments: Any) -> Handle:
        handle = Handle()
        self._call(function, *arguments, ctypes.byref(handle))
        return handle

    def _text(self, function: str, device: Handle) -> str:
        text = ctypes.create_string_buffer(TEXT)
        self._call(function, device, text, ctypes.c_uint(TEXT))
        return text.value.decode()

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            self._library.nvmlErrorString.restype = ctypes.c_char_p
            text = (self._library.nvmlErrorString(code) or b"").decode()
            raise NvmlError(f"{function}: {text} ({code})", code)
