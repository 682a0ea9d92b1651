"""Pairs of sockets, made from a seed, and the script that lets a kernel say which of them go together."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Final

from aisafe.model import Socket

ADDRESSES: Final = ("0.0.0.0", "127.0.0.1", "127.0.0.2", "10.9.8.7", "::", "::", "::1", "fd00::9", "::ffff:127.0.0.1",
                    "::ffff:127.0.0.2", "::ffff:0.0.0.0")  # fmt: skip
PORTS: Final = (8080, 8080, 8080, 8081)

BIND: Final = """
import errno, json, socket, subprocess, sys
for command in ("ip link set lo up", "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.lo.disable_ipv6=0",
                "ip address add 10.9.8.7/32 dev lo", "ip address add fd00::9/128 dev lo nodad"):
    subprocess.run(command.split(), check=True)
if "::1/128" not in subprocess.run(["ip", "-6", "address", "show", "dev", "lo"], capture_output=True, text=True).stdout:
    subprocess.run("ip address add ::1/128 dev lo nodad".split(), check=True)

def bound(protocol, address, port, only):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        if protocol == "tcp":  # as servers do; for datagrams it would let two have one address
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if protocol == "tcp":
            made.listen(1)
    except OSError:
        made.close()
        raise
    return made

said = []
for one, other in json.load(sys.stdin):
    with bound(*one):
        try:
            bound(*other).close()
            said.append(False)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            said.append(True)
json.dump(said, sys.stdout)
"""


def pairs(seed: int, count: int) -> list[tuple[Socket, Socket]]:
    chance = random.Random(seed)

    def one() -> Socket:
        address = ip_address(chance.choice(ADDRESSES))
        mapped = address.version == 6 and address.ipv4_mapped is not None  # such a socket can't be for IPv6 only
        return Socket(
            protocol=chance.choice(("tcp", "udp")), address=address, port=chance.choice(PORTS),
            ipv6_only=address.version == 6 and not mapped and chance.random() < 0.5,
        )  # fmt: skip

    return [(one(), one()) for _ in range(count)]


def question(socket: Socket) -> tuple[str, str, int, bool]:
    """As the script takes it."""
    address = str(socket.address)
    if socket.address.version == 6 and socket.address.ipv4_mapped is not None:
        address = f"::ffff:{socket.address.ipv4_mapped}"
    return socket.protocol, address, socket.port, socket.ipv6_only
