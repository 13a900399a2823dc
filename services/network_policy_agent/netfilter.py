"""The only place that touches the kernel: nft, its generation and two sysctls."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from network_policy_agent.generation import generation
from network_policy_agent.render import TABLE

NFT_TIMEOUT_S = 30
BRIDGE_SYSCTLS = tuple(Path("/proc/sys/net/bridge") / f"bridge-nf-call-{name}" for name in ("iptables", "ip6tables"))


class NetfilterError(Exception):
    """The kernel or nft refused; the message is theirs."""


class Netfilter:
    """Applies transactions and notices when somebody else changed what was applied."""

    def __init__(self, program: str = "nft", sysctls: tuple[Path, ...] = BRIDGE_SYSCTLS) -> None:
        self._program = program
        self._sysctls = sysctls
        self._applied: str | None = None
        self._generation: int | None = None

    def apply(self, transaction: str) -> None:
        """Apply a transaction as a whole or not at all."""
        self._run(["-f", "-"], transaction)
        self._generation = generation()  # before the listing: what another program changes meanwhile is seen later
        self._applied = self._listing()

    def intact(self) -> bool:
        """Tell whether the tables are still as applied. A flush by another program would open every pod."""
        now = generation()
        if self._applied is None or (now is not None and now == self._generation):
            return self._applied is not None
        if self._listing() != self._applied:
            return False
        self._generation = now
        return True

    def drops(self) -> dict[str, int]:
        """Return packets dropped since the last change of the rules, by reason."""
        try:
            listing = json.loads(self._run(["-j", "list", "counters"]))
        except (NetfilterError, ValueError):
            return {}
        counters = [entry["counter"] for entry in listing.get("nftables", []) if "counter" in entry]
        return {str(counter["name"]): int(counter["packets"]) for counter in counters if counter["table"] == TABLE}

    def filter_bridged(self) -> bool:
        """Make bridged packets pass the inet hooks; return True when that had been switched off."""
        changed = False
        for sysctl in self._sysctls:
            try:
                if sysctl.read_text(encoding="ascii").strip() != "1":
                    sysctl.write_text("1", encoding="ascii")
                    changed = True
            except OSError as error:
                raise NetfilterError(
                    f"{sysctl} cannot be set to 1 ({error}): pods of one node would reach each other past every"
                    " policy; load br_netfilter on the node"
                ) from error
        return changed

    def _listing(self) -> str | None:
        try:
            rules = [self._run(["-s", "list", "table", family, TABLE]) for family in ("inet", "bridge")]
        except NetfilterError:
            return None
        return hashlib.sha256("".join(rules).encode()).hexdigest()

    def _run(self, arguments: list[str], text: str | None = None) -> str:
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=text,
                capture_output=True,
                text=True,
                timeout=NFT_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NetfilterError(f"nft: {error}") from error
        if done.returncode != 0:
            raise NetfilterError(f"nft {' '.join(arguments)}: {done.stderr.strip()[:2000]}")
        return done.stdout
