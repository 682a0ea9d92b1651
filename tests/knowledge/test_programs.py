from __future__ import annotations

import pytest

from aisafe.formats.listenflags import listening
from aisafe.formats.serverconfig import Reader
from aisafe.knowledge import programs as knowledge

PROGRAMS = knowledge.programs()


def test_enough_is_known() -> None:
    assert len(PROGRAMS) >= 200
    assert len({image for program in PROGRAMS.values() for image in program.images}) >= 250


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_entry_is_whole(name: str) -> None:
    program = PROGRAMS[name]
    assert name == name.lower().replace("-", "_")
    assert program.binaries or program.images
    assert program.source.startswith(("https://", "http://", "man:"))
    roles = set(program.sockets) | set(program.container_sockets)
    for settings in [*program.flags.values(), *program.environment.values(), program.positional]:
        assert {setting.role for setting in settings} <= roles | {"metrics", "*"}


@pytest.mark.parametrize("name", sorted(name for name, program in PROGRAMS.items() if program.binaries))
def test_the_defaults_are_sockets(name: str) -> None:
    """Without flags and configuration, a program listens on its defaults, and nothing of that is a guess."""
    program = PROGRAMS[name]
    found = listening((f"/usr/bin/{program.binaries[0]}",), {}, program=program,
                      read=Reader(text=lambda path: None, names=lambda path: ()))  # fmt: skip
    if name not in ("netcat", "socat"):
        assert len(found.sockets) == len([text for text in program.sockets.values() if text])


@pytest.mark.parametrize("field", ["binaries", "units", "packages", "images"])
def test_no_name_stands_for_two_programs(field: str) -> None:
    names = [name for program in PROGRAMS.values() for name in getattr(program, field)]
    assert len(knowledge._index(field)) == len(set(map(knowledge._key, names)))


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("prom/node-exporter", "node_exporter"),
        ("quay.io/prometheus/node-exporter:v1.8.2", "node_exporter"),
        ("quay.io/prometheus/node-exporter@sha256:0123", "node_exporter"),
        ("registry.example.org:5000/prom/node-exporter:v1", "node_exporter"),
        ("docker.io/library/redis:7", "redis"),
        ("registry:2", "registry"),
        ("registry.example.org/library/nginx", "nginx"),
        ("someone/redis", None),
        ("mycorp/agent:1", None),
    ],
)
def test_by_image(reference: str, name: str | None) -> None:
    found = knowledge.by_image(reference)
    assert (found.name if found else None) == name


def test_by_other_names() -> None:
    assert knowledge.by_binary("/usr/bin/prometheus-node-exporter") is PROGRAMS["node_exporter"]
    assert knowledge.by_unit("sshd.service") is knowledge.by_unit("ssh") is PROGRAMS["sshd"]
    assert knowledge.by_unit("nginx@blog.service") is PROGRAMS["nginx"]
    assert knowledge.by_package("nginx-light=1.22-3") is PROGRAMS["nginx"]
    assert knowledge.by_binary("/opt/unheard-of") is None


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"sockets": {}}, "no source"),
        ({"sockets": {}, "source": "x", "colour": "red"}, "unknown keys colour"),
        ({"sockets": {}, "source": "x", "flags": {"-p": "http.prot"}}, "'prot' is none of"),
        ({"sockets": {}, "source": "x", "config": [{"style": "runes"}]}, "style 'runes'"),
    ],
)
def test_a_wrong_entry_is_refused(data: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        knowledge._program("x", data)
