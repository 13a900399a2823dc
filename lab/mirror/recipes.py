"""How each artifact of the lock is made here: from which programs, packages and folders of this repository."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lab.mirror import programs_of_go as go
from lab.mirror.debian import DebianLayer
from lab.mirror.golang import BuildError, GoModule, GoProgram
from lab.mirror.libraries import LibraryLayer, NodeLayer, PythonLayer
from lab.mirror.oci import SEARCH_PATH, Settings
from lab.mirror.store import folder_digest, recipe_key, source_files
from lab.settings import REPOSITORY
from plugins.module_utils.artifacts import Artifact

PACKET_TOOLS = DebianLayer("packet-tools", ("bash", "ca-certificates", "conntrack", "iproute2", "iptables", "nftables"))
"""Below kube-proxy and flannel: the programs that they call."""
C_LIBRARY = DebianLayer("c-library", ("ca-certificates", "libc6", "mount"))
"""Below programs that call C."""
PYTHON = DebianLayer("python", ("curl", "openssl", "python3", "python3-cryptography"), below=PACKET_TOOLS)
"""Below the services of ours and the probe."""
NODE = DebianLayer("node", ("ca-certificates", "nodejs"))
"""Below what runs with Node."""
NOTEBOOK = DebianLayer(
    "notebook",
    (
        "bash-completion",
        "ca-certificates",
        "curl",
        "git",
        "less",
        "libgomp1",
        "libstdc++6",
        "nano",
        "openssh-client",
        "python3",
        "tini",
    ),
)
"""Below a session: what a person at a terminal expects."""
SERVICES_PATH = "/opt/ai-infn"
SHARED_PACKAGES = ("kube_api",)
"""Folders of services/ that the services import."""
NOBODY = "65532:65532"
MAKER = 1
"""Part of every key: raise it when the way of making changes and every artifact has to be made again."""


@dataclass(frozen=True)
class CProgram:
    """One static binary from a C file of a released Go module."""

    name: str
    module: GoModule
    source: str
    options: tuple[str, ...]

    @property
    def version(self) -> str:
        """Version of the module."""
        return self.module.version

    @property
    def key(self) -> str:
        """Hash of the recipe."""
        return recipe_key(["c", asdict(self)])

    def build(self, folder: Path, target: Path) -> None:
        """Compile it with gcc; ``folder`` holds the module."""
        command = ["gcc", "-Os", "-static", "-s", *self.options, "-o", str(target), str(folder / self.source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"gcc failed for {self.name}:\n{done.stderr[-1000:]}")


Program = GoProgram | CProgram
Base = DebianLayer | LibraryLayer
"""The highest of the layers below what an image has of its own."""


@dataclass(frozen=True)
class FileRecipe:
    """A file to download: one program as it is, or a gzipped tar archive of programs below ``prefix``."""

    artifact: Artifact
    programs: tuple[Program, ...]
    archive: bool = False
    prefix: str = ""

    @property
    def key(self) -> str:
        """Hash of the recipe and of everything it is made of."""
        return recipe_key([MAKER, "file", [item.key for item in self.programs], self.archive, self.prefix])


@dataclass(frozen=True)
class PackageRecipe:
    """A Debian package of programs in /usr/bin, with nothing of the release's package beside them."""

    artifact: Artifact
    package: str
    programs: tuple[Program, ...]

    @property
    def key(self) -> str:
        """Hash of the recipe and of everything it is made of."""
        return recipe_key([MAKER, "package", self.package, [item.key for item in self.programs]])


@dataclass(frozen=True)
class ImageRecipe:
    """An image: layers of packages and libraries or none, programs and folders of the repository, and what it runs."""

    artifact: Artifact
    settings: Settings
    programs: Mapping[str, Program] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    base: Base | None = None

    @property
    def key(self) -> str:
        """Hash of the recipe and of everything it is made of."""
        return recipe_key(
            [
                MAKER,
                "image",
                asdict(self.settings),
                {path: item.key for path, item in self.programs.items()},
                {path: folder_digest(folder) for path, folder in self.folders.items()},
                self.base.key if self.base else "",
            ]
        )


Recipe = FileRecipe | PackageRecipe | ImageRecipe


def _kubernetes_file(item: Artifact) -> FileRecipe:
    return FileRecipe(item, (go.kubernetes(item.name, item.version),))


def _etcd_release(item: Artifact) -> FileRecipe:
    return FileRecipe(item, go.etcd(item.version), archive=True, prefix=f"etcd-v{item.version}-linux-amd64/")


def _network_plugins(item: Artifact) -> FileRecipe:
    return FileRecipe(item, go.containernetworking_plugins(item.version), archive=True, prefix="")


def _kubernetes_image(item: Artifact) -> ImageRecipe:
    path = f"/usr/local/bin/{item.name}"
    base = PACKET_TOOLS if item.name == "kube-proxy" else None
    return ImageRecipe(item, Settings(entrypoint=(path,)), {path: go.kubernetes(item.name, item.version)}, base=base)


def _pause(item: Artifact) -> ImageRecipe:
    """The source is in the release of Kubernetes; the version is that of the image, not of the release."""
    program = CProgram(
        "pause", go.kubernetes("pause", "1.37.2").module, "build/pause/linux/pause.c", (f"-DVERSION=v{item.version}",)
    )
    return ImageRecipe(item, Settings(entrypoint=("/pause",), user="65535:65535"), {"/pause": program})


def _etcd_image(item: Artifact) -> ImageRecipe:
    programs = {f"/usr/local/bin/{program.name}": program for program in go.etcd(item.version.partition("-")[0])}
    return ImageRecipe(item, Settings(entrypoint=("/usr/local/bin/etcd",)), programs)


def _coredns(item: Artifact) -> ImageRecipe:
    return ImageRecipe(item, Settings(entrypoint=("/coredns",)), {"/coredns": go.coredns(item.version)})


def _flannel(item: Artifact) -> ImageRecipe:
    path = "/opt/bin/flanneld"
    return ImageRecipe(item, Settings(entrypoint=(path,)), {path: go.flannel(item.version)}, base=PACKET_TOOLS)


def _metrics_server(item: Artifact) -> ImageRecipe:
    program = go.metrics_server(item.version)
    return ImageRecipe(item, Settings(entrypoint=("/metrics-server",), user=NOBODY), {"/metrics-server": program})


def _service(item: Artifact, user: str = "", libraries: PythonLayer | None = None) -> ImageRecipe:
    """A package of services/, over Python alone or over libraries in an environment of their own."""
    package = item.name.replace("-", "_")
    folders = {f"{SERVICES_PATH}/{name}": REPOSITORY / "services" / name for name in (package, *SHARED_PACKAGES)}
    settings = Settings(
        entrypoint=(f"{libraries.path if libraries else '/usr'}/bin/python3", "-m", package),
        user=user,
        environment={"PYTHONPATH": SERVICES_PATH, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return ImageRecipe(item, settings, folders=folders, base=libraries or PYTHON)


def _approver(item: Artifact) -> ImageRecipe:
    return _service(item, user=NOBODY)


def _probe(item: Artifact) -> ImageRecipe:
    return ImageRecipe(item, Settings(command=("/bin/sleep", "infinity")), base=PYTHON)


def _hub(item: Artifact) -> ImageRecipe:
    """The service with the folder of the collection that says what a site has of GPUs."""
    image = _service(item, NOBODY, PythonLayer(item.name, REPOSITORY / "images" / item.name, below=PYTHON))
    gpu = "plugins/module_utils/gpu"
    there = f"{SERVICES_PATH}/ansible_collections/ai_infn/platform/{gpu}"
    return replace(image, folders={**image.folders, there: REPOSITORY / gpu})


def _configurable_http_proxy(item: Artifact) -> ImageRecipe:
    base = NodeLayer(item.name, REPOSITORY / "images" / item.name, below=NODE)
    program = f"{base.path}/node_modules/configurable-http-proxy/bin/configurable-http-proxy"
    return ImageRecipe(item, Settings(entrypoint=("/usr/bin/node", program), user=NOBODY), base=base)


def _notebook(item: Artifact) -> ImageRecipe:
    source = REPOSITORY / "images" / item.name
    base = PythonLayer(item.name, source, below=NOTEBOOK)
    settings = Settings(
        entrypoint=("/usr/bin/tini", "--"),
        command=("jupyterhub-singleuser",),
        user=NOBODY,
        environment={"PATH": f"{base.path}/bin:{SEARCH_PATH}", "SHELL": "/bin/bash", "LANG": "C.UTF-8"},
        directory="/home",
    )
    return ImageRecipe(item, settings, folders={f"{base.path}/etc/jupyter/labconfig": source / "labconfig"}, base=base)


def _mig_parted(item: Artifact) -> FileRecipe:
    prefix = f"nvidia-mig-manager-{item.version}-1/"
    return FileRecipe(item, (go.nvidia_mig_parted(item.version),), archive=True, prefix=prefix)


def _container_toolkit(item: Artifact) -> PackageRecipe:
    return PackageRecipe(item, item.name, go.nvidia_container_toolkit(item.version))


def _device_plugin(item: Artifact) -> ImageRecipe:
    """Its programs are behind scripts by which they find what the simulated driver has no kernel to show."""
    programs = {f"/usr/libexec/nvidia/{program.name}": program for program in go.nvidia_device_plugin(item.version)}
    scripts = {"/usr/bin": REPOSITORY / "lab" / "gpu" / "image"}
    return ImageRecipe(item, Settings(entrypoint=("nvidia-device-plugin",)), programs, scripts, base=C_LIBRARY)


def _node_feature_discovery(item: Artifact) -> ImageRecipe:
    programs = {f"/usr/bin/{program.name}": program for program in go.node_feature_discovery(item.version)}
    return ImageRecipe(item, Settings(user=NOBODY), programs)


RECIPES: dict[str, Callable[[Artifact], Recipe]] = {
    "kubeadm": _kubernetes_file,
    "kubelet": _kubernetes_file,
    "kubectl": _kubernetes_file,
    "kube-apiserver": _kubernetes_image,
    "kube-controller-manager": _kubernetes_image,
    "kube-scheduler": _kubernetes_image,
    "kube-proxy": _kubernetes_image,
    "pause": _pause,
    "etcd": _etcd_image,
    "etcd-release": _etcd_release,
    "coredns": _coredns,
    "containernetworking-plugins": _network_plugins,
    "flannel": _flannel,
    "metrics-server": _metrics_server,
    "network-policy-agent": _service,
    "kubelet-csr-approver": _approver,
    "probe": _probe,
    "nvidia-mig-parted": _mig_parted,
    "nvidia-container-toolkit-base": _container_toolkit,
    "nvidia-device-plugin": _device_plugin,
    "node-feature-discovery": _node_feature_discovery,
    "configurable-http-proxy": _configurable_http_proxy,
    "hub": _hub,
    "notebook": _notebook,
}
"""Name in the lock -> how it is made. A test holds this against the lock."""


def recipe(artifact: Artifact) -> Recipe:
    """How to make ``artifact``."""
    if artifact.name not in RECIPES:
        raise BuildError(f"the lock has {artifact.name}, but lab/mirror/recipes.py does not say how it is made")
    return RECIPES[artifact.name](artifact)


def programs_of(item: Recipe) -> tuple[Program, ...]:
    """The programs that the artifact holds."""
    return tuple(item.programs.values()) if isinstance(item, ImageRecipe) else item.programs


def missing_folders(item: Recipe) -> list[Path]:
    """Folders of the repository that the recipe needs and that are not there or empty."""
    folders = item.folders.values() if isinstance(item, ImageRecipe) else []
    return [folder for folder in folders if not source_files(folder)]
