"""One test host: run things on it, reach it over ssh, cut its power."""

from __future__ import annotations

import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import recipe, state
from .engine import docker
from .errors import TestbedError

READY_TIME = 300.0
"""Seconds that a host may take to boot: two when the machine is idle, many more when it is not."""

# `degraded` ends the waiting as well: the failed units are then named. is-system-running(1) exits 0 only for `running`.
READY_SCRIPT = """
until phase=$(systemctl is-system-running --wait 2>/dev/null) || [ "$phase" = degraded ]; do sleep 0.05; done
if [ "$phase" != running ]; then systemctl --failed --no-legend --plain >&2; exit 3; fi
for image in {images}; do docker image inspect "$image" >/dev/null || exit 4; done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A running test host.

    Attributes:
        name: what an inventory calls it, and its own host name.
        address: its address on loopback, 127.0.x.y.
        port: where its sshd listens, at that address.
        user: who logs in.
        key: private key that root, deploy, nosudo and askpass accept.
        container: name of its container.
    """

    name: str
    address: str
    port: int = 22
    user: str = "root"
    key: Path
    container: str

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        timeout: float = 120.0,
        input: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root through `docker exec`: it works with ssh and network cut as well.

        Args:
            command: a line for `sh -c`, or a list of words that no shell reads.
            check: raise when it exits with another code than 0.
            timeout: seconds; when they are over, the client ends, but the command in the host may go on.
            input: text for its standard input; empty when None.

        Raises:
            TestbedError: it failed (with check), or took too long, or the host is not running (with check).
        """
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        flags = [] if input is None else ["--interactive"]
        done = docker("exec", *flags, self.container, *words, check=False, timeout=timeout, stdin=input)
        if check and done.returncode != 0:
            shown = command if isinstance(command, str) else shlex.join(command)
            raise TestbedError(
                f"{self.name}: {shown!r} exited {done.returncode}: {(done.stderr or done.stdout).strip()}"
            )
        return done

    def ssh_options(self) -> list[str]:
        """Options for ssh, scp and rsync -e: strict checking of the host's key against the test bed's known_hosts."""
        return [
            "-o", f"UserKnownHostsFile={state.known_hosts()}",
            "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "StrictHostKeyChecking=yes",
            "-o", "IdentitiesOnly=yes",
        ]  # fmt: skip

    def ssh(
        self,
        command: str,
        *,
        check: bool = True,
        timeout: float = 120.0,
        input: str | None = None,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line through a new ssh connection, as a user of the host would.

        Args:
            command: a line for the login shell there.
            check: raise when it exits with another code than 0 (255 is ssh's own failure).
            timeout: seconds for all of it, connecting included.
            input: text for its standard input; empty when None.
            user: who logs in; `self.user` when None.

        Raises:
            TestbedError: it failed (with check) or took too long.
        """
        line = [
            "ssh", "-F", "/dev/null", "-i", str(self.key), "-p", str(self.port), *self.ssh_options(),
            "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-l", user or self.user, self.address, command,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                line, input=input or "", capture_output=True, text=True, errors="replace", timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise TestbedError(f"{self.name}: {command!r} through ssh did not end in {timeout:.0f} s") from None
        except FileNotFoundError:
            raise TestbedError("ssh is missing on this machine; install openssh-client") from None
        if check and done.returncode != 0:
            raise TestbedError(f"{self.name}: {command!r} through ssh exited {done.returncode}: {done.stderr.strip()}")
        return done

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file as root; its directory must exist.

        Raises:
            TestbedError: it cannot be written.
        """
        script = 'cat >"$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "-", path, f"{mode:o}"], input=text)

    def read(self, path: str) -> str:
        """The text of a file, as root.

        Raises:
            TestbedError: it cannot be read.
        """
        return self.run(["cat", "--", path]).stdout

    def inventory_line(self) -> str:
        """The host as one line of an Ansible inventory in INI form, with all that is needed to log in."""
        options = shlex.join(self.ssh_options())
        return (
            f"{self.name} ansible_host={self.address} ansible_port={self.port} ansible_user={self.user} "
            f"ansible_ssh_private_key_file={self.key} ansible_python_interpreter=/usr/bin/python3 "
            f'ansible_ssh_common_args="{options}"'
        )

    def kill(self) -> None:
        """Cut the power: every process ends at once, nothing is written any more. `start` turns it on again."""
        docker("kill", "--signal=KILL", self.container)

    def start(self, *, wait: bool = True) -> None:
        """Boot after `kill`."""
        docker("start", self.container)
        if wait:
            self.wait_ready()

    def reboot(self, *, wait: bool = True) -> None:
        """Shut down in order and boot again; /run and /tmp are lost, the boot id is another."""
        docker("restart", "--time=30", self.container)
        if wait:
            self.wait_ready()

    def wait_ready(self, *, timeout: float = READY_TIME) -> None:
        """Wait until systemd says `running`, the inner engine has its images, and sshd greets at the host's address.

        Args:
            timeout: seconds.

        Raises:
            TestbedError: not ready in that time, or a unit failed; the text names it.
        """
        end = time.monotonic() + timeout
        script = READY_SCRIPT.format(images=" ".join(recipe.INNER_IMAGES))
        why = "it did not start"
        while time.monotonic() < end:
            try:
                done = self.run(script, check=False, timeout=max(1.0, end - time.monotonic()))
            except TestbedError as error:
                why = str(error)
                continue
            if done.returncode == 0 and self._greets():
                return
            if done.returncode == 3 and done.stderr:
                raise TestbedError(f"{self.name} ({self.container}) booted with failed units: {done.stderr.strip()}")
            why = done.stderr.strip() or f"sshd at {self.address} port {self.port} does not answer"
            time.sleep(0.05)
        raise TestbedError(f"{self.name} ({self.container}) is not ready after {timeout:.0f} s: {why}")

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=2) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def inventory(hosts: Sequence[Host]) -> str:
    """An Ansible inventory in INI form with these hosts, ungrouped."""
    return "".join(f"{host.inventory_line()}\n" for host in hosts)
