"""Configuration that a package of the run brings: edits and drop-ins decide where its service listens."""

from __future__ import annotations

import pytest

from aisafe.effects.predicted import PredictedHost, claims_of
from aisafe.knowledge.packaged import brought_by
from aisafe.knowledge.reading import read
from aisafe.model import Unknown
from tests.effects.scenes import predicted, run

BOOKWORM = {"id": "debian", "version_id": "12"}


def claims(host: PredictedHost) -> dict[str, str]:
    return {
        f"{claim.socket}": claim.certainty for claim in claims_of(host._effects) if claim.socket.address.version == 4
    }


def test_every_entry_says_where_it_is_from() -> None:
    for entry in read("packaged.yml"):
        assert set(entry) <= {"packages", "files", "links", "source"}
        assert entry["source"]
        assert all(path.startswith("/etc/") for path in (*entry["files"], *entry.get("links", {})))
    known = brought_by("postgresql-16")
    assert known is not None
    assert "/etc/postgresql/16/main/postgresql.conf" in known.files


def test_an_edit_after_the_installation_moves_the_socket() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "redis-server"})
    assert claims(host) == {"127.0.0.1:6379/tcp": "certain"}
    edit = {"path": "/etc/redis/redis.conf", "regexp": r"^#?\s*port ", "line": "port 6380"}
    result = run(host, "lineinfile", edit)
    assert result.changed is True
    result = run(host, "service", {"name": "redis-server", "state": "restarted"})
    assert claims(host) == {"127.0.0.1:6380/tcp": "certain"}
    assert [effect.detail for effect in result.effects] == ["port 6380 in /etc/redis/redis.conf"]
    assert isinstance(host.file("/etc/redis/redis.conf").content, Unknown)
    assert run(host, "lineinfile", edit).changed is None


def test_a_line_that_only_comes_may_be_there_already() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "redis-server"})
    result = run(
        host, "lineinfile", {"path": "/etc/redis/redis.conf", "regexp": "^maxmemory ", "line": "maxmemory 64mb"}
    )
    assert result.changed is None
    assert [effect.certainty for effect in result.effects] == ["possible"]


@pytest.mark.parametrize(
    "task",
    [
        ("lineinfile", {"line": "port 7000", "insertafter": "^# a line that nobody foresaw"}),
        ("lineinfile", {"line": Unknown("a variable")}),
    ],
)
def test_an_edit_that_cannot_be_followed_leaves_the_sockets_open(task: tuple[str, dict[str, object]]) -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "redis-server"})
    run(host, task[0], {"path": "/etc/redis/redis.conf", **task[1]})
    run(host, "service", {"name": "redis-server", "state": "restarted"})
    assert set(claims(host).values()) == {"possible"}


def test_a_file_beside_the_packages_own_is_read_with_it() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "mosquitto"})
    run(host, "copy", {"dest": "/etc/mosquitto/conf.d/a.conf", "content": "listener 1884 0.0.0.0\n"})
    run(host, "systemd", {"name": "mosquitto", "state": "restarted"})
    assert claims(host) == {"0.0.0.0:1884/tcp": "certain"}


def test_configuration_from_before_the_installation_stays() -> None:
    host = predicted({"/etc/memcached.conf": b"-p 11300\n-l 127.0.0.1\n"}, os=BOOKWORM)
    run(host, "apt", {"name": "memcached"})
    assert claims(host) == {"127.0.0.1:11300/tcp": "certain"}


def test_a_whole_text_in_place_of_the_packages_certainly_changes_it() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "memcached"})
    result = run(host, "copy", {"dest": "/etc/memcached.conf", "content": "-p 11300\n-l 127.0.0.1\n"})
    assert [(effect.action, effect.certainty) for effect in result.effects] == [("change", "certain")]
    assert result.changed is True
    run(host, "service", {"name": "memcached", "state": "restarted"})
    assert claims(host) == {"127.0.0.1:11300/tcp": "certain"}


def test_a_cluster_restarts_with_the_unit_that_stands_for_it() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "postgresql"})
    assert claims(host) == {"127.0.0.1:5432/tcp": "certain"}
    text = "listen_addresses = '*'\nport = 5433\n"
    run(host, "copy", {"dest": "/etc/postgresql/15/main/conf.d/a.conf", "content": text})
    result = run(host, "service", {"name": "postgresql", "state": "restarted"})
    assert [f"{one.action} {one.name}" for one in result.effects] == [
        "restart postgresql.service", "restart postgresql@15-main.service",
    ]  # fmt: skip
    assert claims(host) == {"0.0.0.0:5433/tcp": "certain"}
    assert host.unit("postgresql").unit.active


def test_the_default_site_goes_and_another_comes() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "nginx"})
    assert claims(host) == {"0.0.0.0:80/tcp": "certain"}
    assert run(host, "file", {"path": "/etc/nginx/sites-enabled/default", "state": "absent"}).changed is True
    run(host, "copy", {"dest": "/etc/nginx/conf.d/a.conf", "content": "server { listen 8080; }\n"})
    run(host, "service", {"name": "nginx", "state": "restarted"})
    assert claims(host) == {"0.0.0.0:8080/tcp": "certain"}


def test_apache_listens_where_ports_conf_says() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "apache2"})
    edit = {"path": "/etc/apache2/ports.conf", "regexp": "^Listen ", "line": "Listen 127.0.0.1:8080"}
    assert run(host, "lineinfile", edit).changed is True
    run(host, "service", {"name": "apache2", "state": "restarted"})
    assert claims(host) == {"127.0.0.1:8080/tcp": "certain"}


def test_a_package_without_content_takes_nothing_with_it() -> None:
    host = predicted(os=BOOKWORM)
    run(host, "apt", {"name": "postgresql"})
    result = run(host, "apt", {"name": "postgresql", "state": "absent"})
    assert [f"{one.action} {one.name}" for one in result.effects] == ["remove postgresql"]


def test_other_distributions_bring_other_files() -> None:
    host = predicted(os={"id": "fedora"})
    run(host, "dnf", {"name": "memcached"})
    assert host.file("/etc/memcached.conf").kind == "absent"
