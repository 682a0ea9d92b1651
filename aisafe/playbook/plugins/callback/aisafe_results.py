# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tells aisafe how each task ended: host, task, place and status, and no value of any variable.

Runs inside the ansible that applies, which may be another version in another environment: nothing of aisafe is imported.
"""

from __future__ import annotations

import json
import os
import shutil
import sys

from ansible.executor.stats import AggregateStats
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: aisafe_results
type: aggregate
short_description: tells aisafe how each task ended
version_added: "2.16"
description:
  - Writes one JSON object a line to the file that AISAFE_RESULTS names. Does nothing without it.
  - Gives the run the statistics (set_stats) of the JSON file that AISAFE_ARTIFACTS names.
options: {}
"""


def publish(artifacts):
    """Put them where set_stats does: the run's own statistics, which whoever made this callback holds.

    The callback that shows the end of the run comes before this one, so at that moment it would be too late.
    """
    frame = sys._getframe()
    while frame is not None:
        stats = getattr(frame.f_locals.get("self"), "_stats", None)
        if isinstance(stats, AggregateStats):
            for name, value in artifacts.items():
                stats.set_custom_stats(name, value)
            return
        frame = frame.f_back


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "aisafe_results"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self):
        super().__init__()
        path = os.environ.get("AISAFE_RESULTS")
        self.disabled = not path
        self._file = open(path, "a", encoding="utf-8") if path else None  # noqa: SIM115
        artifacts = os.environ.get("AISAFE_ARTIFACTS")
        if artifacts and os.path.isfile(artifacts):
            with open(artifacts, encoding="utf-8") as file:
                publish(json.load(file))

    def _write(self, entry):
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def _result(self, result, status):
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        data = getattr(result, "result", None) or result._result
        path, _, line = (task.get_path() or ":0").rpartition(":")
        message = ""
        if status in ("failed", "unreachable", "ignored"):
            hidden = task.no_log or data.get("_ansible_no_log")
            message = "(hidden: no_log)" if hidden else str(data.get("msg", ""))[:2000]
        self._write(
            {"host": host.get_name(), "task": task.get_name(), "path": path, "line": int(line or 0), "status": status,
             "message": message}
        )  # fmt: skip

    def v2_playbook_on_start(self, playbook):
        self._write({"event": "started"})
        directory = os.environ.get("AISAFE_REMOVE_WHEN_READ")
        if directory:
            shutil.rmtree(directory, ignore_errors=True)

    def v2_runner_on_ok(self, result):
        data = getattr(result, "result", None) or result._result
        self._result(result, "changed" if data.get("changed") else "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self._write({"event": "stats", "hosts": {host: stats.summarize(host) for host in sorted(stats.processed)}})
        self._file.close()
