"""Real hosts, reached in every way that an inventory can ask for, and seen as they are."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisafe.collect import collect
from aisafe.model import Collected, Connection, HostState
from aisafe.playbook.facts_payload import facts_payload
from aisafe.transport.payload import FactsPayload
from aisafe.transport.pool import SessionPool
from tests.testbed import Host, inventory, state


def connection(host: Host, **changes: Any) -> Connection:
    plain = Connection(
        host=host.name,
        address=host.address,
        user="root",
        private_key_file=str(host.key),
        common_args=f"-F none -o UserKnownHostsFile={state.known_hosts()} -o GlobalKnownHostsFile=/dev/null",
    )
    return replace(plain, **changes)


def ask(*connections: Connection, facts: FactsPayload | None = None) -> Collected:
    by_name = {each.host: each for each in connections}
    with SessionPool(by_name) as pool:
        return collect(by_name, sessions=pool, facts=facts)


def look(one: Connection) -> HostState:
    return ask(one).states[one.host]


def blocking(seen: HostState) -> dict[str, str]:
    return {spot.kind: spot.reason for spot in seen.blind_spots if spot.blocks}


@pytest.fixture(autouse=True)
def no_agent_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def test_what_runs_is_seen_with_its_holder(host: Host) -> None:
    host.run("systemctl enable --now nginx")
    host.write(
        "/etc/systemd/system/odd.service",
        "[Service]\nExecStart=/bin/sh -c 'exec sleep  1d' \"a b\"\n"
        'Environment="GREETING=hello world" B=2\nEnvironmentFile=-/etc/default/odd\n',
    )
    host.write(
        "/etc/systemd/system/echo.socket",
        "[Socket]\nListenStream=7777\nAccept=no\n[Install]\nWantedBy=sockets.target\n",
    )
    host.write("/etc/systemd/system/echo.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
    host.run("systemctl daemon-reload && systemctl start echo.socket odd.service")
    host.run(
        "docker run -d --name web --restart always -p 127.0.0.1:8080:80 -p 80 -e PASSWORD=hunter2 busybox:1.36 httpd -f"
    )
    host.run("docker run -d --name side --network host busybox:1.36 httpd -f -p 8181")
    host.run("docker create --name later -p 9999:9999/udp busybox:1.36 true")
    host.run("nohup busybox nc -ll -p 6666 -e cat >/dev/null 2>&1 &")
    time.sleep(1)
    seen = look(connection(host))
    assert seen.blind_spots == ()
    assert (seen.root, seen.hostname, seen.os["id"]) == (True, "web1", "debian")
    held = {
        (each.socket.protocol, str(each.socket.address), each.socket.port): str(each.holder) for each in seen.listeners
    }
    assert held["tcp", "0.0.0.0", 22] == "unit ssh.service"
    assert held["tcp", "0.0.0.0", 80] == "unit nginx.service"
    assert held["tcp", "::", 7777] == "unit echo.socket"
    assert held["tcp", "127.0.0.1", 8080] == "container web"
    assert held["tcp", "::", 8181] == "container side"
    assert held["tcp", "::", 6666] == "process busybox"
    only = {(each.socket.port): each.socket.ipv6_only for each in seen.listeners if each.socket.address.version == 6}
    assert (only[22], only[8181]) == (True, False)
    nginx = next(each for each in seen.listeners if each.socket.port == 80)
    assert (nginx.process, seen.units["nginx.service"].main_pid is not None) == ("nginx", True)

    odd = seen.units["odd.service"]
    assert odd.commands == (("/bin/sh", "-c", "exec sleep  1d", "a b"),)
    assert odd.environment == {"GREETING": "hello world", "B": "2"}
    assert odd.environment_files == ("-/etc/default/odd",)
    assert (seen.units["nginx.service"].unit_file_state, seen.units["nginx.service"].active) == ("enabled", True)
    assert (seen.units["prometheus.service"].unit_file_state, seen.units["prometheus.service"].active) == (
        "disabled",
        False,
    )
    assert seen.units["echo.socket"].triggers == ("echo.service",)
    assert "sshd.service" in seen.units["ssh.service"].aliases
    assert seen.units["apt-daily.service"].load_state == "masked"

    web, later = seen.containers["web"], seen.containers["later"]
    assert (web.state, web.restart_policy, web.networks) == ("running", "always", ("bridge",))
    assert len(web.ports) >= 2, "the port that the engine chose is known while the container runs"
    assert (later.state, [str(port.socket) for port in later.ports][:1]) == ("created", ["0.0.0.0:9999/udp"])
    assert "hunter2" not in repr(seen)
    assert "busybox:1.36" in {tag for image in seen.images for tag in image.tags}
    assert seen.packages["nginx-light"].startswith("1.")
    assert seen.users["deploy"].home == "/home/deploy"
    assert {place.path for place in seen.spaces} >= {"/"}
    assert set(seen.agent_checks.values()) == {""}


def test_same_enablement_as_systemctl(host: Host) -> None:
    """What we say about every unit file is what systemctl says."""
    seen = look(connection(host))
    listed = host.run("systemctl list-unit-files --type=service,socket,timer,path --no-legend --plain").stdout
    theirs = {line.split()[0]: line.split()[1] for line in listed.splitlines() if "@." not in line}
    aliases = {name for name, value in theirs.items() if value == "alias"}
    assert {name: seen.units[name].unit_file_state for name in theirs if name not in aliases} == {
        name: value for name, value in theirs.items() if name not in aliases
    }
    assert aliases <= {alias for unit in seen.units.values() for alias in unit.aliases}


@pytest.mark.parametrize(
    ("changes", "root"),
    [
        pytest.param({}, True, id="root"),
        pytest.param({"user": "deploy"}, True, id="sudo unasked"),
        pytest.param({"user": "deploy", "become_method": "sudo"}, True, id="sudo"),
        pytest.param(
            {"user": "askpass", "become_method": "sudo", "become_password": "secret-pw"}, True, id="sudo password"
        ),
        pytest.param(
            {"user": "nosudo", "become_method": "ansible.builtin.su", "become_password": "root-pw"}, True, id="su"
        ),
        pytest.param(
            {"user": "askpass", "private_key_file": None, "password": "secret-pw", "become_password": "secret-pw"},
            True,
            id="password",
        ),
        pytest.param({"extra_args": "-C -o ControlMaster=auto -o ControlPersist=60s"}, True, id="harmless options"),
    ],
)
def test_ways_in(host: Host, changes: dict[str, Any], root: bool) -> None:
    for _ in range(2):  # the agent is brought, and then it is there
        seen = look(connection(host, **changes))
        assert (seen.root, seen.blind_spots) == (root, ())
        assert "ssh.service" in seen.units
    found = host.run("stat -c '%a %U %n' /var/lib/aisafe /var/lib/aisafe/bin /var/lib/aisafe/bin/*").stdout.splitlines()
    assert [line.rsplit("/", 1)[0][:8] for line in found[:2]] == ["711 root", "755 root"]
    assert len(found) == 5, "one agent, as it came and with its bytecode, and what systemd said of idle units"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"user": "askpass", "become_method": "sudo", "become_password": "wr0ng-pw"},
            "the password for sudo is wrong",
            id="wrong sudo password",
        ),
        pytest.param(
            {"user": "askpass", "become_method": "sudo"},
            "sudo asks for a password, and none was given",
            id="no password",
        ),
        pytest.param(
            {"user": "nosudo", "become_method": "su", "become_password": "wr0ng-pw"},
            "the password for su is wrong",
            id="wrong su password",
        ),
        pytest.param(
            {"user": "deploy", "become_method": "community.general.pbrun"}, "pbrun' is not supported yet", id="pbrun"
        ),
        pytest.param({"private_key_file": None}, "lets nobody in as 'root'", id="no key"),
        pytest.param(
            {"user": "askpass", "private_key_file": None, "password": "wr0ng-pw"},
            "lets nobody in as 'askpass'",
            id="wrong password",
        ),
        pytest.param(
            {"python": "/opt/none/python3"}, "no Python was found at /opt/none/python3", id="wrong interpreter"
        ),
        pytest.param({"port": 2}, "Connection refused", id="wrong port"),
    ],
)
def test_no_way_in(host: Host, changes: dict[str, Any], words: str) -> None:
    seen = look(connection(host, **changes))
    assert list(blocking(seen)) == ["host"]
    assert words in blocking(seen)["host"]
    assert seen.blind_spots[0].fix
    assert "wr0ng-pw" not in repr(seen)


def test_without_root_what_is_hidden_is_blind(host: Host) -> None:
    host.run("docker run -d --name web busybox:1.36 sleep 1d")
    seen = look(connection(host, user="nosudo"))
    assert not seen.root
    spots = blocking(seen)
    assert "Permission denied" in spots["container"]
    assert "cannot be seen without root" in spots["listener"]
    assert seen.containers == {}
    assert 22 in {each.socket.port for each in seen.listeners}
    assert "root" in seen.agent_checks["root"]
    assert host.run("ls /var/lib/aisafe", check=False).returncode != 0, "the agent lies in the user's own directory"


def test_host_keys(host: Host, tmp_path: Path) -> None:
    wrong = tmp_path / "known_hosts"
    key = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"x" * 32).decode()
    wrong.write_text(f"# made up\n{host.address} ssh-ed25519 {key}\n")
    own = f"-F none -o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile={wrong}"
    changed = look(connection(host, common_args=own)).blind_spots[0]
    assert "its host key has CHANGED" in changed.reason
    assert f"{wrong} line 2" in changed.reason
    assert f"ssh-keygen -R {host.address} -f {wrong}" in changed.fix
    wrong.write_text("")
    unknown = look(connection(host, common_args=own)).blind_spots[0]
    assert "is not known" in unknown.reason
    scan = unknown.fix.split("then: ")[1].split(" >>")[0]
    assert scan == f"ssh-keyscan -p 22 {host.address}"
    assert blocking(look(connection(host, common_args=own, host_key_checking=False))) == {}
    done = subprocess.run(scan.split(), capture_output=True, text=True, check=True, timeout=30)
    wrong.write_text(done.stdout)
    assert blocking(look(connection(host, common_args=own))) == {}, "the way out that the message names works"


def test_through_a_jump_host(hosts: Callable[[int | Sequence[str]], list[Host]], tmp_path: Path) -> None:
    gate, target = hosts(2)
    inside = target.run("ip -4 -o address show dev eth0").stdout.split()[3].split("/")[0]
    config, keys = tmp_path / "config", tmp_path / "known_hosts"
    known = [
        line.split(None, 1)[1] for line in state.known_hosts().read_text().splitlines() if line.startswith(gate.address)
    ]
    keys.write_text("".join(f"{name} {key}\n" for name in (gate.address, inside) for key in known))
    config.write_text(
        f"Host gate\n HostName {gate.address}\nHost web2\n HostName {inside}\n ProxyJump gate\n"
        f"Host *\n User root\n IdentityFile {target.key}\n UserKnownHostsFile {keys}\n"
    )
    ways = {
        "configuration": connection(target, address="", common_args=f"-F {config}", private_key_file=None, user=None),
        "-J": connection(target, address=inside, common_args=f"-F {config} -J gate"),
        "ProxyJump": connection(target, address=inside, extra_args="-o ProxyJump=gate", common_args=f"-F {config}"),
        "ProxyCommand": connection(
            target, address=inside, common_args=f"-F {config} -o ProxyCommand='ssh -q -i {gate.key} -l root "
            f"-o UserKnownHostsFile={keys} -W %h:%p {gate.address}'",
        ),
    }  # fmt: skip
    for name, way in ways.items():
        seen = look(way)
        assert (name, blocking(seen), seen.hostname) == (name, {}, "web2")
    program = connection(target, address=inside, common_args=f"-o ProxyCommand='ssh -F {config} -W %h:%p gate'")
    assert "is a program that the project names, and it was not run" in blocking(look(program))["host"]


def test_dead_docker_is_not_zero_containers(host: Host) -> None:
    host.run("docker run -d --name web busybox:1.36 sleep 1d")
    host.run("systemctl stop docker.service docker.socket")
    seen = look(connection(host))
    assert "Docker does not answer" in blocking(seen)["container"]
    assert "Docker does not answer" in seen.agent_checks["docker"]
    host.run("systemctl start docker.service && kill -STOP $(pidof dockerd)")
    begun = time.monotonic()
    seen = look(connection(host))
    host.run("kill -CONT $(pidof dockerd)")
    assert "no answer in time" in blocking(seen)["container"]
    assert time.monotonic() - begun < 40


def test_missing_programs(host: Host) -> None:
    host.run("mv /usr/bin/rsync /root/")
    assert look(connection(host)).agent_checks["rsync"] == "rsync is missing: apt-get install rsync"
    host.run("mkdir /root/py && mv /usr/bin/python3* /root/py/")
    gone = look(connection(host))
    assert "no Python was found" in blocking(gone)["host"]
    assert "apt-get install python3" in gone.blind_spots[0].fix
    host.run("cp /root/py/python3.11 /usr/local/bin/python3.11")
    assert blocking(look(connection(host))) == {}, "a Python of another name is found"


def test_full_disk(host: Host) -> None:
    host.run("mkdir -p /var/lib/aisafe && mount -t tmpfs -o size=16k tmpfs /var/lib/aisafe")
    seen = look(connection(host))
    assert "the agent cannot be put on the host" in blocking(seen)["host"]
    assert "No space left" in blocking(seen)["host"]
    assert host.run("find /var/lib/aisafe -type f").stdout == "", "nothing half-written stays"


def test_dead_host_and_rebooted_host(hosts: Callable[[int | Sequence[str]], list[Host]]) -> None:
    first, second = hosts(2)
    second.kill()
    found = ask(connection(first), connection(second)).states
    assert blocking(found["web1"]) == {}
    assert "cannot be reached" in blocking(found["web2"])["host"]
    second.start()
    before = look(connection(second)).boot_id
    second.reboot()
    assert look(connection(second)).boot_id != before
    assert look(connection(first)).boot_id == found["web1"].boot_id


def test_a_session_outlives_nothing(host: Host) -> None:
    """The connection breaks in mid-call: words, no hang, and the pool opens a new one."""
    with SessionPool({"web1": connection(host)}) as pool:
        session = pool.session("web1")
        host.run("pkill -KILL -f '[a]isafe:need' || true; pkill -KILL -f 'sshd: root'", check=False)
        files = pool.read("web1", ["/etc/hostname"])
        assert "connection broke" in files["/etc/hostname"].reason
        assert session.closed
        assert pool.read("web1", ["/etc/hostname"])["/etc/hostname"].content == b"web1\n"


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> FactsPayload:
    return facts_payload(cache=tmp_path_factory.mktemp("cache"))


MOVING = {
    "ansible_date_time",
    "ansible_loadavg",
    "ansible_memfree_mb",
    "ansible_memory_mb",
    "ansible_uptime_seconds",
    "ansible_swapfree_mb",
    "ansible_env",
}


def _order(value: Any) -> Any:
    """Without the order of lists, which the module takes from hashes and threads, and without the use of disks."""
    if isinstance(value, dict):
        return {key: _order(item) for key, item in value.items() if not key.endswith(("_available", "_used"))}
    if isinstance(value, list):
        return sorted((_order(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def test_facts_are_ansibles_own(host: Host, payload: FactsPayload, tmp_path: Path) -> None:
    ours = ask(connection(host), facts=payload).facts["web1"]
    (tmp_path / "hosts").write_text(inventory([host]))
    ansible = shutil.which("ansible", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert ansible
    done = subprocess.run(
        [ansible, "-i", str(tmp_path / "hosts"), "web1", "-m", "setup"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_CONFIG": str(tmp_path / "none.cfg"), "ANSIBLE_NOCOLOR": "1"},
    )
    theirs = json.loads(done.stdout[done.stdout.index("{") :])["ansible_facts"]
    assert set(ours) == set(theirs)
    same = set(ours) - MOVING
    assert {name: _order(ours[name]) for name in same} == {name: _order(theirs[name]) for name in same}
    assert ours["ansible_env"]["HOME"] == theirs["ansible_env"]["HOME"] == "/root"


@pytest.mark.parametrize(("changes", "user"), [({}, "deploy"), ({"become_method": "sudo"}, "root")])
def test_facts_are_of_the_user_that_the_play_is(
    host: Host, payload: FactsPayload, changes: dict[str, str], user: str
) -> None:
    facts = ask(connection(host, user="deploy", **changes), facts=payload).facts["web1"]
    assert facts["ansible_user_id"] == user
    assert facts["ansible_env"]["HOME"] == {"root": "/root", "deploy": "/home/deploy"}[user]


def test_many_names_of_one_host(host: Host) -> None:
    """Forty inventory names at one sshd, twenty-five at a time."""
    named = [replace(connection(host), host=f"n{number}") for number in range(40)]
    seen = ask(*named).states
    assert [state for state in seen.values() if state.blind_spots] == []
