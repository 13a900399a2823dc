"""How each Go program of the lock is built: module, package, version variables, and what is left out."""

from __future__ import annotations

from lab.mirror.golang import CgoProgram, GoModule, GoModuleInstead, GoProgram

KUBERNETES_TAGS = ("selinux", "notest", "grpcnotrace")
"""Build tags of the Kubernetes releases."""

COREDNS_PLUGINS = (
    "acl", "any", "auto", "autopath", "bind", "bufsize", "cache", "cancel", "chaos", "debug", "dns64", "dnssec",
    "errors", "file", "forward", "header", "health", "hosts", "k8s_external", "kubernetes", "loadbalance", "local",
    "log", "loop", "metadata", "metrics", "minimal", "multisocket", "nsid", "pprof", "ready", "reload", "rewrite",
    "root", "secondary", "sign", "template", "timeouts", "tls", "transfer", "tsig", "view", "whoami",
)  # fmt: skip
"""Plugins of the CoreDNS built here: not those for clouds, tracing and databases, which bring most of the code."""


def coredns_main(plugins: tuple[str, ...]) -> str:
    """A main package of CoreDNS with just these plugins; their order of execution is fixed in CoreDNS itself."""
    imports = "".join(f'\t_ "github.com/coredns/coredns/plugin/{name}"\n' for name in plugins)
    imports += '\t"github.com/coredns/coredns/coremain"\n'
    return f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n\tcoremain.Run()\n}}\n"


def kubernetes(command: str, version: str) -> GoProgram:
    """A command of Kubernetes ``version`` (without v), saying that version of itself as the release does."""
    major, minor, _ = version.split(".")
    variables = {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {
            "gitVersion": f"v{version}",
            "gitMajor": major,
            "gitMinor": minor,
            "gitTreeState": "archive",
            "buildDate": "1970-01-01T00:00:00Z",
        }.items()
    }
    module = GoModule("k8s.io/kubernetes", f"v{version}", siblings=f"v0.{version.split('.', 1)[1]}")
    return GoProgram(command, module, f"k8s.io/kubernetes/cmd/{command}", variables, KUBERNETES_TAGS)


def etcd(version: str) -> tuple[GoProgram, ...]:
    """etcd, etcdctl and etcdutl of ``version`` (without v)."""
    modules = {"etcd": "server", "etcdctl": "etcdctl", "etcdutl": "etcdutl"}
    return tuple(
        GoProgram(name, GoModule(f"go.etcd.io/etcd/{folder}/v3", f"v{version}"), f"go.etcd.io/etcd/{folder}/v3")
        for name, folder in modules.items()
    )


def coredns(version: str) -> GoProgram:
    """CoreDNS with the plugins that a cluster uses."""
    module = GoModule("github.com/coredns/coredns", f"v{version}", main=coredns_main(COREDNS_PLUGINS))
    return GoProgram("coredns", module, ".")


def flannel(version: str) -> GoProgram:
    """flanneld without the backends that need a C compiler (udp) or Tencent's cloud."""
    path = "github.com/flannel-io/flannel"
    unneeded = (f"{path}/pkg/backend/tencentvpc", f"{path}/pkg/backend/udp")
    module = GoModule(path, f"v{version}", drop_imports=unneeded)
    return GoProgram("flanneld", module, ".", {f"{path}/pkg/version.Version": f"v{version}"})


def metrics_server(version: str) -> GoProgram:
    """metrics-server."""
    module = GoModule("sigs.k8s.io/metrics-server", f"v{version}")
    variables = {
        f"{package}.gitVersion": f"v{version}"
        for package in ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version")
    }
    return GoProgram("metrics-server", module, "sigs.k8s.io/metrics-server/cmd/metrics-server", variables)


CNI_PLUGINS = {
    "ipam": ("dhcp", "host-local", "static"),
    "main": ("bridge", "dummy", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "tap", "vlan"),
    "meta": ("bandwidth", "firewall", "portmap", "sbr", "tuning", "vrf"),
}


def containernetworking_plugins(version: str) -> tuple[GoProgram, ...]:
    """Every plugin of the release's archive for Linux."""
    path = "github.com/containernetworking/plugins"
    variables = {f"{path}/pkg/utils/buildversion.BuildVersion": f"v{version}"}
    return tuple(
        GoProgram(name, GoModule(path, f"v{version}"), f"{path}/plugins/{group}/{name}", variables)
        for group, names in CNI_PLUGINS.items()
        for name in names
    )


def _nvidia(repository: str, command: str, version: str, instead: tuple[str, ...] = ()) -> CgoProgram:
    """A command of one of NVIDIA's repositories; it finds the driver's library on the host that it runs on."""
    path = f"github.com/NVIDIA/{repository}"
    variables = {f"{path}/internal/info.version": f"v{version}"}
    module = GoModuleInstead(path, f"v{version}", instead=instead) if instead else GoModule(path, f"v{version}")
    return CgoProgram(command, module, f"{path}/cmd/{command}", variables)


def nvidia_mig_parted(version: str) -> CgoProgram:
    """nvidia-mig-parted."""
    return _nvidia("mig-parted", "nvidia-mig-parted", version)


def nvidia_container_toolkit(version: str) -> tuple[CgoProgram, ...]:
    """What the toolkit's base package holds for CDI."""
    return tuple(_nvidia("nvidia-container-toolkit", name, version) for name in ("nvidia-ctk", "nvidia-cdi-hook"))


NODE_FEATURE_DISCOVERY = "sigs.k8s.io/node-feature-discovery"
NODE_FEATURES = f"{NODE_FEATURE_DISCOVERY}@v0.15.4"
"""The client of the NodeFeature API that the device plugin's release is built with; it names 0.15.7."""


def nvidia_device_plugin(version: str) -> tuple[CgoProgram, ...]:
    """What the image of the device plugin holds, less MPS."""
    names = ("nvidia-device-plugin", "config-manager", "gpu-feature-discovery")
    return tuple(_nvidia("k8s-device-plugin", name, version, (NODE_FEATURES,)) for name in names)


def node_feature_discovery(version: str) -> tuple[GoProgram, ...]:
    """What turns NodeFeature objects into labels of nodes, and removes those of nodes that went."""
    module = GoModule(NODE_FEATURE_DISCOVERY, f"v{version}")
    variables = {f"{NODE_FEATURE_DISCOVERY}/pkg/version.version": f"v{version}"}
    names = ("nfd-master", "nfd-gc")
    return tuple(GoProgram(name, module, f"{NODE_FEATURE_DISCOVERY}/cmd/{name}", variables) for name in names)
