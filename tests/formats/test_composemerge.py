from __future__ import annotations

from typing import Any

import pytest

from aisafe.formats.composemerge import BadCompose, canonical, merge, parse, placed, untagged


def merged(*texts: str) -> Any:
    whole: Any = {}
    for text in texts:
        whole = merge(whole, {"s": canonical(parse(text)["s"], placed("/srv"))})
    return untagged(whole)["s"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["s: {ports: ['1:1']}", "s: {ports: ['2:2', '1:1']}"], {"ports": ["1:1", "2:2"]}),
        (["s: {ports: ['1:1']}", "s: {ports: !override ['2:2']}"], {"ports": ["2:2"]}),
        (["s: {ports: ['1:1'], image: a}", "s: {ports: !reset []}"], {"image": "a"}),
        (["s: {ports: ['1:1']}", "s: {ports: !reset []}", "s: {ports: ['3:3']}"], {"ports": ["3:3"]}),
        (["s: {ports: ['1:1']}", "s: {ports: !override ['2:2']}", "s: {ports: ['3:3']}"], {"ports": ["2:2", "3:3"]}),
        (["s: {command: [a, b]}", "s: {command: [c]}"], {"command": ["c"]}),
        (["s: {environment: [A=1, B]}", "s: {environment: {A: 2}}"], {"environment": {"A": 2, "B": None}}),
        (["s: {networks: [a]}", "s: {networks: {b: {aliases: [c]}}}"], {"networks": {"a": None, "b": {"aliases": ["c"]}}}),
        (["s: {volumes: ['./a:/x', 'v:/y']}", "s: {volumes: ['./b:/x:ro']}"], {"volumes": ["v:/y", "/srv/b:/x:ro"]}),
        (["s: {build: .}", "s: {build: {dockerfile: D}}"], {"build": {"context": "/srv", "dockerfile": "D"}}),
        (["s: {env_file: a.env}", "s: {env_file: [b.env]}"], {"env_file": [{"path": "/srv/a.env"}, {"path": "/srv/b.env"}]}),
        (["s: {x: !override {a: 1}}"], {"x": {"a": 1}}), (["s: {x: !override 5}"], {"x": 5}),
        (["x-base: &b {restart: always}\ns: {<<: *b, image: a}"], {"restart": "always", "image": "a"}),
        (["a: &a {x: 1, y: 1}\nb: &b {y: 2}\ns: {<<: [*b, *a], z: 3}"], {"x": 1, "y": 2, "z": 3}),
        (["a: &a {x: 1}\nt: {<<: *a, x: 5}\ns: {<<: *a, x: 2}"], {"x": 2}),
    ],
)  # fmt: skip
def test_merge(texts: list[str], expected: object) -> None:
    assert merged(*texts) == expected


@pytest.mark.parametrize(
    ("text", "words"), [("a: 1\na: 2", "the key a stands twice"), ("s: [", "not YAML"), ("- a", "not a mapping")]
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(BadCompose, match=words):
        parse(text)


def test_yaml_1_2() -> None:
    assert parse("a: 22:22\nb: no\nc: 0o17\nd: true") == {"a": "22:22", "b": "no", "c": "0o17", "d": True}
