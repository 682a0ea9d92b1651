from __future__ import annotations

from typing import Any

import pytest

from aisafe.effects.api import LiveFile, Result
from aisafe.effects.predicted import PredictedHost
from aisafe.model import BlindSpot, Holder, Unit, Unknown
from aisafe.model.unknown import one_of
from tests.effects.living import (
    EXPORTER,
    IF_INET6,
    brief,
    container,
    exporter_host,
    forecast,
    good,
    listener,
    living,
    port,
    service,
)
from tests.effects.scenes import TASK, Call, directory, predicted, run

GLOBAL6 = b"fe800000000000000042acfffe110002 02 40 20 80     eth0\n"
AGENT = "/etc/systemd/system/agent.service"
TEXT = (
    "[Service]\nEnvironmentFile=-/etc/default/agent\nEnvironment=MORE=--x\n"
    "ExecStart=/usr/local/bin/agent \\\n  --web.listen-address=${ADDRESS}:9090 $MORE\n"
    "[Install]\nWantedBy=multi-user.target\n"
)
ENABLED = "/etc/systemd/system/multi-user.target.wants/agent.service"


def systemd(host: PredictedHost, name: str, **args: Any) -> Result:
    return run(host, "systemd_service", {"name": name, **args})


def write(host: PredictedHost, path: str, text: str | Unknown) -> None:
    call = Call(module="copy", args={}, task=TASK)
    host.put(call, path, content=text if isinstance(text, Unknown) else text.encode())


def test_a_new_unit_from_its_file_and_environment_file() -> None:
    host = living(files={"/etc/default/agent": b"ADDRESS=127.0.0.1\n"})
    write(host, AGENT, TEXT)
    result = good(systemd(host, "agent", state="started", enabled=True, daemon_reload=True))
    assert brief(result.effects) == ["enable agent.service", "start agent.service 127.0.0.1:9090/tcp"]
    assert result.effects[0].paths == (ENABLED,)
    assert result.effects[1].holder == Holder(kind="unit", name="agent.service")
    assert result.effects[1].detail == f"--web.listen-address=127.0.0.1:9090 in ExecStart= of {AGENT}"
    assert (result.changed, host.file(ENABLED).kind) == (True, "link")
    again = good(systemd(host, "agent", state="started", enabled=True, daemon_reload=True))
    assert (again.effects, again.changed) == ((), False)
    found = service(host, "agent.service")
    assert (found.program, found.active, found.at_boot, found.by_run, found.live) == ("agent", True, True, True, False)
    assert [str(claim.socket) for claim in forecast(host).claims] == ["127.0.0.1:9090/tcp"]


def test_drop_ins_and_templates() -> None:
    host = living(files={"/lib/systemd/system/web@.service": b"[Service]\nExecStart=/usr/bin/web --port %i\n"})
    assert brief(good(systemd(host, "web@81", state="started")).effects) == ["start web@81.service [::]:81/tcp"]
    other = living(
        files={
            "/lib/systemd/system/web@.service": b"[Service]\nExecStart=/usr/bin/web --port %i\n",
            "/etc/systemd/system/web@.service.d/a.conf": b"[Service]\nExecStart=\nExecStart=/usr/bin/web --port 90%i\n",
        }
    )
    assert brief(good(systemd(other, "web@81", state="started")).effects) == ["start web@81.service [::]:9081/tcp"]


def test_a_drop_in_of_the_run_moves_the_socket_after_daemon_reload_only() -> None:
    program = "ExecStart=/usr/bin/prometheus-node-exporter"
    host = exporter_host(files={EXPORTER.fragment_path: f"[Service]\n{program}\n".encode()})
    drop_in = f"[Service]\nExecStart=\n{program} --web.listen-address=:9101\n"
    write(host, f"/etc/systemd/system/{EXPORTER.name}.d/port.conf", drop_in)
    stale = good(systemd(host, EXPORTER.name, state="restarted"))
    assert brief(stale.effects) == [f"restart {EXPORTER.name} [::]:9100/tcp"]
    assert "without daemon_reload" in stale.effects[0].detail
    boot = [item for item in forecast(host).services if item.holder.name == EXPORTER.name]
    assert [(item.active, item.at_boot, [str(s) for s in item.sockets]) for item in boot] == [
        (True, False, ["[::]:9100/tcp"]), (False, True, ["[::]:9101/tcp"]),
    ]  # fmt: skip
    fresh = good(systemd(host, EXPORTER.name, state="restarted", daemon_reload=True))
    assert brief(fresh.effects) == [f"restart {EXPORTER.name} [::]:9101/tcp"]
    assert service(host, EXPORTER.name).sockets[0].port == 9101


def test_what_runs_listens_where_it_does_today() -> None:
    host = living(EXPORTER, listeners=(listener(EXPORTER.name, "127.0.0.1", 9107),))
    assert good(systemd(host, EXPORTER.name, state="started")).changed is False
    assert brief(good(systemd(host, EXPORTER.name, state="restarted")).effects) == [
        f"restart {EXPORTER.name} 127.0.0.1:9107/tcp"
    ]


def test_an_environment_file_of_the_run_counts() -> None:
    host = exporter_host()
    write(host, EXPORTER.environment_files[0], 'ARGS="--web.listen-address=127.0.0.1:9105"\n')
    assert brief(good(systemd(host, EXPORTER.name, state="restarted")).effects) == [
        f"restart {EXPORTER.name} 127.0.0.1:9105/tcp"
    ]


def test_stop_and_disable_free_the_socket() -> None:
    host = exporter_host()
    result = good(systemd(host, "prometheus-node-exporter", state="stopped", enabled=False))
    assert brief(result.effects) == [f"disable {EXPORTER.name}", f"stop {EXPORTER.name}"]
    assert result.effects[1].frees == (Holder(kind="unit", name=EXPORTER.name),)
    assert good(systemd(host, EXPORTER.name, state="stopped", enabled=False)).changed is False
    found = service(host, EXPORTER.name)
    assert (found.active, found.at_boot, found.live, found.by_run) == (False, False, True, True)
    assert found.program == "node_exporter"


def test_stopped_but_enabled_comes_back_at_boot() -> None:
    host = exporter_host()
    good(systemd(host, EXPORTER.name, state="stopped"))
    found = service(host, EXPORTER.name)
    assert (found.active, found.at_boot, [str(item) for item in found.sockets]) == (False, True, ["[::]:9100/tcp"])


def test_masking() -> None:
    host = exporter_host()
    result = good(systemd(host, EXPORTER.name, masked=True, state="stopped"))
    assert brief(result.effects) == [f"mask {EXPORTER.name}", f"stop {EXPORTER.name}"]
    assert host.file(f"/etc/systemd/system/{EXPORTER.name}").target == "/dev/null"
    assert "is masked" in systemd(host, EXPORTER.name, state="started").failed
    assert not service(host, EXPORTER.name).at_boot
    assert good(systemd(host, EXPORTER.name, masked=True)).changed is False
    assert brief(good(systemd(host, EXPORTER.name, masked=False)).effects) == [f"unmask {EXPORTER.name}"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"name": "nothing", "state": "started"}, "Could not find the requested service nothing"),
        ({"name": "web*", "state": "started"}, "glob patterns"),
        ({"state": "started"}, "missing required arguments: name"),
        ({"name": "x", "state": "running"}, "value of state must be one of"),
    ],
)
def test_certain_failures(args: dict[str, Any], words: str) -> None:
    assert words in run(living(), "systemd", args).failed


def test_a_unit_that_an_unforeseen_task_may_bring_is_possible() -> None:
    host = living()
    run(host, "some.unknown.module", {})
    result = systemd(host, "nothing", state="started")
    assert (brief(result.effects), result.changed, result.failed) == (["start nothing.service? ~"], None, "")


def test_blind_units_are_possible_and_never_absent() -> None:
    spot = BlindSpot(kind="unit", reason="systemd did not answer")
    host = living(blind_spots=(spot,))
    result = good(systemd(host, "nginx", state="stopped"))
    assert brief(result.effects) == ["stop nginx.service?"]
    assert "did not answer" in result.effects[0].why


def test_an_unreadable_unit_file_leaves_its_sockets_open() -> None:
    unseen = LiveFile(path=AGENT, kind="unseen", reason="permission denied")
    host = living(files={AGENT: unseen})
    (effect,) = good(systemd(host, "agent", state="started")).effects
    assert not effect.sockets_known
    assert any("permission denied" in spot.reason for spot in forecast(host).blind_spots)


def test_a_unit_file_with_an_unknown_part() -> None:
    host = living()
    partial = "[Service]\nExecStart=/usr/local/bin/agent --port ⟦the output of x⟧\n"
    write(host, AGENT, Unknown("the output of x", partial))
    (effect,) = good(systemd(host, "agent", state="started")).effects
    assert (effect.binds, effect.sockets_known) == ((), False)
    assert "the output of x" in effect.detail


def test_a_socket_unit_holds_for_its_service() -> None:
    socket = Unit(
        name="web.socket", listen=("ListenStream=[::]:80",), triggers=("web.service",), unit_file_state="disabled"
    )
    web = Unit(name="web.service", commands=(("/usr/bin/web", "--port", "80"),), triggered_by=("web.socket",))
    host = living(socket, web)
    assert brief(good(systemd(host, "web.socket", state="started")).effects) == ["start web.socket [::]:80/tcp"]
    assert brief(good(systemd(host, "web", state="started")).effects) == ["start web.service"]
    stop = good(systemd(host, "web", state="stopped")).effects
    assert "web.socket stays active" in stop[0].detail


def test_docker_run_in_a_unit() -> None:
    host = living()
    write(host, "/etc/systemd/system/web.service",
          "[Service]\nExecStart=/usr/bin/docker run --rm --name web -p 8080:80 prom/node-exporter\n")  # fmt: skip
    result = good(systemd(host, "web", state="started"))
    assert brief(result.effects) == ["start web.service 0.0.0.0:8080/tcp [::]:8080/tcp"]
    assert "container web" in result.effects[0].detail
    (stop,) = good(systemd(host, "web", state="stopped")).effects
    assert set(stop.frees) == {Holder(kind="unit", name="web.service"), Holder(kind="container", name="web")}
    assert service(host, "web.service").program == "node_exporter"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b"http { include conf.d/*.conf; }", "server { listen 81; }", "0.0.0.0:81/tcp"),
        (
            b"http { server { listen 80; } include conf.d/*.conf; }",
            "server { listen 81; }",
            "0.0.0.0:80/tcp 0.0.0.0:81/tcp",
        ),
    ],
)
def test_a_reload_takes_the_sockets_of_a_changed_configuration(before: bytes, after: str, told: str) -> None:
    nginx = Unit(
        name="nginx.service", active_state="active", unit_file_state="enabled", commands=(("/usr/sbin/nginx",),)
    )
    host = living(nginx, files={"/etc/nginx/nginx.conf": before, "/etc/nginx/conf.d": directory("/etc/nginx/conf.d")},
                  listeners=(listener("nginx.service", "0.0.0.0", 80),))  # fmt: skip
    assert brief(good(systemd(host, "nginx", state="reloaded")).effects) == ["reload nginx.service"]
    write(host, "/etc/nginx/conf.d/site.conf", after)
    assert brief(good(systemd(host, "nginx", state="reloaded")).effects) == [f"reload nginx.service {told}"]


def test_an_alias_is_the_unit_itself() -> None:
    ssh = Unit(name="ssh.service", aliases=("sshd.service",), active_state="active", unit_file_state="enabled")
    host = living(ssh)
    assert brief(good(run(host, "service", {"name": "sshd", "state": "stopped"})).effects) == ["stop ssh.service"]


def test_no_install_section_changes_nothing() -> None:
    host = living()
    write(host, AGENT, "[Service]\nExecStart=/bin/agent --port 1\n")
    assert good(systemd(host, "agent", enabled=True)).changed is False


def test_a_possible_task_makes_what_follows_possible() -> None:
    host = exporter_host()
    run(host, "systemd", {"name": EXPORTER.name, "state": "stopped"}, certainty="possible", why="if it rains")
    (effect,) = good(systemd(host, EXPORTER.name, state="started")).effects
    assert (effect.certainty, effect.why) == ("possible", "if it rains")
    assert service(host, EXPORTER.name).certainty == "certain"


def test_a_package_brings_and_takes_its_unit() -> None:
    host = living()
    installed = good(run(host, "apt", {"name": "nginx"}))
    assert "start nginx.service 0.0.0.0:80/tcp [::]:80/tcp" in brief(installed.effects)
    assert service(host, "nginx.service").at_boot
    removed = good(run(host, "apt", {"name": "nginx", "state": "absent"}))
    assert "stop nginx.service" in brief(removed.effects)
    assert host.unit("nginx").found is False
    assert forecast(host).claims == ()


def test_an_umbrella_of_a_package_holds_nothing_itself() -> None:
    host = living()
    installed = good(run(host, "apt", {"name": "postgresql-15"}))
    started = [item for item in brief(installed.effects) if item.startswith("start")]
    assert started == ["start postgresql.service", "start postgresql@15-main.service 127.0.0.1:5432/tcp [::1]:5432/tcp"]
    assert forecast(living(ipv6=False)).claims == ()
    bare = living(ipv6=False)
    good(run(bare, "apt", {"name": "redis-server"}))
    assert [str(claim.socket) for claim in forecast(bare).claims] == ["127.0.0.1:6379/tcp"]


def test_stopping_docker_stops_its_containers() -> None:
    web = container("web", ports=(port("0.0.0.0", 80, 80),), restart_policy="always")
    host = living(containers=(web,))
    assert brief(good(systemd(host, "docker", state="stopped")).effects) == ["stop docker.service", "stop web"]
    assert service(host, "web").at_boot
    started = brief(good(systemd(host, "docker", state="started")).effects)
    assert started == ["start docker.service", "start web 0.0.0.0:80/tcp"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Service]\nExecStart=/bin/a\nExecStart=/bin/b\n", "more than one ExecStart="),
        ("[Service]\nExecStart=/bin/a 'x\n", "unbalanced quoting"),
        ("[Unit]\nDescription=x\n", "no ExecStart="),
        ("[Service]\nExecStart=bin/a\n", "neither a name nor an absolute path"),
    ],
)
def test_a_unit_that_systemd_refuses_is_a_failure_foreseen(text: str, words: str) -> None:
    host = living()
    write(host, AGENT, text)
    failed = systemd(host, "agent", state="started", daemon_reload=True).failed
    assert "agent.service has a bad unit file setting" in failed
    assert words in failed
    write(host, "/etc/systemd/system/agent.service.d/a.conf", "[Service]\nType=oneshot\nExecStart=/bin/c\n")
    assert not systemd(host, "agent", state="stopped").failed


def test_a_socket_unit_of_the_run() -> None:
    host = living(files={"/lib/systemd/system/web@.service": b"[Service]\nExecStart=/usr/bin/web\n"})
    text = "[Socket]\nListenStream=80\nListenStream=\nListenStream=81\nListenDatagram=127.0.0.1:53\n"
    write(host, "/etc/systemd/system/web.socket", text)
    started = good(systemd(host, "web.socket", state="started", daemon_reload=True))
    assert brief(started.effects) == ["start web.socket [::]:81/tcp 127.0.0.1:53/udp"]
    assert not started.effects[0].binds[0].ipv6_only
    only = "[Socket]\nBindIPv6Only=ipv6-only\nListenStream=82\nService=web@1.service\n"
    write(host, "/etc/systemd/system/six.socket", only)
    (effect,) = good(systemd(host, "six.socket", state="started", daemon_reload=True)).effects
    assert [(str(item), item.ipv6_only) for item in effect.binds] == [("[::]:82/tcp", True)]
    assert host.unit("six.socket").unit.triggers == ("web@1.service",)


def test_specifiers_do_not_change_how_words_are_split() -> None:
    host = living()
    text = "[Service]\nEnvironment=WHERE=%I:81\nExecStart=/usr/bin/web --listen-address ${WHERE}\n"
    write(host, "/etc/systemd/system/web@.service", text)
    (effect,) = good(systemd(host, r"web@127.0.0.1", state="started", daemon_reload=True)).effects
    assert [str(item) for item in effect.binds] == ["127.0.0.1:81/tcp"]


def test_an_empty_unit_file_masks() -> None:
    host = living()
    write(host, AGENT, "")
    assert "is masked" in systemd(host, "agent", state="started", daemon_reload=True).failed


def test_another_manager_is_not_modelled() -> None:
    assert systemd(living(), "x", state="started", scope="user").opaque


def test_no_value_of_a_hidden_task_is_told() -> None:
    host = living()
    write(host, AGENT, "[Service]\nExecStart=/bin/agent --port 81 --password hunter2\n")
    result = run(host, "systemd", {"name": "agent", "state": "started"}, no_log=True)
    assert "hunter2" not in str(result)
    assert "hunter2" not in str(forecast(host).services)


def _enabled(name: str, *requires: str, active: bool = True) -> Unit:
    return Unit(name=name, active_state="active" if active else "inactive", unit_file_state="enabled",
                commands=((f"/usr/bin/{name}",),), requires=requires)  # fmt: skip


def test_what_requires_a_unit_restarts_with_it() -> None:
    units = (_enabled("a.service"), _enabled("b.service", "a.service"), _enabled("c.service", "b.service"),
             _enabled("d.service", "a.service", active=False))  # fmt: skip
    host = predicted(units={each.name: each for each in units})
    restarted = run(host, "systemd", {"name": "a", "state": "restarted"})
    assert [f"{one.action} {one.name}" for one in restarted.effects] == [
        "restart a.service", "restart b.service", "restart c.service",
    ]  # fmt: skip
    stopped = run(host, "systemd", {"name": "a", "state": "stopped"})
    assert [f"{one.action} {one.name}" for one in stopped.effects] == [
        "stop a.service"
    ]  # dependency-cut tells the rest
    assert {need.name for need in forecast(host).needs} == {"a.service", "b.service"}


def test_what_a_unit_stands_for_stops_with_it() -> None:
    units = (_enabled("postgresql.service"), _enabled("postgresql@15-main.service", "postgresql.service"))
    host = predicted(units={each.name: each for each in units})
    stopped = run(host, "systemd", {"name": "postgresql", "state": "stopped"})
    assert [f"{one.action} {one.name}" for one in stopped.effects] == [
        "stop postgresql@15-main.service", "stop postgresql.service",
    ]  # fmt: skip
    assert not host.unit("postgresql@15-main").unit.active
    assert forecast(host).needs == ()


def test_a_packages_unit_takes_the_arguments_that_the_run_wrote() -> None:
    host = living()
    run(host, "apt", {"deb": "/srv/alloy_1.2.1_amd64.deb"})
    assert host.unit("alloy").found
    assert host.unit("alloy").unit.unit_file_state == "disabled"
    text = 'CUSTOM_ARGS="--server.http.listen-addr=0.0.0.0:12346"\n'
    run(host, "copy", {"dest": "/etc/default/alloy", "content": text})
    run(host, "file", {"path": "/etc/systemd/system/alloy.service.d", "state": "directory"})
    drop_in = "[Service]\nRestart=always\n"
    run(host, "copy", {"dest": "/etc/systemd/system/alloy.service.d/a.conf", "content": drop_in})
    result = run(host, "systemd", {"name": "alloy", "state": "restarted", "enabled": True, "daemon_reload": True})
    assert [effect.action for effect in result.effects] == ["enable", "restart"]
    assert [str(socket) for socket in result.effects[-1].binds] == ["[::]:12346/tcp"]
    assert result.effects[-1].sockets_known


def test_a_file_that_the_packages_unit_may_read_leaves_its_sockets_open() -> None:
    host = living()
    run(host, "copy", {"dest": "/etc/default/memcached", "content": "ANYTHING=-p 1\n"})
    [start] = [effect for effect in run(host, "apt", {"name": "memcached"}).effects if effect.action == "start"]
    assert start.binds
    assert not host.units.listening("memcached").known


def test_a_template_whose_condition_only_the_run_decides_still_tells_its_sockets() -> None:
    unit = b"[Service]\nExecStart=/usr/bin/redis-server /etc/redis.conf\n"
    host = living(files={"/etc/systemd/system/store.service": unit})
    same = one_of(["port 6390\nsave 900 1\n", "port 6390\n"], "the version")
    run(host, "copy", {"dest": "/etc/redis.conf", "content": same})
    found = host.units.listening("store")
    assert found.known
    assert {socket.port for socket in found.sockets} == {6390}
    run(host, "copy", {"dest": "/etc/redis.conf", "content": one_of(["port 6390\n", "port 6391\n"], "the version")})
    found = host.units.listening("store")
    assert not found.known
    assert {socket.port for socket in found.sockets} == {6390, 6391}
    run(host, "copy", {"dest": "/etc/redis.conf", "content": one_of(["port 6390\n", "port ⟦a port⟧\n"], "the version")})
    assert not host.units.listening("store").known
    run(host, "copy", {"dest": "/etc/redis.conf", "content": Unknown("a name", "port 6392\nname ⟦a name⟧\n")})
    found = host.units.listening("store")
    assert not found.known
    assert {socket.port for socket in found.sockets} == {6392}


def test_a_start_makes_the_directories_of_the_service() -> None:
    text = "[Service]\nExecStart=/usr/bin/app\nUser=app\nStateDirectory=app app/cache\nLogsDirectory=app:there\n"
    host = living(files={"/etc/systemd/system/app.service": text.encode()})
    effects = run(host, "systemd", {"name": "app", "state": "started"}).effects
    names = [effect.name for effect in effects if effect.kind == "file" and "app" in effect.name]
    assert names == ["/var/lib/app", "/var/lib/app/cache", "/var/log/app"]
    assert host.file("/var/lib/app").owner == "app"
    assert not [
        effect
        for effect in run(host, "systemd", {"name": "app", "state": "restarted"}).effects
        if effect.kind == "file"
    ]


@pytest.mark.parametrize(("table", "address"), [(IF_INET6, "0.0.0.0"), (IF_INET6 + GLOBAL6, "[::]")])
def test_apache_takes_ipv6_where_an_interface_has_it(table: bytes, address: str) -> None:
    host = living(files={"/proc/net/if_inet6": table})
    effects = run(host, "apt", {"name": "apache2"}).effects
    [start] = [effect for effect in effects if (effect.action, effect.name) == ("start", "apache2.service")]
    assert [str(socket) for socket in start.binds] == [f"{address}:80/tcp"]


def test_a_drop_in_for_a_packages_unit_whose_program_is_not_known_is_no_failure() -> None:
    host = living()
    run(host, "apt", {"name": "systemd-timesyncd"})
    place = "/lib/systemd/system/systemd-timesyncd.service.d"
    run(host, "file", {"path": place, "state": "directory"})
    run(host, "copy", {"dest": f"{place}/override.conf", "content": "[Unit]\nConditionVirtualization=\n"})
    run(host, "systemd", {"daemon_reload": True})
    for state in ("stopped", "started"):
        result = run(host, "systemd", {"name": "systemd-timesyncd", "state": state, "enabled": True})
        assert not result.failed, result
    assert not host.unit("systemd-timesyncd").bad
