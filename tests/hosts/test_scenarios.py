"""A few of the scenarios for real, one after the other on one host; ``python -m tests.scenarios`` runs all of them."""

from __future__ import annotations

from tests.scenarios.runner import run
from tests.scenarios.scenario import everything

FEW = (
    "firewall-closed/loopback-only",
    "unit-shadowed/own-name",
    "container-name-taken/docker-run",
    "dependency-cut/requires",
    "ssh-lockout/passwords-off-with-key",
    "ssh-lockout/key-exclusive",
)
"""In this order none is in the way of the next; the last one shuts its user out."""


def test_expectation_forecast_and_truth_agree(host, tmp_path) -> None:
    scenarios = {scenario.name: scenario for scenario in everything(FEW)}
    faults = [
        f"{name}: {fault}"
        for name in FEW
        for fault in run(scenarios[name], host, tmp_path / name.replace("/", "-")).faults
    ]
    assert faults == [], "\n".join(faults)
