"""The forecast document, version aisafe-plan/1."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from typing import Any

from aisafe.model import Claim, Effect, Finding, Forecast, HostForecast, HostState, Party, TaskRef, Verdict
from aisafe.reports import View, report

NAME = "aisafe-plan/1"


@report("json")
def json_report(view: View) -> str:
    """The document as indented JSON, with a newline at the end."""
    data = document(view.states, view.forecast, view.verdict, view.exit_code)
    return json.dumps(data, indent=2) + "\n"  # ASCII: nothing that a terminal would obey


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    text = resources.files("aisafe.reports").joinpath("schema/aisafe-plan-1.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def document(states: Mapping[str, HostState], forecast: Forecast, verdict: Verdict, exit_code: int) -> dict[str, Any]:
    """What a run would do and what stands against it, as plain data.

    ``hosts``: every host that was asked or is touched; ``summary`` counts over all of them.
    """
    names = sorted({*states, *forecast.hosts})
    hosts = {name: forecast.hosts.get(name, HostForecast(host=name)) for name in names}
    return {
        "schema": NAME,
        "verdict": verdict.word,
        "exit_code": int(exit_code),
        "summary": _summary(hosts, forecast, verdict),
        "hosts": {name: _host(host, states.get(name)) for name, host in hosts.items()},
        "findings": [_finding(finding) for finding in verdict.findings],
    }


def _summary(hosts: Mapping[str, HostForecast], forecast: Forecast, verdict: Verdict) -> dict[str, Any]:
    effects = [effect for host in hosts.values() for effect in host.effects]
    severities = Counter(finding.severity for finding in verdict.findings if not finding.accepted)
    coverage = [host.coverage for host in hosts.values()]
    return {
        "hosts": len(hosts),
        "tasks": sum(item.tasks for item in coverage),
        "modelled": sum(item.modelled for item in coverage),
        "opaque": sum(item.opaque for item in coverage),
        "not_reached": sum(item.not_reached for item in coverage),
        "no_model": sorted({module for item in coverage for module in item.no_model}),
        "effects": len(effects),
        "irreversible": sum(not effect.reversible for effect in effects),
        "errors": severities["error"],
        "warnings": severities["warning"],
        "notes": severities["note"],
        "accepted": sum(bool(finding.accepted) for finding in verdict.findings),
        "complete": forecast.complete,
        "ansible_version": forecast.ansible_version,
    }


def _host(host: HostForecast, state: HostState | None) -> dict[str, Any]:
    spots = dict.fromkeys([*(state.blind_spots if state else ()), *host.blind_spots])
    cover = host.coverage
    return {
        "coverage": {
            "tasks": cover.tasks,
            "modelled": cover.modelled,
            "opaque": cover.opaque,
            "not_reached": cover.not_reached,
            "no_model": list(cover.no_model),
        },
        "blind_spots": [
            {"kind": spot.kind, "reason": spot.reason, "fix": spot.fix, "blocks": spot.blocks} for spot in spots
        ],
        "claims": [_claim(claim) for claim in sorted(host.claims, key=_claim_order)],
        "effects": [_effect(effect) for effect in host.effects],
    }


def _claim_order(claim: Claim) -> tuple[Any, ...]:
    socket = claim.socket
    return (socket.port, socket.protocol, socket.address.version, int(socket.address), claim.holder)


def _claim(claim: Claim) -> dict[str, Any]:
    socket = claim.socket
    return {
        "protocol": socket.protocol,
        "address": str(socket.address),
        "ipv6_only": socket.ipv6_only,
        "port": socket.port,
        "certainty": "certain" if claim.certainty == "certain" else "possible",
        "holder": {"kind": claim.holder.kind, "name": claim.holder.name},
        "task": _task(claim.task),
    }


def _effect(effect: Effect) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": effect.kind,
        "action": effect.action,
        "name": effect.name,
        "certainty": effect.certainty,
        "reversible": effect.reversible,
        "task": _task(effect.task),
    }
    for key in ("why", "detail"):
        if text := getattr(effect, key):
            data[key] = text
    return data


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "when": finding.when,
        "host": finding.host,
        "message": finding.message,
        "fix": finding.fix,
        "yaml": finding.yaml,
        "evidence": list(finding.evidence),
        "accepted": finding.accepted,
        "task": _task(finding.task) if finding.task else None,
        "parties": [_party(party) for party in finding.parties],
    }


def _party(party: Party) -> dict[str, Any]:
    data: dict[str, Any] = {"kind": party.kind, "name": party.name, "live": party.live}
    if party.pid is not None:
        data["pid"] = party.pid
    if party.task is not None:
        data["task"] = _task(party.task)
    return data


def _task(task: TaskRef) -> dict[str, Any]:
    return {"name": task.name, "path": task.path, "line": task.line}
