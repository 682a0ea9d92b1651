"""Forecast a scenario, apply it for real, look at the host from outside, and compare the three."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from tests.scenarios import needs
from tests.scenarios.other import besides
from tests.scenarios.scenario import Expected, Scenario
from tests.story import Workplace
from tests.testbed import Host
from tests.testbed.engine import docker

SETTLE = 2.0
"""Seconds after the run before anything is looked at: what dies, dies within them."""
PATIENCE = 15.0
"""Seconds in which a check may become as it is expected."""
PASSWORD = "secret-pw"
UNHURRIED = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_TIMEOUT": "60"}
"""For plain ansible-playbook: on a machine with much else to do sudo may take longer than ansible's 10 s."""
SLOWEST = 900.0
"""Seconds for one command: a snapshot of a whole host takes minutes when the machine is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one scenario. ``forecast``: the findings compared. ``truth``: what was seen, check by check.
    ``again``: whether a second run would go on, None where none was forecast.

    ``faults``: what differs from the file, in words; none when all holds.
    """

    scenario: Scenario
    forecast: frozenset[Expected]
    truth: Mapping[str, bool]
    faults: tuple[str, ...]
    again: bool | None = None
    seconds: float = 0.0


def run(scenario: Scenario, host: Host, directory: Path, *, plan_only: bool = False) -> Run:
    """Do all of it on a pristine host, in an empty directory."""
    began = time.monotonic()
    host = replace(host, user=scenario.login)
    place = _workplace(scenario, host, directory)
    if place.directory.joinpath("prepare.yml").exists():
        done = place.run("ansible-playbook", "-i", "inventory.ini", "prepare.yml", timeout=SLOWEST, **UNHURRIED)
        if done.returncode:
            return _broken(scenario, f"prepare failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    faults: list[str] = []
    truth: dict[str, bool] = {}
    again: bool | None = None
    with besides(scenario.other, host, place) as ended:
        found = _proof(place, faults) if scenario.stage == "proof" else _findings(place, faults, "plan")
        forecast = _compared(scenario, found)
        faults += [f"forecast lacks {item}" for item in sorted(scenario.expect - forecast)]
        faults += [f"forecast says {item}: {found[item]}" for item in sorted(forecast - scenario.expect)]
        if not plan_only:
            again = _apply(scenario, host, place, truth, faults, ended)
    return Run(scenario=scenario, forecast=forecast, truth=truth, faults=tuple(faults), again=again,
               seconds=time.monotonic() - began)  # fmt: skip


def _apply(
    scenario: Scenario,
    host: Host,
    place: Workplace,
    truth: dict[str, bool],
    faults: list[str],
    ended: Callable[[], None],
) -> bool | None:
    """Whether a second run would go on, None where it was not asked."""
    done = place.run("ansible-playbook", "-i", "inventory.ini", "play.yml", timeout=SLOWEST, **UNHURRIED)
    place.write("applied.txt", done.stdout + done.stderr)
    truth["applies"] = done.returncode == 0
    if truth["applies"] != scenario.applies:
        faults.append(f"ansible-playbook exited {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-500:]}")
    ended()
    time.sleep(SETTLE)
    _look(host, scenario.now, truth, faults, "")
    again: bool | None = None
    if scenario.good and scenario.again and truth["applies"]:
        before = len(faults)
        found = _findings(place, faults, "again")
        faults += [f"a second run is blocked by {item}: {text}" for item, text in found.items()
                   if item.severity == "error"]  # fmt: skip
        again = len(faults) == before
    if scenario.boot is not None:
        host.reboot(wait=False)
        _until_booted(host)
        time.sleep(SETTLE)
        _look(host, scenario.boot, truth, faults, "boot: ")
    return again


def _workplace(scenario: Scenario, host: Host, directory: Path) -> Workplace:
    directory.mkdir(parents=True, exist_ok=True)
    place = Workplace(directory=directory, variables=needs.environ(scenario.needs))
    line = host.inventory_line()
    # a connection that a firewall cuts is noticed within seconds, not after a quarter of an hour
    line = line.replace(
        "-o IdentitiesOnly=yes", "-o IdentitiesOnly=yes -o ServerAliveInterval=4 -o ServerAliveCountMax=2"
    )
    if scenario.login == "askpass":
        line += f" ansible_password={PASSWORD} ansible_become_password={PASSWORD}"
        line = line.replace(f"ansible_ssh_private_key_file={host.key} ", "")
        line = line.replace("-o IdentitiesOnly=yes", "-o IdentitiesOnly=yes -o IdentityFile=none -o IdentityAgent=none")
    twins = [f"{name} {line.partition(' ')[2]}" for name in scenario.twins]
    place.write("inventory.ini", "\n".join([line, *twins]) + "\n")
    for name, text in scenario.files.items():
        Path(directory, name).parent.mkdir(parents=True, exist_ok=True)
        place.write(name, text)
    place.write("play.yml", yaml.safe_dump(scenario.plays, sort_keys=False, width=120))
    prepare = [*needs.prepare(scenario.needs), *scenario.prepare]
    if prepare:
        place.write("prepare.yml", yaml.safe_dump(prepare, sort_keys=False, width=120))
        place.write("cluster.yml", needs.CLUSTER)
    if scenario.other:
        place.write("other.yml", yaml.safe_dump(scenario.other.plays, sort_keys=False, width=120))
    if scenario.settings:
        place.write(".aisafe.yml", yaml.safe_dump(dict(scenario.settings)))
    return place


def _findings(place: Workplace, faults: list[str], name: str) -> dict[Expected, str]:
    """Each finding that is not accepted, with the words of its first one."""
    words = ("aisafe", "plan", "-i", "inventory.ini", "--aisafe-format=json", "play.yml")
    done = place.run(*words, AISAFE_LINT="off")
    place.write(f"{name}.json", done.stdout)
    if not done.stdout.startswith("{"):
        faults.append(f"no plan (exit code {done.returncode}): {done.stderr[-2000:]}")
        return {}
    found: dict[Expected, str] = {}
    for item in json.loads(done.stdout)["findings"]:
        if not item.get("accepted"):
            key = Expected(rule=item["rule"], severity=item["severity"], when=item["when"])
            found.setdefault(key, item["message"])
    return found


def _proof(place: Workplace, faults: list[str]) -> dict[Expected, str]:
    """What a whole, guarded run finds afterwards; the host is back again where that blocks."""
    words = ("aisafe-playbook", "-i", "inventory.ini", "play.yml", "--aisafe-deadline=20")
    done = place.run(*words, timeout=SLOWEST, AISAFE_LINT="off")
    place.write("guarded.txt", done.stdout + done.stderr)
    records = sorted(place.directory.glob("state/aisafe/runs/*/proof.json"))
    if not records:
        faults.append(f"no proof (exit code {done.returncode}): {done.stderr[-2000:]}")
        return {}
    found: dict[Expected, str] = {}
    for item in json.loads(records[-1].read_text())["findings"]:
        if not item.get("accepted"):
            found.setdefault(Expected(rule=item["rule"], severity=item["severity"], when=item["when"]), item["message"])
    rolled_back = any(item.severity == "error" for item in found)
    if rolled_back != (done.returncode == 21):
        faults.append(f"the guarded run exited {done.returncode}: {done.stderr[-1500:]}")
    return found


def _compared(scenario: Scenario, found: Iterable[Expected]) -> frozenset[Expected]:
    named = {scenario.rule, *(item.rule for item in scenario.expect)}
    return frozenset(
        item for item in found
        if item.rule not in scenario.also and (item.severity == "error" or item.rule in named)
    )  # fmt: skip


def _look(host: Host, checks: Mapping[str, bool], truth: dict[str, bool], faults: list[str], prefix: str) -> None:
    for check, expected in checks.items():
        until = time.monotonic() + PATIENCE
        works = _works(host, check)
        while works != expected and time.monotonic() < until:
            time.sleep(0.5)
            works = _works(host, check)
        truth[prefix + check] = works
        if works != expected:
            faults.append(f"{prefix}{check}: {'works' if works else 'does not work'}")


def _works(host: Host, check: str) -> bool:
    if check == "login":
        return _login(host, "true")
    if check == "become":
        password = host.user == "askpass"
        return _login(host, "sudo -S -p '' true" if password else "sudo -n true", PASSWORD + "\n" if password else "")
    if check.startswith("reach "):
        return _reaches(address(host), int(check.split()[1]))
    done = host.run(check, check=False, timeout=60)
    if done.returncode and "is not running" in done.stderr:
        raise AssertionError(f"{host.name} cannot be looked at: {done.stderr}")
    return done.returncode == 0


def _login(host: Host, command: str, text: str = "") -> bool:
    if host.user != "askpass":
        return host.ssh(command, check=False, input=text, timeout=30).returncode == 0
    import paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        client.connect(host.address, host.port, host.user, password=PASSWORD, look_for_keys=False, allow_agent=False,
                       timeout=10)  # fmt: skip
        stdin, stdout, _ = client.exec_command(command, timeout=20)
        stdin.write(text)
        stdin.channel.shutdown_write()
        return stdout.channel.recv_exit_status() == 0
    except (paramiko.SSHException, OSError, EOFError):
        return False
    finally:
        client.close()


def _reaches(where: str, port: int) -> bool:
    try:
        with socket.create_connection((where, port), timeout=2):
            return True
    except OSError:
        return False


def address(host: Host) -> str:
    """The host's own address on this machine's bridge, to which nothing is forwarded."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return docker("inspect", "--format", form, host.container).stdout.strip()


def _until_booted(host: Host) -> None:
    """Until systemd has started what it can: a host that is meant to be broken may never be 'running'."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            done = host.run("systemctl is-system-running --wait", check=False, timeout=60)
        except subprocess.TimeoutExpired:
            continue
        if done.stdout.strip() in ("running", "degraded"):
            return
        time.sleep(0.3)
    raise AssertionError(f"{host.name} did not boot again")


def _broken(scenario: Scenario, why: str) -> Run:
    return Run(scenario=scenario, forecast=frozenset(), truth={}, faults=(why,))
