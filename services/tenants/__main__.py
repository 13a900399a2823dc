"""Gives accounts their namespaces for ever, or tells what is missing."""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from pathlib import Path
from typing import Any

from kube_api import ApiError, Client, Connection

from tenants.agent import Cluster, Difference, accounts, compare, key, turn
from tenants.objects import Account, Site

SETTINGS = Path("/etc/tenants/settings.json")
LOOKS_S = 30.0
"""How often it looks without being told: whoever removes an object by hand tells nobody."""

MOMENT_S, LOOKS_AGAIN_S = 5.0, 0.5
"""Within which a change is taken over that the database has told of, and how often a report looks meanwhile."""


def grammar() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(prog="tenants", description=__doc__)
    parser.add_argument("--settings", type=Path, default=SETTINGS)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve", help="give accounts their namespaces, for ever")
    verbs.add_parser("report", help="what is missing and what is too much, one JSON document")
    return parser


def cluster_of(settings: dict[str, Any]) -> Cluster:
    """The cluster of the settings' ``api``: host, port, ca_file and token_file."""
    api = settings["api"]
    address = Connection(api["host"], api["port"], Path(api["ca_file"]), Path(api["token_file"]))
    return Cluster(Client(address))


def say(line: str) -> None:
    print(line, flush=True)


def serve(connection: Any, site: Site, cluster: Cluster) -> None:
    """Give accounts their namespaces until something is wrong; systemd begins anew then."""
    connection.execute("LISTEN identity")
    strangers: list[str] = []
    while True:
        with connection.cursor() as cursor:
            known = accounts(cursor)
        difference = turn(known, site, cluster, say)
        if difference.strangers != strangers:
            strangers = difference.strangers
            say(f"no account is known for the namespaces: {', '.join(strangers) or 'none'}")
        select.select([connection], [], [], LOOKS_S)


def report(connection: Any, site: Site, cluster: Cluster) -> dict[str, Any]:
    """How many accounts there are, and in what the cluster still differs after a moment."""

    def seen() -> tuple[list[Account], Difference]:
        with connection.cursor() as cursor:
            known = accounts(cursor)
        return known, compare(known, site, cluster.found(), cluster.busy(known))

    deadline = time.monotonic() + MOMENT_S
    known, difference = seen()
    while not difference.is_none and time.monotonic() < deadline:
        time.sleep(LOOKS_AGAIN_S)  # the pace of asking, with the deadline above
        known, difference = seen()
    return {
        "accounts": sum(not account.left for account in known),
        "missing": [" ".join(key(one)[::2]) for one in difference.apply],
        "too_much": [" ".join(of[::2]) for of in difference.remove] + [f"pods of {one}" for one in difference.empty],
        "strangers": difference.strangers,
    }


def main() -> int:
    """Serve, or answer once."""
    words = grammar().parse_args()
    settings = json.loads(words.settings.read_text(encoding="utf-8"))
    site, cluster = Site(**settings["site"]), cluster_of(settings)
    import psycopg  # of the distribution, and only where this runs

    try:
        with psycopg.connect(settings["database"], autocommit=True) as connection:
            if words.verb == "serve":
                serve(connection, site, cluster)
            else:
                print(json.dumps(report(connection, site, cluster), indent=2))
    except (ApiError, psycopg.Error, OSError) as problem:
        print(f"tenants: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
