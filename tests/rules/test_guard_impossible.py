"""What a roll-back needs and is not there."""

from __future__ import annotations

import pytest

from tests.cases import effect, forecast, found, state

UNIT, BOX = effect("start", "unit a.service"), effect("create", "container a")


@pytest.mark.parametrize(
    ("checks", "effects", "expected"),
    [
        ({"rsync": "", "systemd": ""}, [UNIT], []),
        ({"rsync": "rsync is missing"}, [UNIT], ["error"]),
        ({"rsync": "rsync is missing", "root": "no root"}, [UNIT], ["error", "error"]),
        ({"rsync": "rsync is missing"}, [], []),
        ({"docker": "it is dead"}, [UNIT], ["warning"]),
        ({"docker": "it is dead"}, [BOX], ["error"]),
        ({"something new": "is wrong"}, [UNIT], ["error"]),
    ],
)
def test_cases(checks: dict[str, str], effects: list[object], expected: list[str]) -> None:
    findings = found("guard-impossible", state(agent_checks=checks), forecast(*effects))  # type: ignore[arg-type]
    assert [item.severity for item in findings] == expected


def test_how_to_get_rsync() -> None:
    (finding,) = found("guard-impossible", state(agent_checks={"rsync": "rsync is missing"}), forecast(UNIT))
    assert finding.message == "The run could not be undone on this host (rsync): rsync is missing."
    assert "apt-get install rsync" in finding.fix
