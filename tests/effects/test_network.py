from __future__ import annotations

from tests.effects.scenes import directory, predicted, run

PROFILE = b"""[connection]
id=eth0
type=ethernet
interface-name=eth0

[ipv4]
address1=10.0.0.5/24,10.0.0.1
dns=1.1.1.1;
gateway=10.0.0.1
method=manual
"""
PLACES = ("/etc/NetworkManager/system-connections", "/etc/sysconfig/network-scripts")
ASKED = {"conn_name": "eth0", "type": "ethernet", "ifname": "eth0", "ip4": "10.0.0.5/24", "gw4": "10.0.0.1", "dns4": ["1.1.1.1"],
         "state": "present"}  # fmt: skip


def test_nmcli() -> None:
    host = predicted({f"{PLACES[0]}/eth0.nmconnection": PROFILE}, directories=PLACES)
    assert run(host, "community.general.nmcli", ASKED).changed is False
    [effect] = run(host, "community.general.nmcli", {**ASKED, "ip4": "10.0.0.6/24"}).effects
    assert (effect.name, effect.reversible, effect.certainty) == ("nmcli con modify eth0", False, "possible")
    [effect] = run(host, "community.general.nmcli", {**ASKED, "conn_name": "eth1"}).effects
    assert (effect.name, effect.certainty) == ("nmcli con add con-name eth1", "certain")
    [effect] = run(host, "community.general.nmcli", {"conn_name": "eth0", "state": "down"}).effects
    assert (effect.name, effect.certainty) == ("nmcli con down eth0", "certain")
    assert run(host, "community.general.nmcli", {"conn_name": "no", "state": "absent"}).changed is False


def test_a_namespace() -> None:
    host = predicted({"/run/netns": directory("/run/netns", "blue"), "/run/netns/blue": b""})
    assert run(host, "community.general.ip_netns", {"name": "blue"}).changed is False
    assert run(host, "community.general.ip_netns", {"name": "red"}).changed is True
