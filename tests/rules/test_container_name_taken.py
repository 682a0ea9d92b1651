"""A container name that is taken."""

from __future__ import annotations

import pytest

from aisafe.model import Container, Effect
from tests.cases import container, effect, forecast, found, service, state

ANEW = "made anew: image"


@pytest.mark.parametrize(
    ("there", "effects", "image", "expected"),
    [
        (container("web"), [effect("create", "container web", certainty="possible")], "", [("error", "now")]),
        (container("web"), [effect("remove", "container web"), effect("create", "container web")], "", []),
        (container("other"), [effect("create", "container web")], "", []),
        (
            container("web", image="prom/prometheus:1"),
            [effect("change", "container web", detail=ANEW)],
            "nginx",
            [("warning", "now")],
        ),
        (
            container("web", image="prom/prometheus:1"),
            [effect("change", "container web", detail=ANEW)],
            "quay.io/prometheus/prometheus",
            [],
        ),
        (container("web", image="prom/prometheus:1"), [effect("change", "container web", detail=ANEW)], "", []),
        (
            container("web", labels={"com.docker.compose.project": "shop"}),
            [effect("change", "container web", detail=ANEW)],
            "web",
            [("warning", "now")],
        ),
        (container("web"), [effect("change", "container web", detail="joins the networks a")], "nginx", []),
    ],
)
def test_cases(there: Container, effects: list[Effect], image: str, expected: list[tuple[str, str]]) -> None:
    services = [service("container web", by_run=True, evidence=f"image {image}" if image else "")]
    findings = found("container-name-taken", state(containers=[there]), forecast(*effects, services=services))
    assert [(item.severity, item.when) for item in findings] == expected


def test_the_way_out_removes_the_old_one() -> None:
    (finding,) = found(
        "container-name-taken", state(containers=[container("web")]), forecast(effect("create", "container web"))
    )
    assert "state: absent" in finding.yaml
    assert [party.live for party in finding.parties] == [True, False]
