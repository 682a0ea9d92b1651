"""How the outside observer asks a host: `docker exec`, bytes kept as they are."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

LONGEST = 280
"""Seconds for one question. It ends in the host by then, so that the next look does not find it among the processes."""


class ObservationError(RuntimeError):
    """The host cannot be looked at; the text says which question it did not answer."""


def ask(container: str, words: Sequence[str], stdin: str = "") -> str:
    """Output of a command in the host; bytes that are not UTF-8 survive as surrogates (file names can have them)."""
    done = subprocess.run(
        ["docker", "exec", "--interactive", container, "timeout", "--kill-after=5", str(LONGEST), *words],
        input=stdin.encode(errors="surrogateescape"),
        capture_output=True,
        check=False,
        timeout=LONGEST + 20,
    )
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()[-1000:]
        raise ObservationError(f"{container}: {' '.join(words)[:80]} exited {done.returncode}: {reason}")
    return done.stdout.decode(errors="surrogateescape")


def sections(container: str, script: str) -> dict[str, str]:
    parts = ask(container, ["sh", "-c", script]).split("\x1e")[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}
