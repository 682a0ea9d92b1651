"""The simulation's child without the speed-ups of aisafe.simulation.fast."""

from __future__ import annotations

import sys

from aisafe.simulation import fast, worker

fast.install = lambda patch: None

if __name__ == "__main__":
    worker.main(sys.argv[1:])
