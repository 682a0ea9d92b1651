from __future__ import annotations

from typing import Any

from aisafe.effects.predicted import PredictedHost
from tests.effects.scenes import predicted, run

FILES = {
    "/etc/ufw/ufw.conf": b"# /etc/ufw/ufw.conf\nENABLED=yes\nLOGLEVEL=low\n",
    "/etc/default/ufw": b'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\n',
    "/etc/ufw/user.rules": b"*filter\n### RULES ###\n\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A x\n"
    b"\n### tuple ### limit any 53 0.0.0.0/0 any 10.0.0.0/8 in comment=666f6f\n"
    b"\n### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in\n### END RULES ###\n",
    "/etc/ufw/user6.rules": b"### tuple ### allow tcp 22 ::/0 any ::/0 in\n"
    b"### tuple ### allow any any ::/0 any ::/0 Nginx%20Full - in\n",
    "/etc/services": b"# x\nssh\t\t22/tcp\nhttp 80/tcp www\n",
    "/usr/sbin/ufw": b"",
}


def live(**more: bytes) -> PredictedHost:
    return predicted({**FILES, **more})


def ufw(host: PredictedHost, **args: Any) -> list[str]:
    result = run(host, "community.general.ufw", args)
    assert not result.failed, result.failed
    return [
        f"{one.action} {one.name}{'?' * (one.certainty != 'certain')}"
        for one in result.effects
        if one.kind == "firewall"
    ]


def test_a_converged_host_stays_as_it_is() -> None:
    host = live()
    assert ufw(host, rule="allow", port="22", proto="tcp") == []
    assert ufw(host, rule="allow", port="ssh", proto="tcp") == []
    assert ufw(host, rule="limit", port="53", from_ip="10.0.0.0/8") == []
    assert ufw(host, rule="allow", name="Nginx Full") == []
    assert ufw(host, state="enabled", policy="deny", logging="on") == []
    assert ufw(host, rule="deny", port="22", proto="tcp", delete=True) == []
    assert run(host, "community.general.ufw", {"state": "enabled"}).changed is False


def test_rules() -> None:
    host = live()
    assert ufw(host, rule="allow", port="80", proto="tcp") == ["create ufw allow from any to any port 80 proto tcp"]
    assert ufw(host, rule="allow", port="80", proto="tcp") == []
    assert ufw(host, rule="deny", port="22", proto="tcp") == ["create ufw deny from any to any port 22 proto tcp"]
    assert ufw(host, rule="deny", port="22", proto="tcp", delete=True) == [
        "remove ufw delete deny from any to any port 22 proto tcp"
    ]
    assert ufw(host, rule="allow", direction="in", interface="eth0", from_ip="10.1.0.0/16", log=True) == [
        "create ufw allow in on eth0 log from 10.1.0.0/16 to any"
    ]
    assert ufw(host, rule="allow", port="nonsense") == ["create ufw allow from any to any port nonsense?"]


def test_state_and_default_policy_are_settings_in_files() -> None:
    host = live()
    assert ufw(host, state="disabled") == ["disable ufw disable"]
    assert host.file("/etc/ufw/ufw.conf").content == b"# /etc/ufw/ufw.conf\nENABLED=no\nLOGLEVEL=low\n"
    assert ufw(host, default="allow") == ["change ufw default allow incoming"]
    assert b'DEFAULT_INPUT_POLICY="ACCEPT"' in (host.file("/etc/default/ufw").content or b"")  # type: ignore[operator]
    assert ufw(host, default="deny", direction="outgoing", logging="full") == [
        "change ufw default deny outgoing", "change ufw logging full"
    ]  # fmt: skip
    assert ufw(host, state="reset") == ["remove ufw reset"]
    assert ufw(host, rule="allow", port="22", proto="tcp") == ["create ufw allow from any to any port 22 proto tcp"]


def test_ufw_that_the_run_installs_starts_with_no_rules() -> None:
    host = predicted()
    assert "ufw" in run(host, "community.general.ufw", {"state": "enabled"}).failed
    run(host, "apt", {"name": "ufw"})
    assert ufw(host, rule="allow", port="22") == ["create ufw allow from any to any port 22"]
    assert ufw(host, state="enabled") == ["enable ufw enable"]


def test_what_the_module_reports_of_a_firewall_that_is_off() -> None:
    host = live(**{"/etc/ufw/ufw.conf": b"ENABLED=no\nLOGLEVEL=low\n"})
    result = run(host, "community.general.ufw", {"default": "allow"})
    assert (result.changed, len(result.effects)) == (False, 2)
    assert run(host, "community.general.ufw", {"logging": "low"}).changed is True
    assert run(host, "community.general.ufw", {"rule": "allow", "port": "80"}).changed is True


def test_rules_that_cannot_be_read() -> None:
    from aisafe.effects.api import LiveFile

    host = predicted(
        {
            **FILES,
            "/etc/ufw/user.rules": LiveFile(path="/etc/ufw/user.rules", kind="unseen", reason="permission denied"),
        }
    )
    assert ufw(host, rule="allow", port="22", proto="tcp") == ["create ufw allow from any to any port 22 proto tcp?"]
