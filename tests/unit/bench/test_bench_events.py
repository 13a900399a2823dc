"""What a run did on which host is read from its events and from the SSH commands it sent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from lab.bench import events
from lab.bench.guests import fleet, link_images
from lab.bench.ours import ALLOWED_ON_OLD_HOSTS, inventory
from lab.settings import REPOSITORY


def event(task: str, host: str, action: str = "ansible.builtin.command", **more: Any) -> dict[str, Any]:
    return {"event": "ok", "time": 1.0, "task": task, "action": action, "host": host, "on": [host], **more}


RUN = events.Run(
    (
        event("role : Look", "old"),
        event("role : Join", "new", changed=True),
        event("role : Make a token", "new", on=["old"]),
        event("role : Say", "old", action="ansible.builtin.debug"),
        {**event("role : Leave out", "old"), "event": "skipped"},
    ),
    {},
)


def test_tasks_on_old_hosts_count_also_when_they_are_delegated_there() -> None:
    assert RUN.remote_tasks(["old"]) == ["old: role : Look", "old: role : Make a token"]


def test_allowed_tasks_are_not_beyond_the_allow_list() -> None:
    assert RUN.tasks_beyond(["old"], ["Look"]) == ["old: role : Make a token"]


def test_commands_to_a_host_without_a_task_there_are_noticed() -> None:
    run = events.Run(RUN.events, {"192.0.2.1": 2, "192.0.2.2": 1})
    assert run.unexplained({"old": "192.0.2.1", "other": "192.0.2.2", "quiet": "192.0.2.3"}) == ["other"]


def test_every_allowed_task_is_one_of_a_role() -> None:
    tasks = "\n".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("roles/*/tasks/*.yml"))
    assert [name for name in ALLOWED_ON_OLD_HOSTS if f"name: {name}\n" not in tasks] == []


def test_changes_are_named_with_their_host() -> None:
    assert RUN.changed() == ["new: role : Join"]


def test_a_task_lasts_from_its_hosts_result_before_to_its_own() -> None:
    times = [(1.0, "a", "one"), (1.5, "b", "one"), (4.0, "a", "two"), (4.5, "b", "two")]
    results = [event(f"role : {task}", host) | {"time": when} for when, host, task in times]
    run = events.Run(({"event": "start", "time": 0.0, "task": "one"}, *results), {})
    assert run.slowest(3) == [(3.0, "b: two"), (3.0, "a: two"), (1.5, "b: one")]


def test_the_wrapper_notes_the_host_of_each_round_trip_and_passes_all_words_on(tmp_path: Path) -> None:
    script, trips = tmp_path / "ssh", tmp_path / "trips"
    script.write_text(events.wrapper("printf '[%s]'", "10.64.9.", trips), encoding="utf-8")
    script.chmod(0o700)
    said = subprocess.run(
        [script, "-o", "User=debian", "10.64.9.200", "sh -c 'true 10.64.9.201'"], capture_output=True, text=True
    )
    assert said.stdout == "[-o][User=debian][10.64.9.200][sh -c 'true 10.64.9.201']"
    seen = tmp_path / "events"
    seen.write_text(json.dumps(event("a", "b")) + "\n", encoding="utf-8")
    run = events.read(seen, trips)
    assert run.round_trips == {"10.64.9.200": 1}
    assert len(run.events) == 1


def test_a_run_that_wrote_nothing_is_empty(tmp_path: Path) -> None:
    assert events.read(tmp_path / "none", tmp_path / "none") == events.Run((), {})


def test_the_inventory_names_purpose_and_addresses_of_every_guest() -> None:
    groups: Any = inventory(fleet(3))
    groups = groups["all"]["children"]["kubernetes"]["children"]
    addresses = {"ansible_host": "10.64.9.200", "openstack_server_address": "10.64.9.200"}
    assert groups["kube_control_plane"]["hosts"] == {"bench-control-1": addresses}
    assert set(groups["kube_worker"]["hosts"]) == {"bench-worker-1", "bench-worker-2"}


def test_guests_share_image_content_but_not_databases(tmp_path: Path) -> None:
    source, target = tmp_path / "images", tmp_path / "guest" / "data" / "containerd"
    for path in ("io.containerd.metadata.v1.bolt/meta.db", "io.containerd.content.v1.content/blobs/sha256/1"):
        (source / path).parent.mkdir(parents=True)
        (source / path).write_text("x", encoding="utf-8")
    link_images(source, target)
    assert (target / "io.containerd.content.v1.content/blobs/sha256/1").stat().st_nlink == 2
    assert (target / "io.containerd.metadata.v1.bolt/meta.db").stat().st_nlink == 1
