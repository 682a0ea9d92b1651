"""Model objects to plain data and back, and what many hosts have in common kept once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from aisafe.model import HostForecast, HostState, Service, Unit
from aisafe.model import codec as codecs
from aisafe.model.codec import Parts, dump, load
from tests import cases


def alike() -> dict[str, HostState]:
    """Hosts with the same units and different names."""
    before, _ = cases.story()
    (one,) = before.values()
    one = replace(one, units={**one.units, "a.service": cases.unit("a.service", environment={"KEY": "x"})})
    return {name: replace(one, host=name, hostname=name) for name in ("h1", "h2", "h3")}


def through_text(value: object, parts: Parts) -> Any:
    return json.loads(json.dumps(dump(value)), object_hook=parts)


def test_equal_parts_become_one_object_and_the_rest_stays_apart() -> None:
    states, parts = alike(), Parts()
    read = {name: parts.load(HostState, through_text(state, parts)) for name, state in states.items()}
    assert read == states
    assert read["h1"].units is read["h2"].units
    assert read["h1"] != read["h2"]


def test_what_is_equal_in_python_only_stays_apart() -> None:
    parts = Parts()
    found = json.loads('[{"a": 1}, {"a": true}, {"a": 1.0}, {"a": 1}]', object_hook=parts)
    assert [type(item["a"]) for item in found] == [int, bool, float, int]
    assert found[0] is found[3]


def test_the_same_data_as_two_kinds() -> None:
    parts = Parts()
    data = json.loads('{"name": "x", "holder": {"kind": "unit", "name": "x"}}', object_hook=parts)
    assert isinstance(parts.load(Service, data), Service)
    assert isinstance(parts.load(Unit, data), Unit)


def test_an_object_that_is_gone_is_not_taken_for_a_new_one() -> None:
    """An id is given again when its object is gone."""
    parts = Parts()
    for number in range(1000):
        name = f"u{number}.service"
        assert parts.load(Unit, {"name": name}).name == name
        assert parts.dump(Unit(name=name))["name"] == name


@pytest.mark.parametrize("most", [1, 3, 20_000])
def test_forgetting_changes_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "MOST", most)
    states, plan = alike(), cases.story()[1].hosts["web1"]
    coming, going = Parts(), Parts()
    for state in states.values():
        assert going.dump(state) == dump(state)
        assert coming.load(HostState, through_text(state, coming)) == state
    assert coming.load(HostForecast, through_text(plan, coming)) == plan


def test_a_wrong_part_is_told_with_its_place() -> None:
    parts = Parts()
    data = through_text(alike()["h1"], parts)
    data = {**data, "units": {**data["units"], "a.service": {"name": 3}}}
    with pytest.raises(ValueError, match=r"HostState\.units\['a\.service'\]\.name: expected str, not int"):
        parts.load(HostState, data)
    assert load(HostState, dump(alike()["h1"])) == alike()["h1"]
