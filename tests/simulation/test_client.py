"""Errors in ansible's own words, limits, and secrets."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from aisafe.errors import AisafeError, AnsibleError, UsageError
from aisafe.model import HostState
from aisafe.simulation import client
from aisafe.simulation.client import Simulation
from tests.simulation.conftest import Site

EMPTY = "- {hosts: all, gather_facts: false, tasks: []}\n"


@pytest.mark.parametrize(
    ("playbook", "argv", "kind", "words"),
    [
        (EMPTY, ["--nosuch"], UsageError, "unrecognized arguments: --nosuch"),
        (EMPTY, ["--forks", "x"], UsageError, "--forks"),
        (None, [], AnsibleError, "the playbook: site.yml could not be found"),
        ("- hosts: [a\n", [], AnsibleError, r"YAML parsing failed.*site\.yml:\d"),
        (
            "- {hosts: all, tasks: [{nosuch_module: {}}]}\n",
            [],
            AnsibleError,
            r"couldn't resolve module/action 'nosuch_module'.*site\.yml:1",
        ),
        ("- {hosts: all, roles: [nosuch]}\n", [], AnsibleError, "(?i)the role 'nosuch' was not found"),
        ("- {hosts: '{{ nosuch }}', tasks: []}\n", [], AnsibleError, "'nosuch' is undefined"),
        ("- {hosts: all, tasks: [{import_tasks: no.yml}]}\n", [], AnsibleError, r"no\.yml"),
        ("{}\n", [], AnsibleError, "playbook must be a list of plays"),
        (EMPTY, ["--limit", "nosuch"], AnsibleError, "--limit leaves us with no hosts"),
        (EMPTY, ["-e", "@nosuch.yml"], AnsibleError, "nosuch.yml"),
        (EMPTY, ["--ask-vault-pass"], UsageError, "'default' was not asked for"),
        (EMPTY, ["--vault-password-file", "nosuch"], AnsibleError, "nosuch"),
    ],
)
def test_errors(site: Site, playbook: str | None, argv: list[str], kind: type[AisafeError], words: str) -> None:
    if playbook is not None:
        site.write("site.yml", playbook)
    with pytest.raises(kind) as caught:
        site.target("-i", "h1,", *argv, "site.yml")
    assert type(caught.value) is kind
    assert re.search(words, caught.value.message), caught.value.message
    assert "Traceback" not in str(caught.value)
    assert "\n" not in caught.value.message
    assert caught.value.state == "Nothing was changed on any host."


def test_a_broken_configuration(site: Site) -> None:
    site.write("site.yml", EMPTY)
    site.write("ansible.cfg", "no section\n")
    with pytest.raises(UsageError, match=r"ansible\.cfg cannot be read"):
        site.target("-i", "h1,", "site.yml")


def test_an_error_in_mid_run_makes_the_forecast_incomplete(site: Site) -> None:
    site.write("more.yml", "- {nosuch_module: {}}\n")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks: [{name: first, file: {path: /a}}, {include_tasks: more.yml}, {name: never, file: {path: /b}}]
        """
    )
    assert not seen.forecast.complete
    assert seen.calls() == [("first", "certain")]
    assert "nosuch_module" in seen.notes("stopped")[0][1]


def test_vault(site: Site) -> None:
    from ansible.parsing.vault import VaultLib, VaultSecret

    secret = VaultSecret(b"opensesame")
    text = VaultLib([("default", secret)]).encrypt("port: 8443\npassword: hunter22\n", secret)
    site.write("group_vars/all.yml", text.decode())
    site.write("hosts", "h1\n")
    play = "- {hosts: all, gather_facts: false, tasks: [{name: a, copy: {content: '{{ port }}', dest: /a}}]}\n"
    seen = site.foresee(play, "--ask-vault-pass", hosts="hosts", vault_passwords={"default": "opensesame"})
    assert seen.args("a")["content"] == 8443
    with pytest.raises(AnsibleError, match=r"(?i)decrypt"):
        site.target("-i", "hosts", "--ask-vault-pass", "site.yml", vault_passwords={"default": "wrong"})
    with pytest.raises(AnsibleError, match=r"(?i)vault"):
        site.target("-i", "hosts", "site.yml")
    site.write("pass", "opensesame\n")
    assert site.foresee(None, "--vault-id", "dev@pass", hosts="hosts").args("a")["content"] == 8443


def test_a_child_that_dies(site: Site) -> None:
    site.write("site.yml", EMPTY)
    simulation = site.simulation(["-i", "h1,", "site.yml"])
    with simulation:
        simulation.target()
        assert simulation._process is not None
        simulation._process.kill()
        forecast = simulation.forecast(states={}, facts={}, read=lambda host, paths: {})
    assert not forecast.complete
    assert forecast.notes[0].kind == "stopped"
    assert "signal 9" in forecast.notes[0].message


def test_a_child_that_tells_too_much(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all hosts together: their forecasts come one after the other."""
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: [{command: x}]}\n")
    names = ",".join(f"h{number}" for number in range(20))
    with Simulation(argv=["-i", names, "site.yml"], cwd=site.path, environ=site.environ()) as simulation:
        states = {name: HostState(host=name, taken_at=datetime.now(UTC)) for name in simulation.target().connections}
        monkeypatch.setattr(client, "_LONGEST", simulation._told + 5000)
        forecast = simulation.forecast(states=states, facts={}, read=lambda host, paths: {}, unread="not now")
    assert not forecast.complete
    assert not forecast.hosts
    assert "what it foresees is larger than" in forecast.notes[0].message


def test_too_little_time_for_the_target(site: Site) -> None:
    site.write("site.yml", EMPTY)
    with pytest.raises(AnsibleError, match="took longer than 0 seconds"):
        site.target("-i", "h1,", "site.yml", time_limit=0.01)


def test_secrets_are_masked(site: Site) -> None:
    seen = site.foresee(
        "- {hosts: all, gather_facts: false, tasks: [{fail: {msg: it is hunter22}}]}\n", become_password="hunter22"
    )
    assert seen.notes("predicted-failure") == [("predicted-failure", "it is ********")]
    connection = seen.target.connections["h1"]
    assert "hunter22" not in repr(seen.target)
    assert connection.become_password == "hunter22"


def test_closing_leaves_nothing(site: Site) -> None:
    site.write("site.yml", EMPTY)
    simulation = site.simulation(["-i", "h1,", "site.yml"])
    with simulation:
        simulation.target()
        assert simulation._scratch is not None
        assert simulation._process is not None
        scratch, process = simulation._scratch.name, simulation._process
    assert process.poll() is not None
    assert not site.path.joinpath(scratch).exists()


def test_nothing_is_asked_where_no_live_file_can_be_read(site: Site) -> None:
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: [{file: {path: /srv/a, state: touch}}]}\n")
    with Simulation(argv=["-i", "h1,h2,", "site.yml"], cwd=site.path, environ=site.environ()) as simulation:
        states = {name: HostState(host=name, taken_at=datetime.now(UTC)) for name in simulation.target().connections}
        forecast = simulation.forecast(states=states, facts={}, read=lambda *_: pytest.fail("asked"), unread="not now")
    assert forecast.complete
    assert set(forecast.hosts) == {"h1", "h2"}
    for host in forecast.hosts.values():
        assert "/srv/a could not be read: not now" in [spot.reason for spot in host.blind_spots]


def test_with_the_real_models(site: Site) -> None:
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: [{name: a, debug: {msg: x}}]}\n")
    with Simulation(argv=["-i", "h1,", "site.yml"], cwd=site.path, environ=site.environ()) as simulation:
        target = simulation.target()
        forecast = simulation.forecast(states={}, facts={}, read=lambda host, paths: {})
    assert list(target.connections) == ["h1"]
    assert forecast.complete
    assert forecast.hosts == {}
