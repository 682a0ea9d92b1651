"""The simulation's child as it would be with an ansible-core that nobody tested it with."""

from __future__ import annotations

import sys

from tests.simulation import recording_worker  # noqa: F401  its models record

if __name__ == "__main__":
    from aisafe.simulation import compat, worker

    compat.TESTED = ((2, 7), (2, 8))
    worker.main(sys.argv[1:])
