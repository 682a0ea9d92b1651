from __future__ import annotations

from typing import Any

from aisafe.effects.predicted import PredictedHost
from aisafe.model import Unit
from tests.effects.living import living
from tests.effects.scenes import run

ZONE = b"""<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Public</short>
  <service name="ssh"/>
  <port port="8080" protocol="tcp"/>
  <rule family="ipv4"><source address="10.0.0.0/8"/><port port="9100" protocol="tcp"/><accept/></rule>
  <forward-port port="80" protocol="tcp" to-port="8080"/>
  <masquerade/>
</zone>
"""
RUNTIME = ("public (active)", "  target: default", "  services: ssh", "  ports: 8080/tcp", "  masquerade: yes", "  rich rules: ",
           '\trule family="ipv4" source address="10.0.0.0/8" port port="9100" protocol="tcp" accept', "",
           "work", "  services: dns")  # fmt: skip
DAEMON = Unit(name="firewalld.service", active_state="active", unit_file_state="enabled")


def live(*, running: bool = True, **more: Any) -> PredictedHost:
    files = {"/etc/firewalld/firewalld.conf": b"DefaultZone=public\n", "/etc/firewalld/zones/public.xml": ZONE}
    daemon = DAEMON if running else Unit(name="firewalld.service", unit_file_state="disabled")
    return living(
        daemon, files={**files, **more.pop("files", {})}, firewall={"firewalld": RUNTIME} if running else {}, **more
    )


def firewalld(host: PredictedHost, **args: Any) -> list[str]:
    result = run(host, "ansible.posix.firewalld", args)
    assert not result.failed, result.failed
    return [
        f"{one.action} {one.name}{'?' * (one.certainty != 'certain')}"
        for one in result.effects
        if one.kind == "firewall"
    ]


def test_a_converged_host_stays_as_it_is() -> None:
    both: dict[str, Any] = {"state": "enabled", "permanent": True, "immediate": True}
    host = live()
    assert firewalld(host, service="ssh", **both) == []
    assert firewalld(host, port="8080/tcp", **both) == []
    assert (
        firewalld(
            host, rich_rule="rule family=ipv4 source address=10.0.0.0/8 port port=9100 protocol=tcp accept", **both
        )
        == []
    )
    assert firewalld(host, masquerade=True, **both) == []
    assert firewalld(host, service="http", state="disabled", permanent=True) == []
    assert (
        firewalld(host, port_forward=[{"port": 80, "proto": "tcp", "toport": 8080}], state="enabled", permanent=True)
        == []
    )


def test_permanent_and_immediate_are_two_changes() -> None:
    host = live()
    assert firewalld(host, service="http", state="enabled", permanent=True, immediate=True) == [
        "create firewall-cmd --permanent --zone=public --add-service=http",
        "create firewall-cmd --zone=public --add-service=http",
    ]
    assert firewalld(host, service="http", state="enabled", permanent=True, immediate=True) == []
    assert firewalld(host, service="ssh", state="disabled") == [
        "remove firewall-cmd --zone=public --remove-service=ssh"
    ]
    assert firewalld(host, port="53/udp", zone="work", state="enabled", permanent=True) == [
        "create firewall-cmd --permanent --zone=work --add-port=53/udp"
    ]


def test_a_daemon_that_does_not_run() -> None:
    host = live(running=False)
    assert (
        "not currently running" in run(host, "ansible.posix.firewalld", {"service": "http", "state": "enabled"}).failed
    )
    args = {"service": "http", "state": "enabled", "permanent": True, "immediate": True, "offline": True}
    assert len(firewalld(host, **args)) == 1


def test_what_a_daemon_that_the_run_started_holds_is_not_known() -> None:
    host = live(running=False)
    run(host, "systemd_service", {"name": "firewalld", "state": "started"})
    assert firewalld(host, service="ssh", state="enabled") == ["create firewall-cmd --zone=public --add-service=ssh?"]
