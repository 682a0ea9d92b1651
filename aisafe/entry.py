"""Where both commands begin. Ctrl-C while Python is still importing ends them quietly; from then on aisafe.cli decides."""

from __future__ import annotations

import gc
import signal
from typing import NoReturn

GARBAGE = 20_000
"""Objects made until the next search for cycles: with Python's 700, a tenth of the start was such searches."""


def playbook_main() -> NoReturn:
    """``aisafe-playbook``."""
    gc.set_threshold(GARBAGE)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from aisafe import cli  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.playbook_main()


def main() -> NoReturn:
    """``aisafe``."""
    gc.set_threshold(GARBAGE)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from aisafe import cli  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()
