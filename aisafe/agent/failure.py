"""The one error that the agent reports on purpose."""

from __future__ import annotations


class AgentFailure(Exception):
    """``code``: a stable word for programs (no-rsync, no-space, locked…); ``state``: in which state the host is."""

    def __init__(self, code: str, message: str, state: str = "The host was not changed.", fix: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.state, self.fix = code, message, state, fix
