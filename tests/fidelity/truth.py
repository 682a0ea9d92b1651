"""What is on a host, for the comparison: the outside observer's listing in the nouns of the forecast.

Shares no code with the product: it asks `systemctl`, `ss`, `dpkg-query`, `apt-mark`, `docker`, `find` and openssl.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from tests.testbed import Host
from tests.testbed.listing import observe

Facts = dict[str, dict[str, Any]]
"""kind -> name -> what of it counts."""

UNITS = r"""
systemctl show --no-pager -p Id -p ActiveState -p UnitFileState -p InvocationID -p LoadState '*.service' '*.socket' \
  '*.timer' '*.path'
"""
BOOKKEEPING = re.compile(
    r"/var/lib/(dpkg|apt|ucf|aptitude|aisafe)(/|$)"  # the package manager's own books
    r"|/var/lib/systemd/(deb-systemd|catalog|coredump|linger)"
    r"|/var/lib/(command-not-found|swcatalog|man-db)"
    r"|/etc/ld\.so\.cache|/etc/\.pwd\.lock|/etc/mailcap"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"  # counted as users and groups
    r"|/etc/systemd/.*\.(wants|requires)(/|$)|/etc/rc[0-6S]\.d(/|$)"  # counted as units that are enabled
    r"|.*/__pycache__(/|$)|.*/\.ansible(/|$)|.*/\.cache(/|$)"
    r"|/etc/docker(/key\.json)?$|/root/\.docker(/|$)"
)
"""Files that come of what is compared under another name, and caches."""

PASSING = re.compile(r"(user(-runtime-dir)?@|session-|getty@|run-|systemd-(tmpfiles|sysctl)|docker-.*scope|aisafe-)")
"""Units that come and go with a login or a moment, and the product's own."""

CRONTABS = "/var/spool/cron/crontabs/"
HEADERLESS = r"""sed '1,3{/^# \(DO NOT EDIT\|(\)/d}' "$1" | sha256sum"""
"""crontab(1) puts three lines with the time of day in front, and does not list them."""

SETTLED = 2.5
"""Seconds without a change of the listening sockets after which a host is taken to have settled."""
PATIENCE = 40.0
"""Seconds that are waited for that at most."""


def look(host: Host, *, without: Sequence[str] = ()) -> Facts:
    """Everything that counts on ``host``; ``without``: directories that services write to all the time."""
    listing = observe(host, exclude=[*without])
    uids, gids = _numbers(listing["user"]), _numbers(listing["group"])
    files = {
        path: {
            "type": entry["type"],
            "sha256": entry.get("sha256"),
            "mode": entry["mode"],
            "owner": _names(entry["owner"], uids, gids),
            "target": entry.get("target"),
        }
        for path, entry in listing["file"].items()
        if not BOOKKEEPING.match(path)
    }
    for path, entry in files.items():
        if path.startswith(CRONTABS) and entry["type"] == "f":
            entry["sha256"] = host.run(["sh", "-c", HEADERLESS, "-", path]).stdout.split()[0]
    manual = set(host.run("apt-mark showmanual").stdout.split())
    packages = {
        name.split(":")[0]: version.split()[0]
        for name, version in listing["package"].items()
        if version.split()[-1].startswith("i")
    }
    return {
        "file": files,
        "unit": units(host),
        "package": packages,
        "manual": {name: version for name, version in packages.items() if name in manual},
        "socket": {sockets_name(key): programs for key, programs in listing["listening"].items()},
        "container": {
            name: {"running": entry["state"]["Running"], "image": entry["config"]["Image"]}
            for name, entry in listing.get("container", {}).items()
        },
        "image": {name: identity for name, identity in listing.get("image", {}).items()},
        "network": listing.get("network", {}),
        "volume": listing.get("volume", {}),
        "user": {name: f"{line} {_groups_of(name, listing['group'])}" for name, line in listing["user"].items()},
        "group": {name: line.rpartition(":")[0] for name, line in listing["group"].items()},
        "engine": listing["docker"],
    }


def _numbers(lines: dict[str, str]) -> dict[str, str]:
    return {line.split(":")[2]: name for name, line in lines.items()}


def _names(owner: str, uids: dict[str, str], gids: dict[str, str]) -> str:
    user, group = owner.split(":")
    return f"{uids.get(user, user)}:{gids.get(group, group)}"


def _groups_of(user: str, groups: dict[str, str]) -> str:
    return " ".join(sorted(name for name, line in groups.items() if user in line.rpartition(":")[2].split(",")))


def units(host: Host) -> dict[str, dict[str, Any]]:
    """Every service, socket, timer and path unit that is loaded or has a file: active, enabled, and which start it is."""
    found: dict[str, dict[str, Any]] = {}
    for line in host.run("systemctl list-unit-files --no-legend --plain --full --no-pager").stdout.splitlines():
        name, state = line.split()[:2]
        if name.rpartition(".")[2] in ("service", "socket", "timer", "path") and not PASSING.match(name):
            found[name] = {"active": "inactive", "enabled": state, "invocation": ""}
    for block in host.run(UNITS).stdout.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = values.get("Id", "")
        if name and not PASSING.match(name) and (values.get("LoadState") != "not-found" or name in found):
            found[name] = {
                "active": values.get("ActiveState", ""),
                "enabled": values.get("UnitFileState", "") or found.get(name, {}).get("enabled", ""),
                "invocation": values.get("InvocationID", ""),
            }
    return found


def sockets_name(key: str) -> str:
    """``tcp 0.0.0.0:80`` of ss(8); an address bound to one interface loses its name."""
    return re.sub(r"%[^\]:]+", "", key)


def settle(host: Host) -> None:
    """Wait until what listens has not changed for a while: services come up after `systemctl start` has returned."""
    end = time.monotonic() + PATIENCE
    last, since = "", time.monotonic()
    while time.monotonic() < end:
        now = host.run("ss -Htuln | sort; systemctl list-jobs --no-legend --no-pager").stdout
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > SETTLED:
            return
        time.sleep(0.4)


def with_packages_only(host: Host, packages: Facts, *, without: Sequence[str] = ()) -> Facts:
    """Bring ``host`` to these packages with apt alone, as a control: what is there now comes of packages, not of tasks."""
    had = set(look_packages(host))
    wanted = set(packages["package"])
    words = [*sorted(wanted - had), *(f"{name}-" for name in sorted(had - wanted))]
    if words:
        host.run(
            ["sh", "-c", 'DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install "$@"', "-", *words],
            timeout=600,
        )
    return look(host, without=without)


def look_packages(host: Host) -> list[str]:
    listed = host.run("dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n'").stdout
    return [line.split()[0] for line in listed.splitlines() if line.split()[-1].startswith("i")]
