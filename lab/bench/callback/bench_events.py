"""Writes every finished task as one JSON line, so that the benchmark can tell what ran where."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: bench_events
type: aggregate
short_description: Write every finished task as one JSON line
description:
  - Each line has the task, its action, the host whose turn it was, the hosts it really ran on, and what came of it.
options:
  path:
    description: The file.
    env: [{name: BENCH_EVENTS}]
    ini: [{section: callback_bench_events, key: path}]
"""


class CallbackModule(CallbackBase):
    """The callback that ansible loads by the name of this file."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bench_events"

    def __init__(self) -> None:
        super().__init__()
        self._items: dict[tuple[str, str], set[str]] = {}
        self._file = Path(os.environ["BENCH_EVENTS"]).open("a", encoding="utf-8")  # noqa: SIM115

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Note when a task began."""
        self._write({"event": "start", "task": task.get_name(), "path": task.get_path()})

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Note a task that ran."""
        self._result("ok", result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Note a task that was skipped."""
        self._result("skipped", result)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Note a task that failed."""
        self._result("failed", result)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Note a host that could not be reached."""
        self._result("unreachable", result)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """Remember where an item of a loop ran."""
        self._items.setdefault((result.host.get_name(), result.task._uuid), set()).add(self._place(result))

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """Remember where an item of a loop failed."""
        self.v2_runner_item_on_ok(result)

    def _result(self, outcome: str, result: CallbackTaskResult) -> None:
        self._write(
            {
                "event": outcome,
                "task": result.task.get_name(),
                "action": str(result.task.resolved_action or result.task.action),
                "host": result.host.get_name(),
                "on": self._places(result),
                "changed": bool(result.result.get("changed")),
            }
        )

    def _places(self, result: CallbackTaskResult) -> list[str]:
        """The names of the hosts that the task really ran on; a loop's items may go to different ones."""
        items = self._items.pop((result.host.get_name(), result.task._uuid), set())
        return sorted(items) or [self._place(result)]

    @staticmethod
    def _place(result: CallbackTaskResult) -> str:
        # Once templated; where it is not, nothing was sent anywhere.
        return str(result.task_fields.get("delegate_to") or result.task.delegate_to or result.host.get_name())

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps({"time": round(time.time(), 3), **line}) + "\n")
        self._file.flush()
