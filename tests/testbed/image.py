"""Build the image of the test hosts: once, and again only when the recipe changes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from . import recipe, state
from .engine import docker, engine, install
from .errors import TestbedError

LABEL = "aisafe.testbed"
INSTALL_TIME = 1800
"""Seconds that fetching and installing the packages may take."""

KEPT = 1
"""Images of earlier recipes that are kept, for a developer who goes back and forth."""

# Flags of a container in which systemd and an inner Docker engine run. `--privileged` is not among them: it fails on a
# machine whose own bounding set lacks SYS_RESOURCE, and these do not. The inner engine needs a volume under
# /var/lib/docker, because an overlay file system cannot be the upper layer of another.
HOST_FLAGS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--cap-drop=SYS_TIME",  # there is one clock: a host that sets it would set this machine's
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--volume=/var/lib/docker",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
    "--env=container=docker",
    "--stop-signal=SIGRTMIN+3",
)


def build(*, quiet: bool = False) -> str:
    """Make sure that the image exists, and return its name and tag.

    Args:
        quiet: write nothing about the progress to standard error.

    Raises:
        TestbedError: no engine, or something that the build needs is missing, or a step failed.
    """
    engine()
    tag = recipe.tag()
    if _present(tag):
        return tag
    with state.locked("image", timeout=INSTALL_TIME):
        if _present(tag):
            return tag
        started = time.monotonic()
        say = (lambda _: None) if quiet else _say
        say(f"building {tag}: installing {len(recipe.PACKAGES)} packages and what they need, one to two minutes")
        with tempfile.TemporaryDirectory(prefix="aisafe-testbed-", dir=_scratch()) as scratch:
            half = f"{tag}-half"
            _base(Path(scratch), half)
            say(f"  {time.monotonic() - started:.0f} s: loading the inner images")
            _preload(half, tag)
        docker("image", "rm", half, check=False)
        _forget_old(tag)
        say(f"  {time.monotonic() - started:.0f} s: built")
    return tag


def _forget_old(tag: str) -> None:
    """Remove the images of earlier recipes but the newest; one that a host still uses stays."""
    name = tag.partition(":")[0]
    listed = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", f"--filter=label={LABEL}=image", name).stdout
    for old in [line for line in listed.split() if line != tag][KEPT:]:
        docker("image", "rm", old, check=False)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _present(tag: str) -> bool:
    return docker("image", "inspect", "--format", "{{.Id}}", tag, check=False).returncode == 0


def _scratch() -> Path:
    """Where the root file system is put together; a gigabyte at most, for two minutes."""
    path = state.directory() / "scratch"
    path.mkdir(exist_ok=True)
    return path


def _base(scratch: Path, tag: str) -> None:
    """The packages and the files, imported as an image."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        _base_from_image(scratch, tag)
        return
    overlay, rootfs, mirrors = scratch / "overlay.tar", scratch / "rootfs.tar", scratch / "sources.list"
    overlay.write_bytes(recipe.overlay())
    mirrors.write_text(recipe.sources())
    settings = scratch / "apt.conf"
    settings.write_text(recipe.apt_settings())
    _checked(recipe.bootstrap(overlay_tar=overlay, settings=settings, rootfs=rootfs, mirrors=mirrors))
    docker("import", f"--change=LABEL {LABEL}=image", str(rootfs), tag, timeout=600)


def _checked(command: list[str], *, stdin: IO[bytes] | None = None) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_TIME,
        )
    except subprocess.TimeoutExpired:
        raise TestbedError(f"{command[0]} did not end in {INSTALL_TIME} s") from None
    if done.returncode != 0:
        raise TestbedError(f"{command[0]} exited {done.returncode}:\n{(done.stderr or done.stdout)[-4000:]}")


def _base_from_image(scratch: Path, tag: str) -> None:
    """The same where mmdebstrap cannot run, from the image debian:bookworm-slim, with Docker alone."""
    base = f"debian:{recipe.SUITE}-slim"
    pulled = docker("image", "inspect", base, check=False).returncode == 0
    if not pulled:
        pulled = docker("pull", base, check=False, timeout=600).returncode == 0
    if not pulled:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            install(["mmdebstrap", "debian-archive-keyring"], "mmdebstrap, which makes the test hosts' file system,")
            _base(scratch, tag)
            return
        raise TestbedError(
            f"the test hosts' file system cannot be made: {base} is neither here nor can it be pulled, and mmdebstrap "
            f"is not usable by this user. Run `docker pull {base}` where there is a network, or install mmdebstrap "
            f"and run as root."
        )
    name = f"aisafe-build-base-{os.getpid()}"
    overlay = scratch / "overlay.tar"
    overlay.write_bytes(recipe.overlay())
    try:
        docker("create", f"--name={name}", f"--label={LABEL}=build", base, "sh", "-c", recipe.within_image())
        with overlay.open("rb") as content:
            _checked(["docker", "cp", "-", f"{name}:/"], stdin=content)
        _checked(["docker", "start", "--attach", name])
        docker("commit", f"--change=LABEL {LABEL}=image", name, tag, timeout=600)
    finally:
        with contextlib.suppress(TestbedError):
            docker("rm", "--force", "--volumes", name, check=False)


def _preload(half: str, tag: str) -> None:
    """Load the inner images into the image's /var/lib/docker, and make it the image of the hosts."""
    name = f"aisafe-build-{os.getpid()}"
    try:
        docker(
            "run",
            f"--name={name}",
            f"--label={LABEL}=build",
            *HOST_FLAGS,
            half,
            "sh",
            "-c",
            recipe.preload(),
            timeout=600,
        )
        docker(
            "commit",
            '--change=CMD ["/usr/local/sbin/testbed-init"]',
            f"--change=LABEL {LABEL}=image",
            name,
            tag,
            timeout=600,
        )
    finally:
        with contextlib.suppress(TestbedError):
            docker("rm", "--force", "--volumes", name, check=False)
