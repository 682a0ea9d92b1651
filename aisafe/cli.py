"""Both commands, and the one place that turns an error into an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from aisafe.errors import AisafeError, ExitCode, UsageError
from aisafe.launch import playbook

INTERRUPTED = 99  # as ansible-playbook's own (ansible.cli: "User interrupted execution")


def playbook_main() -> NoReturn:
    """``aisafe-playbook``: ansible-playbook's arguments and our ``--aisafe-…``."""
    sys.exit(_catch(lambda: playbook(sys.argv[1:], plan_only=False)))


def main() -> NoReturn:
    """``aisafe``: typer must not see ``plan`` and ``fix``, which have ansible-playbook's arguments."""
    if sys.argv[1:2] == ["plan"] and not {"-h", "--help"} & set(sys.argv[2:]):
        sys.exit(_catch(lambda: playbook(sys.argv[2:], plan_only=True)))
    if sys.argv[1:2] == ["fix"] and not {"-h", "--help"} & set(sys.argv[2:]):
        sys.exit(_catch(lambda: fix(sys.argv[2:])))
    sys.exit(_catch(_words))


def _words() -> int:
    """The words that typer reads. Raises UsageError for what it refuses."""
    from aisafe.commands import app  # noqa: PLC0415  typer costs 0.2 s that aisafe-playbook does not need

    try:
        return app(standalone_mode=False) or 0
    except Exception as error:
        refusal = getattr(error, "format_message", None)  # its errors' classes have moved from version to version
        if refusal is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(refusal())  # the whole help: a word was given that needs another one
            return ExitCode.USAGE
        raise UsageError(str(refusal()), fix="See aisafe --help.") from None


def _catch(work: Callable[[], int]) -> int:
    """The exit code of ``work``; an error becomes one message on standard error, a traceback only with --aisafe-debug."""
    debug = any(word == "--aisafe-debug" for word in sys.argv) or bool(os.environ.get("AISAFE_DEBUG"))
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return int(work())
    except AisafeError as error:
        if debug:
            _traceback()
        _show(error)
        return int(error.exit_code)
    except KeyboardInterrupt:
        _show(AisafeError("Interrupted."))
        return INTERRUPTED
    except BrokenPipeError:
        return int(ExitCode.ERROR)
    except Exception as error:  # a bug; the hosts' own switch takes care of whatever was armed
        if debug:
            _traceback()
        _show(
            AisafeError(
                f"aisafe itself failed: {type(error).__name__}: {error}",
                state="If hosts were being changed, they roll back by themselves at their deadline.",
                fix="Run it again with --aisafe-debug and report what it prints.",
            )
        )
        return int(ExitCode.ERROR)


def _traceback() -> None:
    import traceback  # noqa: PLC0415

    traceback.print_exc()


def _show(error: AisafeError) -> None:
    from aisafe.view import View  # noqa: PLC0415  the terminal's library costs more than the rest of the start

    View.error(error)


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def fix(argv: Sequence[str]) -> int:
    """``aisafe fix``: ansible-playbook's arguments, and --write. The findings' ways out as changes of the user's files."""
    from aisafe.commands_rules import Findings, mend  # noqa: PLC0415

    end = argv.index("--") if "--" in argv else len(argv)
    words = [word for index, word in enumerate(argv) if index >= end or word != "--write"]
    found = Findings()
    code = playbook(words, plan_only=True, judged=found.judged, quiet=True)
    if code not in (ExitCode.OK, ExitCode.BLOCKED, ExitCode.BLIND):
        return code
    return mend(found.found, write=len(words) < len(argv), cwd=Path.cwd())
