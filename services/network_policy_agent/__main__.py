"""Runs the agent: options come from the environment, so that the DaemonSet shows them all."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from kube_api import ApiError, Client, HealthServer, Reflector, in_cluster

from network_policy_agent.agent import Agent
from network_policy_agent.attachments import RESULTS, Attachments
from network_policy_agent.netfilter import Netfilter
from network_policy_agent.refusals import Refusals
from network_policy_agent.render import Options
from network_policy_agent.store import PATHS


def options_from(environ: Mapping[str, str]) -> Options:
    """Return the options; lists are separated by commas. Raise ValueError for what is no IPv4 network."""
    defaults = Options()
    blocked = _list(environ.get("BLOCKED_DESTINATIONS", ",".join(defaults.blocked_destinations)))
    networks = (ipaddress.IPv4Network(one, strict=False) for one in blocked)
    return Options(
        interfaces=_list(environ.get("POD_INTERFACES")) or defaults.interfaces,
        blocked_destinations=tuple(str(one) for one in ipaddress.collapse_addresses(networks)),
    )


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def main() -> int:
    """Run until killed."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    node = os.environ.get("NODE_NAME")
    if not node:
        logging.error("NODE_NAME is not set: give the node's name (spec.nodeName)")
        return 2
    try:
        client, options = Client(in_cluster()), options_from(os.environ)
    except (ApiError, ValueError) as error:
        logging.error("%s", error)  # noqa: TRY400 (the message says all)
        return 2
    refusals = Refusals(client, node)
    refusals.start()
    agent = Agent(
        node,
        options,
        Netfilter(),
        Attachments(Path(os.environ.get("CNI_RESULTS", str(RESULTS)))),
        refusals.report,
    )
    address, _, port = os.environ.get("HEALTH_ADDRESS", "127.0.0.1:9477").rpartition(":")
    HealthServer(address, int(port), agent.alive, agent.ready, agent.metrics).start()
    for kind, path in PATHS.items():
        Reflector(client, kind, path, agent.tell).start()
    agent.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
