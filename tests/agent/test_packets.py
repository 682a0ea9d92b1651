"""The packet filter as the agent reads it."""

from __future__ import annotations

import pytest

from aisafe.agent import command, packets
from aisafe.agent.failure import AgentFailure

SAVE = "*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"
ANSWERS = {
    "iptables-save -t filter": SAVE,
    "ip6tables-save -t filter": "",
    "nft list tables": "table ip filter\ntable inet firewalld\ntable inet mine\n",
    "nft -s list table inet mine": "table inet mine { }\n",
}


def test_the_tables_that_are_somebodys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(command, "run", lambda words, **_: ANSWERS[" ".join(words)])
    monkeypatch.setattr(packets, "LEGACY", dict.fromkeys(packets.FAMILIES, "/nowhere"))
    assert packets.packets() == {
        "iptables": {"iptables": {"INPUT DROP": ["-A INPUT -i lo -j ACCEPT"]}, "ip6tables": {}},
        "nft": {"inet mine": "table inet mine { }\n"},
    }


def test_a_table_of_the_older_interface_is_not_loaded_by_looking(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    names = tmp_path / "names"
    names.write_text("nat\n")
    asked: list[str] = []
    monkeypatch.setattr(command, "find", lambda program: None if program == "nft" else f"/usr/sbin/{program}")
    monkeypatch.setattr(command, "run", lambda words, **_: asked.append(words[0]) or "iptables v1.8.2 (legacy)")
    monkeypatch.setattr(packets, "LEGACY", dict.fromkeys(packets.FAMILIES, str(names)))
    assert packets.packets() == {"iptables": {"iptables": {}, "ip6tables": {}}, "nft": {}}
    assert asked == ["iptables", "ip6tables"]


def test_no_program_means_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program: None)
    assert packets.packets() == {"iptables": {"iptables": {}, "ip6tables": {}}, "nft": {}}


def test_one_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(words, **_):
        raise command.CommandFailed(words, 1, "Permission denied")

    monkeypatch.setattr(command, "find", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(command, "run", fails)
    with pytest.raises(AgentFailure, match="Permission denied"):
        packets.packets()
