"""The packet filter as the agent reads it."""

from __future__ import annotations

from subprocess import CompletedProcess

import pytest

from aisafe.agent import command, packets
from aisafe.agent.failure import AgentFailure

SAVE = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
ANSWERS = {
    "iptables-save": SAVE,
    "ip6tables-save": "",
    "nft list tables": "table ip filter\ntable inet firewalld\ntable inet mine\n",
    "nft -s list table inet mine": "table inet mine { }\n",
}


def test_the_tables_that_are_somebodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(command, "run", lambda words, **_: ANSWERS[" ".join(words)])
    monkeypatch.setattr(
        command, "outcome", lambda words, **_: CompletedProcess(words, 0, "public\n  services: ssh\n", "")
    )
    assert packets.packets() == {
        "iptables": {"iptables": {"INPUT DROP": ["-A INPUT -i lo -j ACCEPT"]}, "ip6tables": {}},
        "rules": {"iptables": ["-t filter -P INPUT DROP", "-t filter -A INPUT -i lo -j ACCEPT"], "ip6tables": []},
        "zones": ["public", "  services: ssh"],
        "nft": {"inet mine": "table inet mine { }\n"},
    }


def test_a_table_of_the_older_interface_is_not_loaded_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """iptables-save loads a table that it is asked for by name, and else tells those in use (iptables-save(8), -t)."""
    asked: list[list[str]] = []
    monkeypatch.setattr(command, "find", lambda program: f"/usr/sbin/{program}" if program.endswith("-save") else None)
    monkeypatch.setattr(command, "run", lambda words, **_: asked.append(list(words)) or "")
    packets.packets()
    assert asked == [["iptables-save"], ["ip6tables-save"]]


def test_a_daemon_that_does_not_run_has_no_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: program if program == "firewall-cmd" else None)
    monkeypatch.setattr(
        command, "outcome", lambda words, **_: CompletedProcess(words, 252, "", "FirewallD is not running")
    )
    assert packets.packets()["zones"] == []


def test_no_program_means_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: None)
    assert packets.packets() == {"iptables": {"iptables": {}, "ip6tables": {}}, "rules": {}, "zones": [], "nft": {}}


def test_one_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(words, **_):
        raise command.CommandFailed(words, 1, "Permission denied")

    monkeypatch.setattr(command, "find", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(command, "run", fails)
    with pytest.raises(AgentFailure, match="Permission denied"):
        packets.packets()
