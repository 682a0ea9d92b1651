"""AWX as code: the execution environment's definition, and the playbook against an API that records what the modules send.

What each module is given is checked by its own argument specification, and the API keeps what it was sent, so that a second
run finds it there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
THERE = {
    "organizations": ["Default"],
    "projects": ["Site"],
    "inventories": ["Site"],
    "credential_types": ["Machine", "Vault"],
}
"""Kind -> names of what the playbook expects to find."""
SINGULAR = {
    "job_templates": "job_template", "workflow_job_templates": "workflow_job_template",
    "workflow_approval_templates": "workflow_approval",
}  # fmt: skip


class Controller(ThreadingHTTPServer):
    """As much of AWX's API as the modules use: collections that are filtered by name, objects, their lists and surveys."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, list[int]] = {}
        self.surveys: dict[str, Any] = {}
        self.changes: list[tuple[str, str, Any]] = []
        for kind, names in THERE.items():
            for name in names:
                self.add(kind, {"name": name})

    def add(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        number = len(self.objects) + 1
        url = f"/api/v2/{kind}/{number}/"
        made = {"id": number, "url": url, "type": SINGULAR.get(kind, kind), **given}
        parts = ("credentials", "labels", "instance_groups", "survey_spec", "workflow_nodes", "success_nodes", "failure_nodes",
                 "always_nodes", "create_approval_template")  # fmt: skip
        made["related"] = {part: f"{url}{part}/" for part in parts}
        self.objects[url] = made
        return made

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Templates of jobs, workflows and approvals are one kind, too."""
        templates = ("job_template", "workflow_job_template", "workflow_approval")
        wanted = templates if kind == "unified_job_templates" else (SINGULAR.get(kind, kind),)
        return [item for item in self.objects.values() if item["type"] in wanted]


class Handler(BaseHTTPRequestHandler):
    server: Controller
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: object) -> None:
        pass

    def answer(self, status: int, data: Any = None) -> None:
        body = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("X-API-Product-Name", "AWX"),
                            ("X-API-Product-Version", "24.6.1"), ("Content-Length", str(len(body)))):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def do_GET(self) -> None:
        url, awx = urlsplit(self.path), self.server
        path, asked = url.path, parse_qs(url.query)
        if path in ("/api/", "/api/v2/", "/api/v2/ping/"):
            return self.answer(
                200, {"version": "24.6.1", "current_version": "/api/v2/", "available_versions": {"v2": "/api/v2/"}}
            )
        if path in awx.objects:
            return self.answer(200, awx.objects[path])
        if path.endswith("/survey_spec/"):
            return self.answer(200, awx.surveys.get(path, {}))
        if path in awx.lists or path.count("/") > 4:
            found = [item for item in awx.objects.values() if item["id"] in awx.lists.get(path, ())]
            return self.answer(200, {"count": len(found), "next": None, "results": found})
        kind = path.split("/")[3]
        found = [item for item in awx.of(kind) if fits(item, asked)]
        return self.answer(200, {"count": len(found), "next": None, "results": found})

    def do_POST(self) -> None:
        path, given, awx = self.path, self.body(), self.server
        awx.changes.append(("POST", path, given))
        kind = path.split("/")[3]
        if path.endswith("/survey_spec/"):
            awx.surveys[path] = given
            return self.answer(200, {})
        if path.endswith("/create_approval_template/"):
            node = awx.objects[path.removesuffix("create_approval_template/")]
            made = awx.add("workflow_approval_templates", given)
            node["unified_job_template"], node["related"]["unified_job_template"] = made["id"], made["url"]
            return self.answer(201, made)
        if path.count("/") > 4 and "id" in given:
            awx.lists.setdefault(path, []).append(given["id"])
            return self.answer(204)
        return self.answer(201, awx.add("workflow_job_template_nodes" if "workflow_nodes" in path else kind, given))

    def do_PATCH(self) -> None:
        given = self.body()
        self.server.changes.append(("PATCH", self.path, given))
        self.server.objects[self.path].update(given)
        self.answer(200, self.server.objects[self.path])


def fits(item: dict[str, Any], asked: dict[str, list[str]]) -> bool:
    """Every filter that is asked for: ``name=``, ``type=``, and ``or__id=`` with ``or__name=``, of which one is enough."""
    either = [
        str(item.get(key.removeprefix("or__"))) in values for key, values in asked.items() if key.startswith("or__")
    ]
    each = [str(item[key]) in values for key, values in asked.items() if key in item]
    return all(each) and (any(either) or not either)


@pytest.fixture
def controller() -> Iterator[Controller]:
    server = Controller()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(controller: Controller) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ, "CONTROLLER_HOST": f"http://127.0.0.1:{controller.server_port}", "CONTROLLER_OAUTH_TOKEN": "token",
        "AWX_VAULT_PASSWORD": "vault-pw", "AWX_BECOME_PASSWORD": "sudo-pw", "AWX_SSH_KEY": "a-key", "ANSIBLE_NOCOWS": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }  # fmt: skip
    return subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-e", "ansible_python_interpreter=" + sys.executable, "playbooks/awx.yml", "-v"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_playbook_makes_all_of_it_and_a_second_time_nothing_new(controller):
    done = run(controller)
    assert done.returncode == 0, done.stdout + done.stderr
    for secret in ("vault-pw", "sudo-pw", "a-key"):
        assert secret not in done.stdout + done.stderr
    made = {item["name"]: item for item in controller.objects.values() if "name" in item}
    assert made["aisafe"]["image"] == "aisafe-ee:latest"
    for name, plan_only in (("aisafe plan", True), ("aisafe apply", False)):
        template = made[name]
        assert json.loads(template["extra_vars"])["aisafe_plan_only"] is plan_only
        assert (template["playbook"], template["job_slice_count"], template["allow_simultaneous"]) == (
            "site.yml",
            1,
            True,
        )
        assert template["execution_environment"] == made["aisafe"]["id"]
        assert [item["variable"] for item in controller.surveys[f"{template['url']}survey_spec/"]["spec"]] == [
            "aisafe_accept", "aisafe_model", "aisafe_prompt",
        ]  # fmt: skip
        assert len(controller.lists[f"{template['url']}credentials/"]) == 2
    nodes = {item["identifier"]: item for item in controller.of("workflow_job_template_nodes")}
    assert controller.lists[f"{nodes['plan']['url']}success_nodes/"] == [nodes["approve"]["id"]]
    assert controller.lists[f"{nodes['approve']['url']}success_nodes/"] == [nodes["apply"]["id"]]
    assert nodes["apply"]["unified_job_template"] == made["aisafe apply"]["id"]
    controller.changes.clear()
    again = run(controller)
    assert again.returncode == 0, again.stdout + again.stderr
    assert [path for verb, path, _ in controller.changes if verb == "POST" and path.count("/") == 4] == []


def test_the_definition_of_the_execution_environment_is_accepted(tmp_path):
    shutil.copytree(ROOT / "awx", tmp_path / "awx")
    (tmp_path / "awx" / "files" / "aisafe-0.1.0-py3-none-any.whl").write_bytes(b"")
    done = subprocess.run(
        [str(BIN / "ansible-builder"), "create", "-f", "awx/execution-environment.yml", "-c", "context"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    context = tmp_path / "context"
    (recipe,) = [path for name in ("Containerfile", "Dockerfile") if (path := context / name).is_file()]
    text = recipe.read_text(encoding="utf-8")
    assert "ENV PATH=/opt/aisafe/bin:$PATH" in text
    assert (context / "_build" / "aisafe" / "ansible-playbook").read_text() == (
        ROOT / "awx/files/ansible-playbook"
    ).read_text()


def test_the_survey_asks_for_options_that_there_are():
    from aisafe.options import OPTIONS

    (play,) = yaml.safe_load((ROOT / "playbooks" / "awx.yml").read_text(encoding="utf-8"))
    known = {option.name.replace("-", "_") for option in OPTIONS if option.name}
    assert {item["variable"] for item in play["vars"]["awx_survey"]["spec"]} <= known
    assert "aisafe_plan_only" in known
