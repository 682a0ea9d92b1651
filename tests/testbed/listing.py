"""An outside observer of a test host: what is on it, and what differs between two looks.

It shares no code with anything else, so that a tool's own view of a host can be checked against it: it asks plain tools
of the host (find, openssl or sha256sum, getfattr, lsattr, systemctl, ss, iptables-save, dpkg-query, docker) through
`docker exec`. What it leaves out is named in constants here, each with the reason; everything else counts. A question
that a host cannot answer is an error or stands in the listing as such, and never reads as "nothing there".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from . import filetree
from .asking import ObservationError, ask, sections
from .containers import parse_containers, parse_firewall
from .deeper import deeper

Listing = dict[str, Any]

PRUNED = (
    "/var/lib/docker",  # seen through the engine's own answers; layers are named by chance
    "/var/lib/containerd",  # the same, one level down
    "/var/lib/systemd/timers",  # stamps of when timers last fired
    "/var/lib/systemd/random-seed",  # random by purpose
    "/var/lib/sudo/lectured",  # whom sudo has shown its first-use lecture
    "/root/.ansible",  # Ansible's own scratch directory, on every host that it ever touched
    "/home/*/.ansible",
)
OWN = (
    "/var/lib/aisafe",  # what the tool under test installs for good at first contact
    "/etc/systemd/system/aisafe-*.service",
    "/etc/systemd/system/*.wants/aisafe-*",
)
# Directories that get another mtime when one of OWN appears in them; all else about them, entries included, counts.
OWN_PARENTS = ("/etc/systemd/system", "/etc/systemd/system/multi-user.target.wants", "/var/lib")
# Units that come and go with each container of the inner engine, named by chance; the containers are listed themselves.
CHANCE_UNITS = re.compile(r"(run-docker-|var-lib-docker-(overlay2|containers)-).*\.mount")
CHANCE_MOUNTS = re.compile(r"/(run/docker/netns|var/lib/docker/(overlay2|containers))/")
LONGEST = 400
"""Characters of a value that a line shows."""

STATE_SCRIPT = r"""
section() { printf '\036%s\n' "$1"; }
export SYSTEMD_BUS_TIMEOUT=100s  # its own 25 s are too few on a machine that is busy
section unit_files; systemctl list-unit-files --no-legend --plain --full --no-pager || exit 1
section units; systemctl list-units --no-legend --plain --full --no-pager || exit 1
section reload; systemctl show --no-pager -p Id -p NeedDaemonReload '*.service' || exit 1
section default; systemctl get-default || exit 1
section sockets; ss -Htulnp || exit 1
section mounts; findmnt -rn -o TARGET,FSTYPE,OPTIONS || exit 1
section packages; dpkg-query -W -f '${Package}:${Architecture}\t${Version} ${db:Status-Abbrev}\n' || exit 1
section users; getent passwd || exit 1
section groups; getent group || exit 1
section v4; iptables-save 2>&1 || echo "cannot be read: exit $?"
section v6; ip6tables-save 2>&1 || echo "cannot be read: exit $?"
section nft; nft -s list ruleset 2>&1 || echo "cannot be read: exit $?"
"""
DOCKER_SCRIPT = r"""
section() { printf '\036%s\n' "$1"; }
all() { kind=$1; shift; test $# -eq 0 && echo '[]' || docker inspect --type="$kind" "$@"; }
section version; docker version --format '{{.Server.Version}}' || exit 1
containers=$(docker ps --all --quiet --no-trunc) || exit 1
section containers; all container $containers || exit 1
section diff; for id in $containers; do docker diff "$id" | sed "s/^/$id /" || exit 1; done
section images; docker image ls --all --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' || exit 1
section networks; all network $(docker network ls --quiet --no-trunc) || exit 1
section volumes; all volume $(docker volume ls --quiet) || exit 1
"""


class Observed(Protocol):
    """What `observe` needs of a host."""

    @property
    def container(self) -> str:
        """The name of its container."""


def observe(
    host: Observed,
    *,
    ignore_own: bool = True,
    exclude: Sequence[str] = (),
    volumes: bool = False,
    deep: bool = False,
    known: filetree.Known | None = None,
) -> Listing:
    """Look at a host.

    Args:
        host: a running test host.
        ignore_own: leave out what the tool under test installs for good, and its parents' mtime (OWN, OWN_PARENTS).
        exclude: more paths to leave out, as find's -path takes them, with all below; for services that write all the
            time, such as /var/lib/prometheus while Prometheus runs.
        volumes: list the files in the inner engine's volumes too.
        deep: all of /var and /boot, processes, kernel settings, addresses and routes as well; see deeper.py.
        known: what earlier looks read, of this host or another of the same image; is filled.

    Returns:
        sections of entries, JSON-serialisable, to be given to `differences`.

    Raises:
        ObservationError: the host does not run, or a tool of it is missing or fails.
    """
    pruned = [*PRUNED, *(OWN if ignore_own else ()), *exclude]
    with ThreadPoolExecutor(max_workers=3) as pool:
        files = pool.submit(filetree.files, host.container, pruned, volumes, deep=deep, known=known)
        docker = pool.submit(_docker, host.container)
        state = pool.submit(sections, host.container, STATE_SCRIPT)
        listing = {"file": files.result(), **docker.result()}
        answers = state.result()
    own = _own_units(host.container) if ignore_own else set()
    if ignore_own:
        for path in OWN_PARENTS:
            listing["file"].get(path, {}).pop("mtime", None)
    bridges, unnamed = listing.pop("bridges"), listing.pop("unnamed")
    listing["file"] = {_volume_path(path, unnamed): entry for path, entry in listing["file"].items()}
    if deep:
        listing |= deeper(host.container, bridges)
    return {**listing, **_state(answers, own), **parse_firewall(answers["v4"], answers["v6"], answers["nft"], bridges)}


def differences(before: Listing, after: Listing) -> list[str]:
    """What differs between two looks at a host, one readable line for each difference; empty when nothing does."""
    lines: list[str] = []
    for section in sorted({*before, *after}):
        old, new = before.get(section, {}), after.get(section, {})
        for key in sorted({*old, *new}):
            if key not in new:
                lines.append(f"{section} {key}: removed (was {_short(old[key])})")
            elif key not in old:
                lines.append(f"{section} {key}: added ({_short(new[key])})")
            else:
                lines += _entry_changes(f"{section} {key}:", old[key], new[key])
    return lines


def _entry_changes(where: str, old: Any, new: Any) -> list[str]:
    """Changes of one entry. A home directory where .ansible came or went has another mtime for that alone."""
    if isinstance(old, dict) and isinstance(new, dict) and old.get("scratch") != new.get("scratch"):
        old, new = ({key: entry[key] for key in entry if key not in ("scratch", "mtime")} for entry in (old, new))
    return _changes(where, old, new)


def _changes(where: str, old: Any, new: Any) -> list[str]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        lines = []
        for key in sorted({*old, *new}):
            lines += _changes(f"{where} {key}", old.get(key), new.get(key))
        return lines or [f"{where} {old} -> {new}"]
    if isinstance(old, list) and isinstance(new, list):
        gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
        lines = [f"{where} without {_short(item)}" for item in gone] + [f"{where} with {_short(item)}" for item in come]
        return lines or [f"{where} in another order or number: {old} -> {new}"]
    return [f"{where} {_short(old)} -> {_short(new)}"]


def _short(value: Any) -> str:
    text = " ".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _volume_path(path: str, unnamed: dict[str, str]) -> str:
    """The path of a file in a volume, with what the volume is in the place of a name by chance."""
    match = re.match(r"(/var/lib/docker/volumes/)([0-9a-f]{64})(/.*)", path)
    return f"{match[1]}{unnamed.get(match[2], match[2])}{match[3]}" if match else path


def _own_units(container: str) -> set[str]:
    """Units of the tool under test that are installed for good; one that it made in passing is not among them."""
    listed = ask(container, ["find", "/etc/systemd/system", "-maxdepth", "1", "-name", "aisafe-*", "-printf", "%f\n"])
    return set(listed.split())


def _state(answers: dict[str, str], own: set[str]) -> Listing:
    def table(name: str) -> list[list[str]]:
        return [line.split() for line in answers[name].splitlines() if line.strip()]

    unit_files = {words[0]: " ".join(words[1:]) for words in table("unit_files") if words[0] not in own}
    units = {
        words[0]: " ".join(words[1:4])
        for words in table("units")
        if words[0] not in own and not CHANCE_UNITS.fullmatch(words[0])
    }
    reload = {
        match[1]: "must be reloaded"
        for match in re.finditer(r"^Id=(.*)\nNeedDaemonReload=yes$", answers["reload"], re.MULTILINE)
        if match[1] not in own
    }
    sockets: dict[str, str] = {}
    for words in table("sockets"):
        key = f"{words[0]} {words[4]}"
        programs = sorted(set(re.findall(r'\("([^"]*)",', words[6] if len(words) > 6 else "")))
        sockets[key] = " ".join(sorted({*sockets.get(key, "").split(), *programs}))
    return {
        "unit file": unit_files,
        "unit": units,
        "unit definition": reload,
        "default target": {"": answers["default"].strip()},
        "listening": {key: value for key, value in sockets.items() if not _chance_socket(key, value)},
        "mount": {words[0]: " ".join(words[1:]) for words in table("mounts") if not CHANCE_MOUNTS.match(words[0])},
        "package": dict(line.split("\t") for line in answers["packages"].splitlines()),
        "user": {line.split(":")[0]: line for line in answers["users"].splitlines()},
        "group": {line.split(":")[0]: line for line in answers["groups"].splitlines()},
    }


def _chance_socket(key: str, programs: str) -> bool:
    """containerd's stream server listens at a port that it draws anew at each start."""
    return programs == "containerd" and key.startswith("tcp 127.0.0.1:")


def _docker(container: str) -> Listing:
    """The inner engine; one that does not answer is an entry of its own, never an empty list."""
    try:
        answers = sections(container, DOCKER_SCRIPT)
    except ObservationError as error:
        return {
            "docker": {"engine": f"does not answer: {str(error).splitlines()[-1][-200:]}"},
            "bridges": {},
            "unnamed": {},
        }
    return {"docker": {"engine": answers["version"].strip()}, **parse_containers(answers)}
