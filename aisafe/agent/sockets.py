"""What listens on the host, from proc(5), /proc/net: enough to see that a rollback gave every socket back."""

from __future__ import annotations

import glob
import os
import socket
import struct

LISTEN, UNCONNECTED = "0A", "07"
RESTLESS = ("containerd",)
"""Programs that listen on another port after each start."""


def listening() -> list[str]:
    """Sorted lines like ``tcp 0.0.0.0:22``, without UDP ports that the kernel picked and those of RESTLESS programs."""
    low, high = _ephemeral()
    found: dict[str, str] = {}
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in _lines("/proc/net/" + name):
            words = line.split()
            address, port = _address(words[1])
            udp = name.startswith("udp")
            if words[3] != (UNCONNECTED if udp else LISTEN) or (udp and low <= port <= high):
                continue
            shown = "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)
            found["%s %s" % (name[:3], shown)] = words[9]
    quiet = _inodes_of_restless() if any(low <= int(line.rsplit(":", 1)[1]) <= high for line in found) else set()
    return sorted(line for line, inode in found.items() if inode not in quiet)


def _lines(path: str) -> list[str]:
    try:
        with open(path) as text:
            return text.readlines()[1:]
    except OSError:  # no IPv6
        return []


def _ephemeral() -> tuple[int, int]:
    with open("/proc/sys/net/ipv4/ip_local_port_range") as text:
        low, high = text.read().split()[:2]
    return int(low), int(high)


def _address(text: str) -> tuple[str, int]:
    digits, port = text.split(":")
    words = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    raw = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    return socket.inet_ntop(socket.AF_INET6 if len(raw) == 16 else socket.AF_INET, raw), int(port, 16)


def _inodes_of_restless() -> set[str]:
    found = set()
    for directory in glob.glob("/proc/[0-9]*"):
        try:
            with open(directory + "/comm") as text:
                if text.read().strip() not in RESTLESS:
                    continue
            for name in os.listdir(directory + "/fd"):
                link = os.readlink("%s/fd/%s" % (directory, name))
                if link.startswith("socket:["):
                    found.add(link[8:-1])
        except OSError:
            continue
    return found


def differences(before: list[str], now: list[str]) -> list[str]:
    lines = ["socket %s does not listen any more" % line for line in sorted(set(before) - set(now))]
    return lines + ["socket %s listens and did not before" % line for line in sorted(set(now) - set(before))]
