"""Every error that aisafe raises on purpose, and the exit codes.

    AisafeError                 1   something failed before anything was touched
    ├── UsageError              2   the command line or a configuration file is wrong
    ├── AnsibleError            4   ansible could not read the playbook or the inventory (its own words are quoted; where
    │                               ansible-playbook has another exit code for it, 1 or 5, that one)
    ├── HostError               -   one host, one cause; collected as a blind spot or an outcome, seldom raised to the top
    │   ├── Unreachable             no connection, authentication or host key
    │   ├── NoRights                no root on the host
    │   └── AgentError              the agent on the host answered with an error (its ``code`` says which)
    ├── Locked                  24  another run holds a host
    └── StalePlan               25  the hosts or the playbook moved since the plan was made

Outcomes that are no errors: 20 blocked, 21 rolled back, 22 rollback failed or incomplete, 23 too blind to judge.
Exit codes of ansible-playbook pass through.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Our own exit codes; ansible-playbook's pass through (0, 1, 2, 4, 5, 99, 250)."""

    OK = 0
    ERROR = 1
    USAGE = 2
    ANSIBLE = 4
    BLOCKED = 20
    ROLLED_BACK = 21
    ROLLBACK_FAILED = 22
    BLIND = 23
    LOCKED = 24
    STALE_PLAN = 25


class AisafeError(Exception):
    """``message``: what failed and why. ``state``: in which state the hosts are. ``fix``: what to do."""

    exit_code: int = ExitCode.ERROR

    def __init__(self, message: str, *, state: str = "Nothing was changed on any host.", fix: str = "") -> None:
        super().__init__(message)
        self.message, self.state, self.fix = message, state, fix

    def __str__(self) -> str:
        parts = [part for part in (self.message, self.state, self.fix) if part]
        return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)


class UsageError(AisafeError):
    exit_code = ExitCode.USAGE


class AnsibleError(AisafeError):
    """``exit_code``: ansible-playbook's own for this error (ansible.errors.AnsibleError._exit_code), 4 where it has none."""

    exit_code: int = ExitCode.ANSIBLE

    def __init__(self, message: str, *, fix: str = "", state: str = "Nothing was changed on any host.",
                 exit_code: int = ExitCode.ANSIBLE) -> None:  # fmt: skip
        super().__init__(message, state=state, fix=fix)
        self.exit_code = exit_code


class HostError(AisafeError):
    def __init__(self, host: str, message: str, *, state: str = "The host was not changed.", fix: str = "") -> None:
        super().__init__(message, state=state, fix=fix)
        self.host = host


class Unreachable(HostError):
    pass


class NoRights(HostError):
    pass


class AgentError(HostError):
    def __init__(
        self, host: str, message: str, *, code: str, state: str = "The host was not changed.", fix: str = ""
    ) -> None:
        super().__init__(host, message, state=state, fix=fix)
        self.code = code


class Locked(AisafeError):
    exit_code = ExitCode.LOCKED


class StalePlan(AisafeError):
    exit_code = ExitCode.STALE_PLAN
