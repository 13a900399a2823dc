"""Builds the simulated driver's library and the client that plays a CUDA process, cached by all they are made from."""

from __future__ import annotations

import fcntl
import re
import subprocess
from pathlib import Path

from lab import settings
from lab.mirror.debian import need_commands
from lab.mirror.golang import Go, GoModule
from lab.mirror.store import Store, folder_digest, recipe_key

DRIVER_VERSION = "550.163.01"
"""That of nvidia-smi in Debian trixie, which works only with its own."""
CUDA_VERSION = 12040
"""What driver 550 says of CUDA: 12.4."""
NVML = GoModule("github.com/NVIDIA/go-nvml", "v0.13.4-1")
"""Carries nvml.h."""
HEADER = "pkg/nvml/nvml.h"
SOURCES = Path(__file__).parent / "nvml"
CACHE = settings.CACHE / "gpu"
LIBRARY = f"libnvidia-ml.so.{DRIVER_VERSION}"
SONAME = "libnvidia-ml.so.1"
CUDA = f"libcuda.so.{DRIVER_VERSION}"
"""By it the container toolkit finds the folder of the driver's libraries."""
HOLD = "gpu-hold"
BOOT = "gpu-boot"
COMPILE = (
    "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-format-truncation",
    "-Wno-cast-function-type", "-D_GNU_SOURCE", "-DNVML_NO_UNVERSIONED_FUNC_DEFS", f"-DCUDA_VERSION={CUDA_VERSION}",
    f'-DDRIVER_VERSION="{DRIVER_VERSION}"',
)  # fmt: skip


def state_file(name: str) -> str:
    """Name of a file of the simulated driver's state: of ``cards``, ``faults``, ``claims``, ``state`` or ``lock``."""
    return f"libgpu-simulation-{name}.so.{DRIVER_VERSION}"


def functions(header: str) -> list[str]:
    """Names of all functions that nvml.h declares."""
    return sorted(set(re.findall(r"\bDECLDIR\s+\*?\s*(nvml\w+)\s*\(", header)))


def stubs(names: list[str]) -> str:
    """C source in which each function answers NVML_ERROR_NOT_SUPPORTED, unless another file has the function.

    ``GPU_SIMULATION_TRACE`` in the environment makes them say that they were called.
    """
    head = (
        "#include <stdio.h>\n#include <stdlib.h>\n"
        "static int stub(const char *name)\n{\n"
        '    if (getenv("GPU_SIMULATION_TRACE"))\n        fprintf(stderr, "not simulated: %s\\n", name);\n'
        "    return 3;\n}\n"
    )
    return head + "".join(f'__attribute__((weak)) int {name}(void) {{ return stub("{name}"); }}\n' for name in names)


def key() -> str:
    """Hash over the sources, the header's release and the compiler's options."""
    return recipe_key([folder_digest(SOURCES), NVML.path, NVML.version, COMPILE, stubs(["x"]), DRIVER_VERSION])


def ensure() -> Path:
    """Folder with the library by its file name and its soname, gpu-hold and gpu-boot; made unless it is cached."""
    CACHE.mkdir(parents=True, exist_ok=True)
    store = Store(CACHE)
    entry = store.entry("driver", DRIVER_VERSION, key())
    with (CACHE / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if store.made(entry) is None:
            with store.making(entry) as (folder, _):
                _build(folder)
    return entry


def _build(folder: Path) -> None:
    need_commands({"gcc": "gcc libc6-dev"})
    header = Go(settings.CACHE / "build").source(NVML) / HEADER
    (folder / "stubs.c").write_text(stubs(functions(header.read_text(encoding="utf-8"))), encoding="utf-8")
    include = ["-I", str(header.parent), "-I", str(SOURCES)]
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    exports = f"-Wl,--version-script={SOURCES / 'exports.map'}"
    link = ["-shared", "-fPIC", f"-Wl,-soname,{SONAME}", exports, "-pthread", "-o", str(folder / LIBRARY)]
    _compile([*COMPILE, *include, *link, *sources, str(folder / "stubs.c")])
    (folder / SONAME).symlink_to(LIBRARY)
    _compile(["-x", "c", "/dev/null", "-shared", "-Wl,-soname,libcuda.so.1", "-o", str(folder / CUDA)])
    for source, program in (("hold.c", HOLD), ("boot.c", BOOT)):
        client = [str(SOURCES / "client" / source), str(folder / LIBRARY), "-o", str(folder / program)]
        _compile([*COMPILE, *include, *client])


def _compile(arguments: list[str]) -> None:
    done = subprocess.run(["nice", "-n", "10", "gcc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"gcc failed for the simulated driver:\n{done.stderr[-3000:]}")
