"""What is on a host, for the comparison: the outside observer's listing in the nouns of the forecast.

Shares no code with the product: it asks `systemctl`, `ss`, `dpkg-query`, `apt-mark`, `docker`, `find` and openssl.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tests.testbed import Host
from tests.testbed.asking import sections
from tests.testbed.listing import PRUNED, _docker


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What is of packages, not of tasks: files, and the text of scripts in which other names may stand."""

    paths: frozenset[str] = frozenset()
    scripts: str = ""
    packages: frozenset[str] = frozenset()

    def explains(self, name: str) -> bool:
        return name in self.paths or self._named(name)

    def _named(self, name: str) -> bool:
        return bool(self.scripts and re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w-])", self.scripts))


Facts = dict[str, dict[str, Any]]
"""kind -> name -> what of it counts."""

STATE_SCRIPT = r"""
section() { printf '\036%s\n' "$1"; }
section unit_files; systemctl list-unit-files --no-legend --plain --full --no-pager || exit 1
section units; systemctl show --no-pager -p Id -p ActiveState -p UnitFileState -p InvocationID -p LoadState \
    '*.service' '*.socket' '*.timer' '*.path' || exit 1
section sockets; ss -Htulnp || exit 1
section packages; dpkg-query -W -f '${Package}\t${Version}\t${db:Status-Abbrev}\n' || exit 1
section owned; cd /var/lib/dpkg/info && awk '{print FILENAME "\t" $0}' *.list || exit 1
section manual; apt-mark showmanual || exit 1
section users; getent passwd || exit 1
section groups; getent group || exit 1
section mounts; cut -d' ' -f5 /proc/self/mountinfo || exit 1
"""
OWNED_SCRIPT = r"""
section() { printf '\036%s\n' "$1"; }
cd /var/lib/dpkg/info || exit 1
section scripts
for file in *.postinst *.preinst *.config *.prerm *.postrm; do
    test -e "$file" || continue; name=${file%.*}; printf '\035%s\n' "${name%:*}"; cat "$file"
done
section ucf; test ! -s /var/lib/ucf/hashfile || md5sum --check /var/lib/ucf/hashfile 2>/dev/null | sed -n 's/: OK$//p' || true
section changed; dpkg-query -W -f '${Conffiles}\n' | awk 'NF >= 2 {print $2 "  " $1}' | md5sum --check 2>/dev/null |
    sed -n 's/: FAILED.*//p' || true
"""
ROOTS = (
    "/etc", "/usr", "/opt", "/root", "/home", "/srv", "/var/lib", "/var/spool", "/var/www", "/var/log", "/data", "/mnt",
)  # fmt: skip
HASHED = ("/etc/", "/opt/", "/root/", "/home/", "/srv/", "/usr/local/", "/var/spool/", "/var/www/", "/data/")
"""Where every file is hashed at every look; elsewhere only those that were written to since the look before."""
FIND = r"%y\t%m\t%U\t%G\t%s %T@ %C@\t%l\0%p\0"
BOOKKEEPING = re.compile(
    r"/var/lib/(dpkg|apt|ucf|aptitude|aisafe)(/|$)"  # the package manager's own books
    r"|/var/lib/systemd/(deb-systemd|catalog|coredump|linger)"
    r"|/var/lib/(command-not-found|swcatalog|man-db)"
    r"|/etc/ld\.so\.cache|/etc/\.pwd\.lock|/etc/mailcap"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"  # counted as users and groups
    r"|/etc/systemd/.*\.(wants|requires)(/|$)|/etc/rc[0-6S]\.d(/|$)"  # counted as units that are enabled
    r"|/var/log(/|$)|/var/lib/nginx/"  # what services write
    r"|/etc/ssl/certs/(ca-certificates.crt|[0-9a-f]{8}\.\d)$|/etc/alternatives(/|$)"  # made of what packages bring
    r"|/usr/share/mime/|/usr/share/icons/.*\.cache$|.*/(gschemas\.compiled|mimeinfo\.cache|giomodule\.cache|loaders\.cache)$"
    r"|.*\.dpkg-(dist|new|old|tmp)$"  # the packaged version beside one that was there (dpkg(1), --force-confold)
    r"|.*/__pycache__(/|$)|.*/\.ansible(/|$)|.*/\.cache(/|$)"
    r"|/etc/docker(/key\.json)?$|/root/\.docker(/|$)"
)
"""Files that come of what is compared under another name, and caches."""

PASSING = re.compile(
    r"(user(-runtime-dir)?@|session-|getty@|run-|systemd-(tmpfiles|sysctl|timedated|hostnamed|localed)|docker-.*scope|aisafe-)"
)
"""Units that come and go with a login or a moment, and the product's own."""

CRONTABS = "/var/spool/cron/crontabs/"
HEADERLESS = r"""sed '1,3{/^# \(DO NOT EDIT\|(\)/d}' "$1" | sha256sum"""
"""crontab(1) puts three lines with the time of day in front, and does not list them."""

DATA = "/var/"
"""Below it services keep data (hier(7)); elsewhere a file is the package's only with the package's content."""

SETTLED = 2.5
"""Seconds without a change of the listening sockets after which a host is taken to have settled."""
PATIENCE = 40.0
"""Seconds that are waited for that at most."""


def look(host: Host, *, without: Sequence[str] = (), since: Facts | None = None) -> Facts:
    """Everything that counts on ``host``; ``without``: directories that services write to all the time.

    ``since``: an earlier look. Outside HASHED only those files are hashed that are not as they were then.
    """
    told = sections(host.container, STATE_SCRIPT)
    users, groups = _lines(told["users"]), _lines(told["groups"])
    packages = packages_of(told["packages"])
    manual = set(told["manual"].split())
    docker = _docker(host.container)
    docker.pop("bridges")
    return {
        "file": files(host, users, groups, without, (since or {}).get("file", {})),
        "unit": units(told["unit_files"], told["units"]),
        "package": packages,
        "owned": _owned(told["owned"]),
        "manual": {name: version for name, version in packages.items() if name in manual},
        "socket": sockets(told["sockets"]),
        "container": {
            name: {"running": entry["state"]["Running"], "image": entry["config"]["Image"], "made": entry["config"]}
            for name, entry in docker.get("container", {}).items()
        },
        "image": docker.get("image", {}),
        "network": docker.get("network", {}),
        "volume": docker.get("volume", {}),
        "user": {name: f"{line} {_groups_of(name, groups)}" for name, line in users.items()},
        "group": {name: line.rpartition(":")[0] for name, line in groups.items()},
        "engine": docker["docker"],
        "mount": dict.fromkeys(told["mounts"].split()),
    }


def files(
    host: Host, users: Mapping[str, str], groups: Mapping[str, str], without: Sequence[str], since: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Files, directories and links below ROOTS: type, mode, owner, target, and what they hold."""
    uids, gids = _numbers(users), _numbers(groups)
    conditions = " -o ".join(f"-path {shlex.quote(path)}" for path in [*PRUNED, *without])
    script = f"find {' '.join(ROOTS)} \\( {conditions} \\) -prune -o -printf '{FIND}' 2>/dev/null || true"
    parts = host.run(script).stdout.split("\0")[:-1]
    found: dict[str, dict[str, Any]] = {}
    for meta, path in zip(parts[::2], parts[1::2], strict=True):
        kind, mode, user, group, stamp, target = meta.split("\t", 5)
        if not BOOKKEEPING.match(path):
            found[path] = {
                "type": kind, "sha256": None, "mode": mode, "owner": f"{uids.get(user, user)}:{gids.get(group, group)}",
                "target": target or None, "stamp": stamp if kind == "f" else None,
            }  # fmt: skip
    wanted = [
        path
        for path, entry in found.items()
        if entry["type"] == "f" and (path.startswith(HASHED) or (since and since.get(path) != entry))
    ]
    for line in host.run("xargs -0 -r openssl dgst -sha256 -r", input="\0".join(wanted)).stdout.splitlines():
        found[line[66:]].update(sha256=line[:64], stamp=None)
    for path in wanted:
        if path.startswith(CRONTABS):
            found[path]["sha256"] = host.run(["sh", "-c", HEADERLESS, "-", path]).stdout.split()[0]
    return found


def units(unit_files: str, shown: str) -> dict[str, dict[str, Any]]:
    """Every service, socket, timer and path unit that is loaded or has a file: active, enabled, and which start it is."""
    found: dict[str, dict[str, Any]] = {}
    for line in unit_files.splitlines():
        name, state = line.split()[:2]
        if name.rpartition(".")[2] in ("service", "socket", "timer", "path") and not PASSING.match(name):
            found[name] = {"active": "inactive", "enabled": state, "invocation": ""}
    for block in shown.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = values.get("Id", "")
        if name and not PASSING.match(name) and (values.get("LoadState") != "not-found" or name in found):
            found[name] = {
                "active": values.get("ActiveState", ""),
                "enabled": values.get("UnitFileState", "") or found.get(name, {}).get("enabled", ""),
                "invocation": values.get("InvocationID", ""),
            }
    return found


def packages_of(listed: str) -> dict[str, str]:
    """What is installed, by version; ``hold`` after it where it is held (dpkg-query(1), db:Status-Abbrev: wanted, and is)."""
    lines = [line.split("\t") for line in listed.splitlines()]
    return {
        name: f"{version} hold" if status[0] == "h" else version for name, version, status in lines if status[1] == "i"
    }


def sockets(listed: str) -> dict[str, str]:
    """``tcp 0.0.0.0:80`` -> programs, of ss(8); an address bound to one interface loses its name."""
    found: dict[str, str] = {}
    for words in map(str.split, listed.splitlines()):
        name = re.sub(r"%[^\]:]+", "", f"{words[0]} {words[4]}")
        programs = sorted(set(re.findall(r'\("([^"]*)",', words[6] if len(words) > 6 else "")))
        if programs == ["containerd"]:
            continue  # its stream server listens at a port that it draws anew at each start
        found[name] = " ".join(sorted({*found.get(name, "").split(), *programs}))
    return found


def _owned(text: str) -> dict[str, str]:
    """Path -> package, of dpkg's lists."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, path = line.partition("\t")
        found[re.sub(r"^/(lib|bin|sbin)/", r"/usr/\1/", path)] = name.removesuffix(".list").partition(":")[0]
    return found


def _lines(text: str) -> dict[str, str]:
    return {line.split(":")[0]: line for line in text.splitlines()}


def _numbers(lines: Mapping[str, str]) -> dict[str, str]:
    return {line.split(":")[2]: name for name, line in lines.items()}


def _groups_of(user: str, groups: Mapping[str, str]) -> str:
    return " ".join(sorted(name for name, line in groups.items() if user in line.rpartition(":")[2].split(",")))


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


def brought(host: Host, before: Facts, after: Facts, packages: Mapping[str, Any]) -> Brought:
    """What packages that came or went between two looks explain: their files, and what their scripts name.

    A configuration file of a package (dpkg-query(1), Conffiles) counts as the package's while it is as packaged.
    ``packages``: path -> entry where only these were installed; what is the same there is theirs. What was in a directory
    of a package that went, and went with it, is the package's too.
    """
    come = sorted(set(after["package"]) - set(before["package"]))
    gone = {name for name in before["package"] if name not in after["package"]}
    told = sections(host.container, OWNED_SCRIPT) if come or gone else {"scripts": "", "changed": "", "ucf": ""}
    owned = {**before["owned"], **after["owned"]}
    changed = set(told["changed"].split("\n"))
    paths = {path for path, name in owned.items() if name in {*come, *gone} and path not in changed}
    paths |= {
        path for path, entry in packages.items()
        if path not in before["file"] and path in after["file"] and path not in changed and same(after["file"][path], entry, path)
    }  # fmt: skip
    removed = {path for path, name in before["owned"].items() if name in gone and path not in after["file"]}
    paths |= {path for path in set(before["file"]) - set(after["file"]) if _below(path, removed)}
    scripts = "\n".join(
        text for name, _, text in (part.partition("\n") for part in told["scripts"].split("\x1d")) if name in come
    )
    anew = {path for path in set(before["file"]) & set(after["file"]) & set(after["owned"])
            if before["file"][path] != after["file"][path] and path not in changed}  # fmt: skip
    paths |= _as_packaged(host, {path: after["owned"][path] for path in anew if not path.startswith("/etc/")})
    paths |= set(told["ucf"].split("\n"))
    some = {*come, *gone, *(name for name in after["package"] if before["package"].get(name) != after["package"][name])}
    return Brought(paths=frozenset(paths), scripts=scripts, packages=frozenset(some | KEEPERS if some else ()))


def same(mine: Mapping[str, Any], theirs: Mapping[str, Any], path: str) -> bool:
    """Whether two hosts have the same thing at ``path``. Data of services is another at each start (DATA)."""
    keys = ["type", "mode", "owner", "target"] + ([] if path.startswith(DATA) else ["sha256"])
    return all(mine[key] == theirs[key] for key in keys)


def _below(path: str, directories: set[str]) -> bool:
    return any(str(above) in directories for above in PurePosixPath(path).parents)


KEEPERS = {"libpam-runtime"}
"""Packages that act when others come or go (deb-triggers(5))."""


def _as_packaged(host: Host, owners: Mapping[str, str]) -> set[str]:
    """Of files that packages own and that were written, those that hold what the package brought (dpkg(1), --verify)."""
    if not owners:
        return set()
    found = host.run(["sh", "-c", 'dpkg --verify "$@" || true', "-", *sorted(set(owners.values()))]).stdout
    other = {
        re.sub(r"^/(lib|bin|sbin)/", r"/usr/\1/", line.split(None, 1)[-1].removeprefix("c "))
        for line in found.splitlines()
    }
    return set(owners) - other
