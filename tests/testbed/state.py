"""What the test bed keeps on this machine: directory, locks, keys, and which namespace has which addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from .errors import TestbedError

DEFAULT_NAMESPACE = "t"
# 127.0.16.0 to 127.0.239.255: clear of 127.0.0.1, of 127.0.1.1 (Debian's own host name) and of 127.0.0.53 (resolvers).
FIRST_NETWORK, LAST_NETWORK = 16, 239
PORTS = (22, 2222, 22022)
"""Where a host's sshd may be published: the first that nothing on this machine answers at (its own sshd may, at 22)."""


def directory() -> Path:
    """The test bed's directory of state, made on first use, readable by its owner only."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "aisafe-testbed"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def namespace() -> str:
    """The namespace of this process's hosts, from AISAFE_TESTBED_NS (default "t").

    Raises:
        TestbedError: when the variable holds something else than 1 to 20 lower-case letters, digits and hyphens.
    """
    name = os.environ.get("AISAFE_TESTBED_NS") or DEFAULT_NAMESPACE
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
        raise TestbedError(f"AISAFE_TESTBED_NS is {name!r}: use 1 to 20 lower-case letters, digits and hyphens")
    return name


@contextlib.contextmanager
def locked(name: str, *, timeout: float = 900.0) -> Iterator[None]:
    """Hold the lock file NAME.lock of the state directory, shared by all processes of this user.

    Args:
        name: which lock.
        timeout: seconds to wait for another process.

    Raises:
        TestbedError: when the lock cannot be had in that time.
    """
    path = directory() / f"{name}.lock"
    with path.open("a") as handle:
        end = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TestbedError(f"another process has held {path} for {timeout:.0f} s; is it stuck?") from None
                time.sleep(0.02)
        yield


def network() -> int:
    """The x of this namespace's addresses 127.0.x.y, recorded in networks.json so that namespaces never share one."""
    wanted = namespace()
    with locked("networks", timeout=30):
        record = directory() / "networks.json"
        known: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
        if wanted not in known:
            span = LAST_NETWORK - FIRST_NETWORK + 1
            start = zlib.crc32(wanted.encode()) % span
            taken = set(known.values())
            candidates = [FIRST_NETWORK + (start + step) % span for step in range(span)]
            free = [number for number in candidates if number not in taken]
            if not free:
                raise TestbedError(f"all {span} address ranges are taken by namespaces; delete {record}")
            known[wanted] = free[0]
            scratch = record.with_suffix(".new")
            scratch.write_text(json.dumps(known, indent=1, sort_keys=True))
            scratch.replace(record)
        return known[wanted]


def client_key() -> Path:
    """The private key that every host accepts for root, deploy, nosudo and askpass."""
    return _key("id_ed25519", "aisafe-testbed")


def host_key() -> Path:
    """The private ssh host key that all test hosts share, so that a host made again is still the same to ssh."""
    return _key("ssh_host_ed25519_key", "aisafe-testbed-host")


def _key(name: str, comment: str) -> Path:
    home = directory()
    path = home / name
    if not path.exists():
        with locked("keys", timeout=30):
            if not path.exists():
                scratch = home / f".{name}.new"
                for leftover in (scratch, scratch.with_suffix(".new.pub")):
                    leftover.unlink(missing_ok=True)
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(scratch)]
                try:
                    subprocess.run(command, check=True, capture_output=True, text=True)
                except FileNotFoundError:
                    raise TestbedError("ssh-keygen is missing; install openssh-client") from None
                except subprocess.CalledProcessError as error:
                    raise TestbedError(f"ssh-keygen failed: {error.stderr.strip()}") from error
                Path(f"{scratch}.pub").replace(home / f"{name}.pub")
                scratch.replace(path)
    return path


def public_key(private: Path) -> str:
    """The public half of a key of this directory, one line without its newline."""
    return Path(f"{private}.pub").read_text().strip()


def known_hosts() -> Path:
    """A known_hosts file with lines for each address and port that this namespace can have.

    Explicit addresses, not a pattern: not every ssh library understands patterns.
    """
    x = network()
    path = directory() / f"known_hosts.{namespace()}"
    kind, key = public_key(host_key()).split()[:2]
    names = [f"127.0.{x}.{y}" if port == 22 else f"[127.0.{x}.{y}]:{port}" for y in range(1, 255) for port in PORTS]
    text = "".join(f"{name} {kind} {key}\n" for name in names)
    if not path.exists() or path.read_text() != text:
        scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
        scratch.write_text(text)
        scratch.replace(path)
    return path
