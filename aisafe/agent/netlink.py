"""Sockets that accept traffic, from the kernel (sock_diag(7)), with /proc/net (proc(5)) where it does not answer."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import Any, Iterator

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
INET_DIAG_SKV6ONLY = 11
LISTEN, CLOSE = 10, 7  # an unconnected UDP socket is in state CLOSE
PROTOCOLS = {"tcp": (socket.IPPROTO_TCP, LISTEN), "udp": (socket.IPPROTO_UDP, CLOSE)}


def bound() -> list[dict[str, Any]]:
    """TCP sockets that listen, and bound, unconnected UDP sockets, of this network namespace.

    Each has protocol, address, port, ipv6_only and inode. Raises OSError when neither way works.
    """
    try:
        return [entry for protocol in PROTOCOLS for family in (2, 10) for entry in _dump(protocol, family)]
    except OSError:
        return [entry for protocol in PROTOCOLS for suffix in ("", "6") for entry in _proc(protocol, suffix)]


def _dump(protocol: str, family: int) -> Iterator[dict[str, Any]]:
    number, state = PROTOCOLS[protocol]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(5)
        body = struct.pack("=BBBBI", family, number, 0, 0, 1 << state) + b"\0" * 48
        netlink.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + body)
        while True:
            data = netlink.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    (code,) = struct.unpack_from("=i", data, at + 16)
                    if -code == 2 and family == 10:  # ENOENT: a kernel without IPv6
                        return
                    raise OSError(-code, os.strerror(-code))
                entry = parse(data[at + 16 : at + size], protocol)
                if entry["port"]:
                    yield entry
                at += (size + 3) & ~3


def parse(message: bytes, protocol: str) -> dict[str, Any]:
    """One ``struct inet_diag_msg`` with its attributes (linux/inet_diag.h)."""
    family = message[0]
    (port,) = struct.unpack_from("!H", message, 4)
    raw = message[8 : 8 + (4 if family == 2 else 16)]
    (inode,) = struct.unpack_from("=I", message, 68)
    at, only = 72, False
    while at + 4 <= len(message):
        size, kind = struct.unpack_from("=HH", message, at)
        if kind == INET_DIAG_SKV6ONLY:
            only = bool(message[at + 4])
        at += max(4, (size + 3) & ~3)
    return {"protocol": protocol, "address": str(ipaddress.ip_address(raw)), "port": port, "ipv6_only": only,
            "inode": inode}  # fmt: skip


def _proc(protocol: str, suffix: str) -> Iterator[dict[str, Any]]:
    try:
        with open("/proc/net/" + protocol + suffix, encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        if suffix:
            return  # a kernel without IPv6
        raise
    yield from parse_table(text, protocol)


def parse_table(text: str, protocol: str) -> Iterator[dict[str, Any]]:
    """The table of /proc/net/tcp and its like. It does not tell IPv6-only sockets apart: they are taken as both."""
    state = "%02X" % PROTOCOLS[protocol][1]
    for line in text.splitlines()[1:]:
        words = line.split()
        if words[3] != state:
            continue
        local, port = words[1].split(":")
        raw = b"".join(struct.pack("=I", int(local[start : start + 8], 16)) for start in range(0, len(local), 8))
        if int(port, 16):
            yield {"protocol": protocol, "address": str(ipaddress.ip_address(raw)), "port": int(port, 16),
                   "ipv6_only": False, "inode": int(words[9])}  # fmt: skip
