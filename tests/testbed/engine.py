"""The Docker engine that the test hosts run on: found, or on Debian and Ubuntu as root installed and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import state
from .errors import TestbedError

DOCKERD_START = 60.0
"""Seconds that a dockerd started here may take until it answers."""


def docker(
    *arguments: str,
    check: bool = True,
    timeout: float | None = 120.0,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the docker client.

    Args:
        arguments: what follows `docker`.
        check: raise when it exits with another code than 0.
        timeout: seconds, or None for no limit.
        stdin: text for its standard input; empty when None.

    Raises:
        TestbedError: the client is missing, failed (with check) or took too long.
    """
    command = ["docker", *arguments]
    try:
        done = subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except FileNotFoundError:
        raise TestbedError("there is no docker client on this machine") from None
    except subprocess.TimeoutExpired:
        raise TestbedError(f"docker {' '.join(arguments[:3])} … did not end in {timeout:.0f} s") from None
    if check and done.returncode != 0:
        raise TestbedError(f"docker {' '.join(arguments[:3])} … exited {done.returncode}: {done.stderr.strip()}")
    return done


def answers() -> str | None:
    """The version of the engine that answers, or None. Never starts anything."""
    if shutil.which("docker") is None:
        return None
    try:
        done = docker("version", "--format", "{{.Server.Version}}", check=False, timeout=20)
    except TestbedError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def engine() -> str:
    """Make sure that a Docker engine answers, and return its version.

    An engine that answers already is used as it is. Otherwise, as root on Debian or Ubuntu, docker.io is installed
    where missing and dockerd is started by hand, in a session of its own, so that it outlives this process.

    Raises:
        TestbedError: there is no engine and none can be had; the text says what to do.
    """
    version = answers()
    if version:
        return version
    with state.locked("engine"):
        version = answers()
        if version:
            return version
        if os.environ.get("DOCKER_HOST"):
            raise TestbedError(f"no Docker engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}")
        if shutil.which("docker") and os.geteuid() != 0:
            detail = docker("version", check=False, timeout=20).stderr.strip().splitlines()
            raise TestbedError(
                f"no Docker engine answers this user ({detail[-1] if detail else 'no message'}); start Docker, or add "
                f"the user to the group docker, or run as root"
            )
        if shutil.which("dockerd", path=_sbin()) is None:
            install(["docker.io", "iptables"], "a Docker engine")
            version = answers()  # where there is an init system, the package has started its service
            if version:
                return version
        return _start()


def install(packages: Sequence[str], purpose: str) -> None:
    """Install Debian packages on this machine.

    Raises:
        TestbedError: this is not root on Debian or Ubuntu, or apt-get failed.
    """
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise TestbedError(f"{purpose} is missing and this is not Debian or Ubuntu; install by hand: {wanted}")
    if os.geteuid() != 0:
        raise TestbedError(f"{purpose} is missing and this is not root; run: sudo apt-get install {wanted}")
    # A package may start its service at once where there is an init system; a dockerd of the system is as good as ours.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=600", "install", "-y", "--no-install-recommends", *packages]
    for step in (command, ["apt-get", "update"], command):
        done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
        if step is command and done.returncode == 0:
            return
    raise TestbedError(f"apt-get install {wanted} failed: {(done.stderr or done.stdout).strip()[-2000:]}")


def _sbin() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _start() -> str:
    log = state.directory() / "dockerd.log"
    why = ""
    for backend in ("", "legacy"):
        if backend and not _use_legacy_iptables():
            break
        version = _start_once(log)
        if version:
            return version
        why = log.read_text(errors="replace")[-3000:]
        if "iptables" not in why and "nf_tables" not in why:
            break
    raise TestbedError(
        f"dockerd does not start (log: {log}). In a container or sandbox it needs the capabilities SYS_ADMIN and "
        f"NET_ADMIN, a writable cgroup tree and iptables. Its last words:\n{why}"
    )


def _start_once(log: Path) -> str | None:
    environment = {**os.environ, "PATH": _sbin()}
    with log.open("w") as output:
        daemon = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    end = time.monotonic() + DOCKERD_START
    while time.monotonic() < end:
        version = answers()
        if version:
            daemon.returncode = 0  # it lives on without us: keeps subprocess from warning about a running child
            return version
        if daemon.poll() is not None:
            return None
        time.sleep(0.1)
    daemon.terminate()
    daemon.wait()
    return None


def _use_legacy_iptables() -> bool:
    """Point Debian's iptables alternatives at the legacy back end, for a kernel that lacks nf_tables."""
    changed = False
    for name in ("iptables", "ip6tables"):
        target = shutil.which(f"{name}-legacy", path=_sbin())
        if target and shutil.which("update-alternatives", path=_sbin()):
            done = subprocess.run(["update-alternatives", "--set", name, target], capture_output=True, check=False)
            changed = changed or done.returncode == 0
    return changed
