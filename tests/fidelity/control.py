"""What packages bring by themselves: the same ones are installed where no task runs, and their services started anew once.

What lies there afterwards too is theirs, whatever made it: maintainer scripts, the programs that these call, a service
that is started for the first time or again.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fidelity.truth import Facts, look, settle
from tests.testbed import Host
from tests.testbed.pool import Pool

KEPT = Path(__file__).resolve().parents[2] / ".fidelity" / "packages"
"""Files by package list: a second play with the same packages in the same versions is not installed again."""

INSTALL = r"""
export DEBIAN_FRONTEND=noninteractive
before=$(systemctl list-units --type=service --state=active --plain --no-legend | cut -d' ' -f1 | sort)
apt-get install -q -y --no-install-recommends "$@" >/dev/null || exit 9
after=$(systemctl list-units --type=service --state=active --plain --no-legend | cut -d' ' -f1 | sort)
for unit in $after; do case "$before" in *"$unit"*) ;; *) systemctl restart "$unit" || true;; esac; done
"""


def alone(pool: Pool, before: Facts, after: Facts) -> Mapping[str, Any]:
    """Path -> entry on a host that only got the packages that came between two looks; {} where apt does not have them."""
    come = sorted(
        f"{name}={version.split()[0]}" for name, version in after["package"].items() if name not in before["package"]
    )
    if not come:
        return {}
    kept = KEPT / f"{hashlib.sha256(' '.join(come).encode()).hexdigest()[:24]}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    hosts = pool.take(["packages"])
    try:
        found = _installed(hosts[0], come, before)
    finally:
        pool.release(hosts)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def _installed(host: Host, packages: list[str], before: Facts) -> dict[str, Any]:
    script = f"set -- {shlex.join(packages)}\n{INSTALL}"
    if host.run(script, timeout=600, check=False).returncode:
        return {}
    settle(host)
    return dict(look(host, since=before)["file"])
