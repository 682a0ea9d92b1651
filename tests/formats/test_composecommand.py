from __future__ import annotations

import shlex

import pytest

from aisafe.formats.composecommand import ComposeCommand, parse


def command(text: str) -> ComposeCommand:
    found = parse(shlex.split(text))
    assert found is not None
    return found


def test_options_before_and_after_the_verb() -> None:
    found = command("/usr/bin/docker --context x compose -f a.yml --file=b.yml -p shop --profile p --env-file e up -d"
                    " --scale web=2 --scale db=0 --force-recreate web -t 5 db")  # fmt: skip
    assert (found.program, found.verb, found.files, found.project) == (
        "docker compose",
        "up",
        ("a.yml", "b.yml"),
        "shop",
    )
    assert (found.profiles, found.env_files, found.words) == (("p",), ("e",), ("web", "db"))
    assert (found.options["--scale"], found.has("-d"), found.has("--build")) == (("web=2", "db=0"), True, False)


@pytest.mark.parametrize(
    ("text", "verb", "words"),
    [
        ("docker-compose -fx.yml up -dV", "up", ()), ("podman-compose --podman-run-args=x up -d a", "up", ("a",)),
        ("docker compose run --rm -e A=b web sh -c 'up -d'", "run", ("web", "sh", "-c", "up -d")),
        ("docker compose exec -T web ls -l", "exec", ("web", "ls", "-l")), ("docker compose", "", ()),
        ("docker compose rm -sfv web", "rm", ("web",)),
    ],
)  # fmt: skip
def test_verbs(text: str, verb: str, words: tuple[str, ...]) -> None:
    found = command(text)
    assert (found.verb, found.words) == (verb, words)


@pytest.mark.parametrize("text", ["docker run x", "docker -H tcp://compose ps", "kompose up"])
def test_others(text: str) -> None:
    assert parse(shlex.split(text)) is None


@pytest.mark.parametrize(
    ("text", "cwd", "directory"),
    [
        ("docker compose up", "/srv/a", "/srv/a"), ("docker compose -f b/c.yml up", "/srv", "/srv/b"),
        ("docker compose -f /x/c.yml up", "", "/x"), ("docker compose --project-directory ../d -f c.yml up", "/srv/a", "/srv/d"),
        ("docker compose up", "", None), ("docker compose -f - up", "/srv", None),
    ],
)  # fmt: skip
def test_project_directory(text: str, cwd: str, directory: str | None) -> None:
    files = command(text).project_files(cwd, environment={})
    assert (files.directory if files else None) == directory
