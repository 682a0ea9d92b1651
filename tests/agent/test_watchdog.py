"""When the host goes down."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.agent import watchdog


@pytest.mark.parametrize(
    ("name", "said", "stopping"),
    [("systemd", "running\n", False), ("systemd", "stopping\n", True), ("systemd-shutdow", "", True)],
)
def test_the_host_goes_down(
    name: str, said: str, stopping: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the watchdog holds up each reboot for a minute and a half, and its deadline may pass meanwhile."""

    class Outcome:
        stdout = said

    def outcome(words: list[str], timeout: float) -> Outcome:
        if not said:
            raise watchdog.command.CommandFailed(words, 1, "nobody answers")
        return Outcome()

    comm = tmp_path / "comm"
    comm.write_text(name + "\n")
    monkeypatch.setattr(watchdog, "INIT", str(comm))
    monkeypatch.setattr(watchdog.command, "outcome", outcome)
    assert watchdog._stopping() is stopping
