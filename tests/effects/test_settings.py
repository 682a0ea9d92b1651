"""What the tests beside the real modules (test_same_as_module.py) do not reach."""

from __future__ import annotations

from aisafe.effects.api import LiveFile
from aisafe.model import Unknown
from tests.effects.scenes import predicted, run

CONFIG = b"Host *\n  ForwardAgent no\n"
CONFIG += b"Host bastion\n    hostname 10.0.0.1\n    port 2222\n    user ops\n    identitiesonly yes\n    tag x\n"


def test_ssh_config_that_is_so_already() -> None:
    host = predicted({"/root/.ssh/config": CONFIG})
    args = {
        "user": "root",
        "host": "bastion",
        "hostname": "10.0.0.1",
        "port": "2222",
        "remote_user": "ops",
        "identities_only": True,
    }
    assert run(host, "community.general.ssh_config", args).changed is False
    assert run(host, "community.general.ssh_config", {**args, "port": "22"}).changed is True


def test_ssh_config_drops_options_that_are_not_asked_for() -> None:
    host = predicted({"/root/.ssh/config": CONFIG})
    assert (
        run(host, "community.general.ssh_config", {"user": "root", "host": "bastion", "hostname": "10.0.0.1"}).changed
        is True
    )


def test_htpasswd() -> None:
    files = {"/etc/nginx/htpasswd": b"ann:$apr1$x\n"}
    host, args = predicted(files), {"path": "/etc/nginx/htpasswd", "name": "ann", "password": "hush"}
    assert run(host, "community.general.htpasswd", args).changed is None
    assert run(predicted(files), "community.general.htpasswd", {**args, "name": "bob"}).changed is True
    assert run(predicted(), "community.general.htpasswd", {**args, "create": False}).failed
    gone = run(
        predicted({"/etc/nginx/htpasswd": b"ann:$apr1$x\nbob:y\n"}),
        "community.general.htpasswd",
        {**args, "state": "absent"},
    )
    assert gone.changed is True
    assert "hush" not in repr(run(host, "community.general.htpasswd", args))


def test_a_file_that_cannot_be_read_or_a_value_that_is_not_known() -> None:
    unseen = {
        "/etc/security/limits.conf": LiveFile(
            path="/etc/security/limits.conf", kind="unseen", reason="permission denied"
        )
    }
    limit = {"domain": "*", "limit_type": "soft", "limit_item": "nofile", "value": "10"}
    [effect] = run(predicted(unseen), "community.general.pam_limits", limit).effects
    assert (effect.certainty, "permission denied" in effect.why) == ("possible", True)
    result = run(
        predicted(),
        "community.general.sudoers",
        {"name": "x", "user": Unknown("the output of a command"), "commands": ["ALL"]},
    )
    assert "the output of a command" in result.opaque


def test_xml_and_interfaces() -> None:
    host = predicted({"/etc/x.xml": b"<a/>", "/etc/network/interfaces": b"auto e0\niface e0 inet static\n  mtu 1500\n"})
    assert run(host, "community.general.xml", {"path": "/etc/x.xml", "xpath": "/a", "count": True}).effects == ()
    assert run(host, "community.general.xml", {"path": "/etc/x.xml", "xpath": "/a", "value": "1"}).changed is None
    assert run(host, "community.general.xml", {"path": "/etc/no.xml", "xpath": "/a", "value": "1"}).failed
    assert (
        run(host, "community.general.interfaces_file", {"iface": "e0", "option": "mtu", "value": "1500"}).changed
        is False
    )
    assert (
        run(host, "community.general.interfaces_file", {"iface": "e0", "option": "mtu", "value": "9000"}).changed
        is None
    )
