"""What packet filters let in: iptables-save and nft texts, and the answer for a packet."""

from __future__ import annotations

import pytest

from aisafe.formats.packetfilter import Packet, iptables_save, nft_tables, way

SAVE = """\
*filter
:INPUT DROP [0:0]
:MINE - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp -m multiport --dports 80,8000:8010 -j MINE
-A INPUT -p tcp --dport 9000 -m limit --limit 3/min -j ACCEPT
-A INPUT ! -s 192.0.2.0/24 -p tcp --dport 9100 -j ACCEPT
-A MINE -p tcp --dport 80 -j RETURN
-A MINE -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j DROP
COMMIT
"""
NFT = """\
#!/usr/sbin/nft -f
flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept   # the host itself
    ct state { established, related } counter packets 3 bytes 4 accept
    ct state invalid drop
    ip saddr 198.51.100.0/24 tcp dport 5432 accept
    tcp dport { ssh, 80, 8000-8010 } ct state new accept comment "the web"
    meta mark 7 tcp dport 9000 accept
    jump more
  }
  chain more { udp dport 53 accept; }
  chain forward { type filter hook forward priority filter; policy drop; }
}
"""


@pytest.mark.parametrize(
    ("port", "given", "expected"),
    [
        (22, {}, "open"),
        (23, {}, "closed"),
        (23, {"state": "established"}, "open"),
        (8005, {"source": "10.1.2.3"}, "open"),
        (8005, {"source": "192.0.2.1"}, "closed"),
        (8005, {}, "unclear"),
        (80, {"source": "10.1.2.3"}, "closed"),
        (9000, {}, "unclear"),
        (9100, {}, "unclear"),
        (22, {"protocol": "udp"}, "closed"),
        (23, {"family": 6}, "open"),
    ],
)
def test_iptables(port, given, expected) -> None:
    packet = Packet(**{"protocol": "tcp", "port": port, **given})
    assert way([iptables_save(SAVE, name="iptables")], packet)[0] == expected


@pytest.mark.parametrize(
    ("port", "given", "expected"),
    [
        (22, {}, "open"),
        (8003, {"family": 6}, "open"),
        (5432, {"source": "198.51.100.9"}, "open"),
        (5432, {"source": "203.0.113.9"}, "closed"),
        (443, {}, "closed"),
        (443, {"state": "established"}, "open"),
        (9000, {}, "unclear"),
        (53, {"protocol": "udp"}, "open"),
    ],
)
def test_nft(port, given, expected) -> None:
    (table,) = nft_tables(NFT)
    assert table.name == "nft table inet filter"
    assert way([table], Packet(**{"protocol": "tcp", "port": port, **given}))[0] == expected


def test_every_filter_must_let_it_in() -> None:
    filters = [iptables_save(SAVE, name="iptables"), *nft_tables(NFT)]
    assert way(filters, Packet(protocol="tcp", port=22))[0] == "open"
    answer, culprit = way(filters, Packet(protocol="tcp", port=80, source="10.0.0.1"))
    assert (answer, culprit and culprit.name) == ("closed", "iptables")
