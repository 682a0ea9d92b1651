"""Take from a host what a case's preparation added, so that the next case need not wait for another host.

It only adds up to a host as at first if the outside observer says so; else the host is given up.
"""

from __future__ import annotations

import shlex

from tests.testbed import Host
from tests.testbed.listing import Listing, differences

RESET = r"""
docker ps -aq | xargs -r docker rm -f -v >/dev/null
docker network prune -f >/dev/null; docker volume ls -q | xargs -r docker volume rm -f >/dev/null
"""


def cleaned(host: Host, pristine: Listing, now: Listing) -> bool:
    """Whether what is left to differ can be gone: nothing but additions, and times of directories."""
    if not differences(pristine, now):
        return True
    lines = [RESET] if any(now[kind] != pristine[kind] for kind in ("container", "network", "volume")) else []
    files, was = now["file"], pristine["file"]
    added = [path for path in files if path not in was]
    changed = [path for path in files if path in was and files[path] != was[path]]
    if any(path not in files for path in was) or any(_changed(files[path], was[path]) for path in changed):
        return False
    if any(now[kind] != pristine[kind] for kind in ("user", "group", "package", "kernel setting", "mount", "firewall")):
        return False
    tags = [tag for tag in now["image"] if tag not in pristine["image"]]
    lines += [f"docker rmi -f {shlex.quote(tag)} >/dev/null" for tag in tags]
    units = [unit for unit in now["unit"] if unit not in pristine["unit"]]
    lines += [f"systemctl stop {shlex.quote(unit)}" for unit in units if not unit.endswith((".device", ".slice"))]
    tops = [path for path in added if path.rpartition("/")[0] not in {*added}]
    for path in tops:
        word = shlex.quote(path.encode(errors="surrogateescape").decode(errors="replace"))
        lines.append(f"chattr -R -ia -- {word} 2>/dev/null; rm -rf -- {word}")
    if added or units:
        lines.append("systemctl daemon-reload; systemctl reset-failed")
    lines += [f"touch -d @{was[path]['mtime']} -- {shlex.quote(path)}" for path in sorted(changed, reverse=True)]
    return host.run(["sh", "-c", "\n".join(lines)], check=False, timeout=120).returncode == 0


def _changed(entry: dict[str, object], was: dict[str, object]) -> bool:
    return entry["type"] != "d" or any(entry.get(key) != was.get(key) for key in {*entry, *was} - {"mtime", "scratch"})
