"""Services whose sockets could not be worked out."""

from __future__ import annotations

import pytest

from aisafe.model import Effect
from tests.cases import effect, forecast, found, state


@pytest.mark.parametrize(
    ("effects", "parties"),
    [
        ([effect("start", "unit a.service", sockets_known=False)], ["a.service"]),
        (
            [
                effect("start", "unit a.service", sockets_known=False),
                effect("restart", "unit a.service", sockets_known=False),
            ],
            ["a.service"],
        ),
        (
            [
                effect("start", "unit a.service", sockets_known=False),
                effect("create", "container b", sockets_known=False),
            ],
            ["a.service", "b"],
        ),
        ([effect("stop", "unit a.service", sockets_known=False)], []),
        ([effect("start", "unit a.service")], []),
    ],
)
def test_cases(effects: list[Effect], parties: list[str]) -> None:
    findings = found("sockets-unknown", state(), forecast(*effects))
    assert [party.name for item in findings for party in item.parties] == parties
    assert all(item.severity == "warning" for item in findings)
