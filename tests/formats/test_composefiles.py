from __future__ import annotations

from typing import Any

import pytest

from aisafe.formats.compose import BadCompose, Files, NotKnown, Project, open_project
from aisafe.formats.ports import published_sockets

HTTP = "services: {base: {image: a, ports: ['80:80'], volumes: ['./d:/d'], env_file: base.env}}"


def project(texts: dict[str, Any], **more: Any) -> Project:
    """The project in /srv/app of a host that has ``texts``; one that is False cannot be read."""
    given = {"directory": "/srv/app", "home": "/root", **more}
    named = {key: given.pop(key) for key in ("name", "profiles") if key in given}
    return open_project(Files(**given), texts.get, **named)


def one(text: str, **texts: Any) -> Project:
    return project({"/srv/app/compose.yml": text, **{f"/srv/app/{name}": value for name, value in texts.items()}})


def sockets(found: Project, service: str) -> list[str]:
    return [
        str(port.socket) for port in published_sockets(found.order(service, read=lambda path: "").ports, ipv6=False)
    ]


def test_which_files() -> None:
    texts = {"/srv/app/compose.yaml": "services: {a: {image: x, ports: ['1:1']}}",
             "/srv/app/docker-compose.yml": "services: {never: {image: x}}",
             "/srv/app/compose.override.yml": "services: {a: {ports: ['2:2']}}",
             "/srv/app/prod.yml": "services: {a: {image: x, ports: ['9:9']}}"}  # fmt: skip
    found = project(texts)
    assert (list(found.services), sockets(found, "a")) == (["a"], ["0.0.0.0:1/tcp", "0.0.0.0:2/tcp"])
    assert found.read == ("/srv/app/.env", "/srv/app/compose.yaml", "/srv/app/compose.override.yml")
    assert sockets(project(texts, given=("prod.yml",)), "a") == ["0.0.0.0:9/tcp"]
    dotenv = {"/srv/app/.env": "COMPOSE_FILE=compose.yaml:prod.yml\nCOMPOSE_PROJECT_NAME=x\nCOMPOSE_PROFILES=p,q"}
    found = project({**texts, **dotenv})
    assert (found.name, found.profiles, len(sockets(found, "a"))) == ("x", {"p", "q"}, 2)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"name": "given"}, "given"), ({"environment": {"COMPOSE_PROJECT_NAME": "env"}}, "env"), ({}, "fromfile"),
    ],
)  # fmt: skip
def test_project_name(more: dict[str, Any], name: str) -> None:
    assert project({"/srv/app/compose.yml": "name: from${X:-file}\nservices: {a: {image: x}}"}, **more).name == name
    assert one("services: {a: {image: x}}").name == "app"


def test_environment_goes_over_dotenv_and_named_files_replace_it() -> None:
    texts = {"/srv/app/compose.yml": "services: {a: {image: x, ports: ['${P:-1}:1']}}", "/srv/app/.env": "P=2",
             "/srv/app/prod.env": "P=3\nQ=${P}4"}  # fmt: skip
    assert sockets(project(texts), "a") == ["0.0.0.0:2/tcp"]
    assert sockets(project(texts, environment={"P": "5"}), "a") == ["0.0.0.0:5/tcp"]
    assert sockets(project(texts, env_files=("prod.env",)), "a") == ["0.0.0.0:3/tcp"]
    assert project(texts, env_files=("prod.env",)).environment["Q"] == "34"


def test_extends_in_the_same_file_and_another() -> None:
    found = one(
        "services:\n  web: {extends: {service: base, file: common/http.yml}, ports: ['443:443']}\n"
        "  more: {extends: web, network_mode: host}\n  twice: {extends: {service: web}, ports: !override ['1:1']}",
        **{"common/http.yml": HTTP},
    )
    assert sockets(found, "web") == ["0.0.0.0:80/tcp", "0.0.0.0:443/tcp"]
    assert (sockets(found, "more"), found.services["more"].order.network_mode) == ([], "host")
    assert sockets(found, "twice") == ["0.0.0.0:1/tcp"]
    assert found.services["web"].order.mounts[0].source == "/srv/app/common/d"
    assert found.services["web"].env_files == ({"path": "/srv/app/common/base.env"},)
    assert "/srv/app/common/http.yml" in found.read


def test_include() -> None:
    found = one(
        "include:\n  - infra/compose.yml\n  - {path: [other/a.yml, other/b.yml], project_directory: ., env_file: o.env}\n"
        "services: {web: {image: x, depends_on: [db]}}",
        **{"infra/compose.yml": "services: {db: {image: y, ports: ['${PORT:-5432}:5432']}}\nvolumes: {data: }",
           "infra/.env": "PORT=5433", "o.env": "N=7",
           "other/a.yml": "services: {c: {image: z, ports: ['${N}:7'], volumes: ['./m:/m']}}",
           "other/b.yml": "services: {c: {ports: ['8:8']}}"},
    )  # fmt: skip
    assert sockets(found, "db") == ["0.0.0.0:5433/tcp"]
    assert sockets(found, "c") == ["0.0.0.0:7/tcp", "0.0.0.0:8/tcp"]
    assert found.services["c"].order.mounts[0].source == "/srv/app/m"
    assert (found.chosen(["web"]), found.volumes) == (("db", "web"), {"data": ""})


def test_env_files_of_a_service() -> None:
    text = "services: {a: {image: x, env_file: [one.env, {path: none.env, required: false}], environment: {B: 2, C: , D: }}}"
    found = project({"/srv/app/compose.yml": text, "/srv/app/.env": "C=c", "/srv/app/one.env": "A=${C}\nB=1"})
    texts = {"/srv/app/one.env": "A=${C}\nB=1"}
    assert found.order("a", read=texts.get).environment == {"A": "c", "B": "2", "C": "c"}
    with pytest.raises(BadCompose, match=r"env file /srv/app/one\.env not found"):
        found.order("a", read={}.get)


def test_profiles_and_dependencies() -> None:
    text = ("services: {a: {image: x, depends_on: {b: {condition: service_started, required: false}}},"
            " b: {image: x, profiles: [p]}, c: {image: x, profiles: [q], depends_on: [b]}}")  # fmt: skip
    files = {"/srv/app/compose.yml": text}
    assert project(files).chosen() == ("a",)
    assert project(files, profiles=["*"]).chosen() == ("b", "a", "c")
    assert project(files, profiles=["p"]).chosen(["c"]) == ("b", "c")
    with pytest.raises(BadCompose, match='service "c" depends on undefined service "b"'):
        project(files).chosen(["c"])


@pytest.mark.parametrize(
    ("text", "files", "words"),
    [
        ("services: {a: {image: x, extends: none}}", {}, 'service "none" not found'),
        ("services: {a: {extends: b}, b: {extends: a}}", {}, "extends itself"),
        ("include: [compose.yml]\nservices: {a: {image: x}}", {}, "without end"),
        ("include: [no.yml]\nservices: {a: {image: x}}", {}, "Cannot find Compose file /srv/app/no.yml"),
        ("include: [b.yml]\nservices: {a: {image: x}}", {"b.yml": "services: {a: {image: y}}"}, "services.a conflicts"),
        ("services: {a: {image: x, container_name: n, scale: 2}}", {}, "container_name and scale"),
        ("services: {a: {ports: ['1:1']}}", {}, "neither an image nor a build context"),
        ("services: {a: {image: x, command: 'echo $(date)'}}", {}, "begins no variable"),
    ],
)  # fmt: skip
def test_refused(text: str, files: dict[str, str], words: str) -> None:
    with pytest.raises(BadCompose, match=words.replace("(", r"\(")):
        one(text, **files)


def test_what_cannot_be_told() -> None:
    with pytest.raises(NotKnown, match=r"/srv/app/more\.yml is known only in the run"):
        one("include: [more.yml]", **{"more.yml": False})
    with pytest.raises(NotKnown, match=r"\.env"):
        one("services: {a: {image: x}}", **{".env": False})
    assert one("services: {a: {image: x, hostname: '$HOSTNAME'}}").order("a").problems
    assert one("include: ['https://github.com/x/y.git']\nservices: {a: {image: x}}").problems


def test_first_format_and_deploy() -> None:
    found = one("web: {image: x, ports: ['1:1']}")
    assert sockets(found, "web") == ["0.0.0.0:1/tcp"]
    deploy = one("services: {a: {image: x, restart: always, deploy: {replicas: 2, restart_policy: {condition: none}}}}")
    assert (deploy.services["a"].scale, deploy.services["a"].order.restart_policy) == (2, "no")


def test_network_of_another_service() -> None:
    found = one("services: {a: {image: x, container_name: n}, b: {image: x, network_mode: 'service:a'}}")
    assert found.order("b").network_mode == "container:n"
