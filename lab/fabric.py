"""The fabric: a network namespace that is the lab's data centre, and the one link between it and this machine.

    host  lab0 .254 ---- ext0 .1  fabric: API services, mirrors, bridges of tenant networks

It has no default route, so nothing in it, and no guest behind it, reaches anything outside this machine.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab import settings
from lab.commands import run, succeeds

PREFIX_LENGTH = settings.EXTERNAL_CIDR.partition("/")[2]
NAMESPACE_FILE = Path("/run/netns") / settings.NETNS
OUTSIDE_FILE = settings.RUN / "outside"
"""The machine's own network namespace, for the one program of the fabric that must reach package servers."""
UNREACHABLE_RANGES = ("10.244.0.0/16", "10.96.0.0/16")
"""Pod and service addresses, which must never leave this machine by its default route."""
FABRIC_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.neigh.default.gc_thresh3": "8192",
}
INSIDE = ("nsenter", f"--net={NAMESPACE_FILE}")
"""Prefix of a command that shall run in the fabric; the mounts stay the machine's, unlike with ``ip netns exec``."""

PROXY_RULES = f"""
table ip ai_infn_packages
delete table ip ai_infn_packages
table ip ai_infn_packages {{
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr {settings.FABRIC_ADDRESS} tcp dport {settings.PACKAGE_PROXY_PORT} dnat to {settings.HOST_ADDRESS}
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip daddr {settings.HOST_ADDRESS} tcp dport {settings.PACKAGE_PROXY_PORT} masquerade
    }}
}}
"""
"""Guests ask the fabric for packages; the proxy that reaches the outside world listens on the machine."""


def exists() -> bool:
    """Whether the namespace is there and usable (a file without a namespace is left after a crash)."""
    return NAMESPACE_FILE.exists() and succeeds([*INSIDE, "true"])


def up() -> bool:
    """Make the fabric as described above; True when something had to be made."""
    changed = _ensure_namespace()
    if not succeeds(["nsenter", f"--net={OUTSIDE_FILE}", "true"]):
        OUTSIDE_FILE.parent.mkdir(parents=True, exist_ok=True)
        OUTSIDE_FILE.touch()
        run(["mount", "--bind", "/proc/self/ns/net", OUTSIDE_FILE])
    changed |= _ensure_link()
    run([*INSIDE, "nft", "-f", "-"], stdin=PROXY_RULES)
    for name, value in FABRIC_SYSCTLS.items():
        run([*INSIDE, "sysctl", "-qw", f"{name}={value}"], check=name != "net.ipv4.neigh.default.gc_thresh3")
    run(["ip", "route", "replace", settings.TENANT_CIDR, "via", settings.FABRIC_ADDRESS, "dev", settings.HOST_LINK])
    for unreachable in UNREACHABLE_RANGES:
        run(["ip", "route", "replace", "blackhole", unreachable, "metric", "4242"])
    return changed


def down() -> None:
    """Remove everything that ``up`` made; links and bridges inside go with the namespace."""
    for unreachable in UNREACHABLE_RANGES:
        run(["ip", "route", "del", "blackhole", unreachable, "metric", "4242"], check=False)
    run(["ip", "link", "del", settings.HOST_LINK], check=False)
    if NAMESPACE_FILE.exists():
        run(["ip", "netns", "del", settings.NETNS])
    run(["umount", OUTSIDE_FILE], check=False)
    if NAMESPACE_FILE.parent.is_dir() and not any(NAMESPACE_FILE.parent.iterdir()):
        run(["umount", NAMESPACE_FILE.parent], check=False)
        NAMESPACE_FILE.parent.rmdir()


def _ensure_namespace() -> bool:
    if exists():
        return False
    if NAMESPACE_FILE.exists():
        run(["ip", "netns", "del", settings.NETNS], check=False)
        NAMESPACE_FILE.unlink(missing_ok=True)
    run(["ip", "netns", "add", settings.NETNS])
    run([*INSIDE, "ip", "link", "set", "lo", "up"])
    return True


def _ensure_link() -> bool:
    if _has_address([], settings.HOST_LINK, settings.HOST_ADDRESS) and _has_address(
        INSIDE, settings.FABRIC_LINK, settings.FABRIC_ADDRESS
    ):
        return False
    run(["ip", "link", "del", settings.HOST_LINK], check=False)
    run(
        [
            "ip",
            "link",
            "add",
            settings.HOST_LINK,
            "type",
            "veth",
            "peer",
            "name",
            settings.FABRIC_LINK,
            "netns",
            settings.NETNS,
        ]
    )
    for prefix, link, address in (
        ((), settings.HOST_LINK, settings.HOST_ADDRESS),
        (INSIDE, settings.FABRIC_LINK, settings.FABRIC_ADDRESS),
    ):
        run([*prefix, "ip", "address", "replace", f"{address}/{PREFIX_LENGTH}", "dev", link])
        run([*prefix, "ip", "link", "set", link, "up"])
    return True


def _has_address(prefix: tuple[str, ...] | list[str], link: str, address: str) -> bool:
    shown = run([*prefix, "ip", "-json", "address", "show", "dev", link, "up"], check=False)
    entries = json.loads(shown) if shown.strip() else []
    return any(info.get("local") == address for entry in entries for info in entry.get("addr_info", []))
