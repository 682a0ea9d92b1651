"""Two services on one data directory."""

from __future__ import annotations

from typing import Any

import pytest

from aisafe.model import Directory, Service
from tests.cases import forecast, found, holder, service, state

OLD: dict[str, Any] = {"live": True, "at_boot": True}
NEW: dict[str, Any] = {"by_run": True, "at_boot": True}


def there(who: str, path: str = "/var/lib/db", **given: Any) -> Directory:
    return Directory(**{"who": holder(who), "path": path, "own": True, "evidence": f"{path} of {who}", **given})


@pytest.mark.parametrize(
    ("old", "new", "services", "expected"),
    [
        ({}, {}, (OLD, NEW), [("error", "now")]),
        ({}, {"path": "/srv/db"}, (OLD, NEW), []),
        ({}, {"volume": True}, (OLD, NEW), []),
        ({}, {"own": False}, (OLD, NEW), [("warning", "now")]),
        ({"own": False}, {"own": False}, (OLD, NEW), []),
        ({}, {}, (OLD, {"live": True}), []),
        ({}, {}, ({**OLD, "active": False}, NEW), [("error", "boot")]),
        ({}, {}, ({**OLD, "active": False, "at_boot": False}, NEW), []),
        ({}, {}, (OLD, {**NEW, "certainty": "possible"}), [("warning", "possible")]),
    ],
)
def test_cases(old: dict[str, Any], new: dict[str, Any], services: Any, expected: list[tuple[str, str]]) -> None:
    both: list[Service] = [service("unit db.service", **services[0]), service("container db", **services[1])]
    plan = forecast(services=both, directories=(there("unit db.service", **old), there("container db", **new)))
    assert [(item.severity, item.when) for item in found("data-directory-shared", state(), plan)] == expected


def test_one_service_that_names_its_directory_twice_is_no_pair() -> None:
    plan = forecast(
        services=[service("unit db.service", **NEW)],
        directories=(there("unit db.service"), there("unit db.service", own=False)),
    )
    assert not found("data-directory-shared", state(), plan)
