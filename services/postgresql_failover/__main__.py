"""The agent of a database host, its guard, and what a person asks of them."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from typing import Any

from postgresql_failover import bootstrap, guard
from postgresql_failover.agent import Agent
from postgresql_failover.answers import Answers, role
from postgresql_failover.commands import ServerError
from postgresql_failover.commands import run as run_command
from postgresql_failover.decision import Act, Cluster, Quorum
from postgresql_failover.files import Kept
from postgresql_failover.processes import wait_for
from postgresql_failover.report import report
from postgresql_failover.server import PostgreSQL
from postgresql_failover.settings import Settings, load
from postgresql_failover.store import Store

SETTINGS = "/etc/postgresql-failover/settings.json"
LEASE = guard.ANSWERED.with_name("lease")
"""Kept while the agent is restarted, and gone after a reboot."""
SWITCHOVER, RESTART = 60.0, 300.0
"""Seconds that a wanted member has to lead, and that a server has to be back after its restart."""

log = logging.getLogger("postgresql_failover")


def main() -> int:
    """Read the settings and do what is asked; the exit status."""
    grammar = argparse.ArgumentParser(prog="postgresql-failover", description=__doc__)
    grammar.add_argument("--settings", default=SETTINGS)
    commands = grammar.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "run the agent"),
        ("guard", "stop the primary when its agent is dead"),
        ("begin", "make the cluster, with a server of this host that has no data but its own as its primary"),
        ("forget", "have etcd forget the cluster, which nobody leads: it is begun anew, from a backup for instance"),
        ("discard", "take this host's data for no server's, until a leader replaces them"),
        ("await", "wait until this host's server leads or receives"),
        ("status", "print the cluster as one JSON document"),
    ):
        commands.add_parser(name, help=text)
    commands.choices["await"].add_argument("--seconds", type=float, default=300.0)
    commands.add_parser("switchover", help="have another member lead").add_argument("--to", required=True)
    again = commands.add_parser("restart", help="end this host's server in order and wait until the agent has it back")
    again.add_argument("--in-place", action="store_true", help="also if it leads: nobody serves meanwhile")
    arguments = grammar.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    settings = load(arguments.settings)
    if arguments.command == "run":
        return run(settings)
    if arguments.command == "guard":
        guard.watch(settings)
    if arguments.command == "begin":
        return begin(settings)
    if arguments.command == "forget":
        return forget(settings)
    if arguments.command == "discard":
        Kept(settings.state).write(upstream="", cut_off=0, rule=None, settled=False, rejoining=True)
        return 0
    if arguments.command == "await":
        return wait(settings, arguments.seconds)
    if arguments.command == "switchover":
        return switchover(settings, arguments.to)
    if arguments.command == "restart":
        return restart(settings, arguments.in_place)
    print(json.dumps(status(settings), indent=2, sort_keys=True))
    return 0


def run(settings: Settings) -> int:
    """Look and act until the process is ended; whatever fails is tried again."""
    store = Store(settings.store, lease=LEASE)
    server = PostgreSQL(settings)
    agent = Agent(settings.declared, store, server)
    answers = Answers(settings.t1)
    if settings.answers:
        try:
            answers.serve(("", settings.answers), settings.answering_tls())
        except OSError as problem:
            log.warning("proxies get no answer on port %d: %s", settings.answers, problem)
    said = ""
    while True:
        began, acted = time.monotonic(), False
        try:
            seen = agent.look()
            guard.note(store.answered)
            answers.note(role(server.look(), seen, settings.me), store.answered)
            acted = agent.act(seen).act is not Act.NOTHING
            said = ""
        except (ServerError, OSError) as problem:
            if str(problem) != said:
                log.warning("%s", problem)
            said = str(problem)
        # One step calls for the next; otherwise there is time.
        if not acted:
            time.sleep(max(0.0, settings.interval - (time.monotonic() - began)))  # the loop's own beat, without an end


def begin(settings: Settings) -> int:
    """Make a server and the cluster's keys; 0 also where they are there."""
    store = Store(settings.store)
    try:
        seen = store.look()
        if seen.silence:
            log.error("etcd does not answer at %s", ", ".join(settings.etcd))
            return 1
        if seen.quorum:
            log.info("it is there already")
            return 0
        bootstrap.make(settings)
        made = store.begin(Quorum(1, settings.me, (settings.declared.rule(frozenset(settings.members)),)))
    except ServerError as problem:
        log.error("%s", problem)  # noqa: TRY400  the text says it all
        return 1
    finally:
        store.resign()
    log.info("made" if made else "somebody else has made it")
    return 0 if made else 1


def forget(settings: Settings) -> int:
    """Delete the cluster's keys once the lease of who has led is over; the exit status."""
    store = Store(settings.store)
    wait_for(lambda: store.look().leader is None, 4 * settings.lease, settings.interval)
    seen = store.look()
    forgotten = not seen.silence and store.forget()
    store.resign()
    if not forgotten:
        log.error("%s", f"{seen.leader.member} leads: stop the agents first" if seen.leader else "etcd does not answer")
    return 0 if forgotten else 1


def wait(settings: Settings, seconds: float) -> int:
    """Wait until the server of this host leads or receives."""
    if wait_for(lambda: serves(look(settings)), seconds, settings.interval):
        return 0
    log.error("not within %.0f s: %s", seconds, json.dumps(look(settings), sort_keys=True))
    return 1


def serves(seen: dict[str, Any]) -> bool:
    """Whether a status says that the server leads, or receives from who leads."""
    server = seen["server"]
    leads = seen["leader"] == seen["me"] and seen["ready"] and server["running"] and server["primary"]
    return bool(leads or (seen["leader"] and server["receives"] == seen["leader"]))


def switchover(settings: Settings, member: str) -> int:
    """Want a member to lead, and wait until it does."""
    store = Store(settings.store)
    seen = store.look()
    if not seen.silence and member not in seen.told:
        log.error("%s does not answer; members that do: %s", member, ", ".join(sorted(seen.told)) or "none")
        return 1

    def leads() -> bool:
        leader = store.look().leader
        return bool(leader and leader.member == member and leader.ready)

    try:
        done = leads() or (store.ask(member) and wait_for(leads, SWITCHOVER, settings.interval))
        seen = store.look()
    finally:
        store.resign()
    if done:
        log.info("%s leads", member)
        return 0
    log.error("%s does not lead after %.0f s: %s", member, SWITCHOVER, json.dumps(document(seen), sort_keys=True))
    return 1


def restart(settings: Settings, in_place: bool) -> int:
    """End the server in order; the agent starts it as what it was. The exit status."""
    if look(settings)["leader"] == settings.me and not in_place:
        log.error("%s leads: have another one lead first", settings.me)
        return 1
    run_command(["systemctl", "stop", settings.unit], timeout=None)
    return wait(settings, RESTART)


def status(settings: Settings) -> dict[str, Any]:
    """Return what etcd says, what this host's server is, and what that says itself."""
    seen = look(settings)
    seen["serves"] = serves(seen)
    seen["server"]["report"] = report(settings)
    return seen


def look(settings: Settings) -> dict[str, Any]:
    """What etcd says, and what this host's server is."""
    store = Store(settings.store)
    try:
        seen = store.look()
    finally:
        store.resign()
    server = PostgreSQL(settings)
    found = server.look()
    local = {name: getattr(found, name) for name in ("running", "primary", "stuck", "full")}
    return {
        **document(seen),
        "me": settings.me,
        "server": {**local, "data": server.has_data, "receives": server.receives},
    }


def document(seen: Cluster) -> dict[str, Any]:
    """Return a cluster in the words of JSON."""
    leader, quorum = seen.leader, seen.quorum
    return {
        "answered": not seen.silence,
        "leader": leader.member if leader else "",
        "ready": bool(leader and leader.ready),
        "term": quorum.term if quorum else 0,
        "rules": [
            {"standbys": sorted(rule.standbys), "confirmations": rule.confirmations}
            for rule in (quorum.rules if quorum else ())
        ],
        "settled": bool(quorum and len(quorum.rules) == 1 and not quorum.former),
        "members": {name: {"fit": told.fit, "cut_off": told.term} for name, told in sorted(seen.told.items())},
    }


if __name__ == "__main__":
    sys.exit(main())
