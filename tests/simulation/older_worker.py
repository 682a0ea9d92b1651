"""The simulation's child beside an ansible-core that is older than any that was tested, and lacks what is replaced."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.modules["ansible._internal"] = None  # type: ignore[assignment]
    from aisafe.simulation import compat, worker

    compat.ANSIBLE_VERSION, compat.VERSION = "2.18.9", (2, 18)
    worker.main(sys.argv[1:])
