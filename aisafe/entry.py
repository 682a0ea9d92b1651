"""Where both commands begin. Ctrl-C while Python is still importing ends them quietly; from then on aisafe.cli decides."""

from __future__ import annotations

import signal
from typing import NoReturn


def playbook_main() -> NoReturn:
    """``aisafe-playbook``."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from aisafe import cli  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.playbook_main()


def main() -> NoReturn:
    """``aisafe``."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from aisafe import cli  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()
