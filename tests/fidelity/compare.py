"""A forecast against what came to be: pure functions of what was seen before, foreseen, and seen after.

For each kind there are things that happened (between the two looks) and things that were said. One that was said is
right when the host is afterwards as it was said to be. `recall`: of what happened, the share that was said (certain or
possible). `precision`: of what was said, the share that came true; a possibility that does not come true counts as
wrong. What was said to be certain and did not happen is listed by itself.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from tests.fidelity.truth import BOOKKEEPING, PASSING, ROOTS, Brought, Facts

KINDS = (
    "file", "content", "mode", "unit", "socket", "package", "container", "image", "network", "volume", "user", "group",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """One kind in one play. ``happened``: what differs after it. ``right``: said and so. ``missed``, ``wrong``: in words."""

    happened: int = 0
    found: int = 0
    said: int = 0
    right: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    wrong_certain: list[str] = field(default_factory=list)

    def hit(self, *, happened: bool) -> None:
        self.said += 1
        self.right += 1
        self.happened += happened
        self.found += happened

    def miss(self, what: str) -> None:
        self.happened += 1
        self.missed.append(what)

    def err(self, what: str, *, certain: bool) -> None:
        self.said += 1
        (self.wrong_certain if certain else self.wrong).append(what)


def compare(
    before: Facts, told: Mapping[str, Any], after: Facts, brought: Brought, host: str, *, without: Sequence[str] = ()
) -> dict[str, Tally]:
    """One host in one play. ``told``: what `foresee` wrote; ``brought``: what packages explain; ``without``: directories
    that neither look went into."""
    forecast = told["forecast"]["hosts"][host]
    left_out = tuple(without)
    contents = {
        where: file
        for path, file in told["contents"].get(host, {}).items()
        if not (where := merged(path)).startswith(tuple(f"{each}/" for each in left_out)) and where not in left_out
    }
    tallies = {kind: Tally() for kind in KINDS}
    mounted = tuple(f"{place}/" for place in set(after.get("mount", ())) - set(before.get("mount", ())))
    _files(tallies, before["file"], after["file"], brought, contents, forecast["effects"], mounted)
    _units(tallies["unit"], before["unit"], after["unit"], forecast, _of_others(before, after))
    _sockets(tallies["socket"], before["socket"], after["socket"], forecast)
    again = {e["name"] for e in forecast["effects"] if e["kind"] == "package" and e["action"] == "remove"}
    _packages(tallies["package"], before, after, _last(forecast, "package"), again)
    for kind in ("container", "image", "network", "volume", "user", "group"):
        units = _of_units(forecast) if kind == "container" else frozenset()
        _things(tallies[kind], before[kind], after[kind], brought, _last(forecast, kind), units)
    return tallies


def merged(path: str) -> str:
    """Where a path really lies: /lib, /bin and /sbin are links into /usr (Debian, UsrMerge)."""
    return re.sub(r"^/(lib|bin|sbin)/", r"/usr/\1/", path)


def _of_packages(path: str, entry: Mapping[str, Any], brought: Brought) -> bool:
    """What maintainer scripts make and dpkg does not list: links that enable a unit (its aliases, systemd.unit(5)), those of
    update-alternatives(1), links to files that came with a package (a2enmod(8)), and what pam-auth-update(8) and
    pg_createcluster(1) write."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry["target"])) if entry["target"] else ""
    alias = re.match(r"/etc/systemd/(system|user)/[^/]+$", path) and re.match(r"(/usr)?/lib/systemd/", target)
    linked = bool(alias) or target.startswith("/etc/alternatives/") or target in brought.paths
    return linked or any(package in brought.packages and re.match(made, path) for package, made in MADE.items())


MADE = {
    "libpam-runtime": r"/etc/pam\.d/common-",
    "postgresql-common": r"/etc/postgresql/\d+(/main(/|$)|$)",
}
"""Package whose scripts make files under names that no list holds -> the files."""


def _named(effects: list[dict[str, Any]]) -> dict[str, str]:
    """Paths that an effect names, and how sure the surest of them is."""
    found: dict[str, str] = {}
    for effect in effects:
        for path in map(merged, {effect["name"], *effect["paths"]}):
            if found.get(path) != "certain":
                found[path] = effect["certainty"]
    return found


def _files(
    tallies: dict[str, Tally],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    brought: Brought,
    contents: Mapping[str, Any],
    effects: list[dict[str, Any]],
    mounted: tuple[str, ...],
) -> None:
    tally, named = tallies["file"], _named(effects)
    removed = {merged(e["name"]) for e in effects if e["kind"] == "file" and e["action"] == "remove"}
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    said = {
        path: file
        for path, file in contents.items()
        if path in named and not BOOKKEEPING.match(path) and f"{path}/".startswith(tuple(f"{root}/" for root in ROOTS))
    }
    for path, file in sorted(said.items()):
        certain = file["certainty"] == named[path] == "certain"
        there, was = after.get(path, {"type": ""}), before.get(path)
        kind = file["type"]
        if not kind and not certain and path not in removed:
            kind = there["type"]  # something comes there, and what was not foreseen
        if kind == there["type"] and path in changed:
            tally.hit(happened=path not in brought.paths or _differs(was, file))
            if kind in ("f", "l"):
                _content(tallies["content"], path, file, there, certain)
            if kind in ("f", "d"):
                _mode(tallies["mode"], path, file, there, certain)
        elif path not in before and path not in after and (path in removed or not certain):
            if path not in removed:
                tally.err(f"{path}: said to come, is absent", certain=False)
        elif not certain or path in changed or _differs(was, file):
            tally.err(f"{path}: said {file['type'] or 'absent'}, is {there['type'] or 'absent'}"
                      f"{'' if path in changed else ', unchanged'}", certain=certain)  # fmt: skip
    patterns = {name for name, certainty in named.items() if "*" in name and certainty != "opaque"}
    below = tuple(f"{path}/" for path in removed if path in said)
    for path in sorted(changed - set(said)):
        backup = any(fnmatch(path, name) for name in patterns)  # its name holds the time
        if backup or (path not in after and path.startswith(below)):  # or it went with the directory above it
            tally.hit(happened=True)
        elif not (
            brought.explains(path)
            or path.startswith(mounted)
            or _of_packages(path, after.get(path) or before[path], brought)
        ):
            tally.miss(f"{path} ({'gone' if path not in after else 'made' if path not in before else 'changed'})")


def _differs(entry: Mapping[str, Any] | None, file: Mapping[str, Any]) -> bool:
    """Whether what was said is another state than what was there: else the run took it away and put it back."""
    if entry is None:
        return file["type"] != ""
    return entry["type"] != file["type"] or (file["sha256"] is not None and entry["sha256"] != file["sha256"])


def _content(tally: Tally, path: str, file: Mapping[str, Any], there: Mapping[str, Any], certain: bool) -> None:
    key = "sha256" if file["type"] == "f" else "target"
    if file[key] is None or not certain:
        tally.miss(f"{path}: content not foreseen ({file['reason']})")
    elif file[key] == there[key]:
        tally.hit(happened=True)
    else:
        tally.happened += 1
        tally.err(f"{path}: other content than foreseen", certain=True)


def _mode(tally: Tally, path: str, file: Mapping[str, Any], there: Mapping[str, Any], certain: bool) -> None:
    said = {key: file[key] for key in ("mode", "owner") if file[key] is not None}
    if all(there[key] == value for key, value in said.items()):
        tally.hit(happened=True)
    else:
        tally.happened += 1
        tally.err(f"{path}: said {said}, is {there['mode']} {there['owner']}", certain=certain)


def _states(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(unit, aspect, before, after) for each aspect that the run changed."""
    for name in sorted({*before, *after}):
        old = before.get(name, {"active": "inactive", "enabled": "", "invocation": ""})
        new = after.get(name, {"active": "inactive", "enabled": "", "invocation": ""})
        if _up(old["active"]) != _up(new["active"]) or (new["active"] == "failed" != old["active"]):
            yield name, "active", old["active"], new["active"]
        elif new["active"] == "active" and old["invocation"] != new["invocation"]:
            yield name, "restarted", "", "yes"
        if _on(old["enabled"]) != _on(new["enabled"]):
            yield name, "enabled", old["enabled"], new["enabled"]


def _up(state: str) -> bool:
    return state in ("active", "activating", "reloading")


def _on(state: str) -> str:
    """What the state of a unit file comes to: yes, no, masked, or nothing to be enabled (static, generated, gone)."""
    return {"enabled": "yes", "enabled-runtime": "yes", "masked": "masked", "disabled": "no"}.get(state, "no")


def _of_others(before: Facts, after: Facts) -> frozenset[str]:
    """Units of packages that came and nobody asked for (apt-mark(8)), and units that a package brings masked."""
    found = set()
    for name, unit in after["unit"].items():
        package = after["owned"].get(f"/usr/lib/systemd/system/{name}", "")
        if (
            package
            and package not in before["package"]
            and (package not in after["manual"] or unit["enabled"] == "masked")
        ):
            found.add(name)
    return frozenset(found)


def _units(
    tally: Tally,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    forecast: Mapping[str, Any],
    of_others: Container[str],
) -> None:
    """``of_others``: units that count only where they were foreseen."""
    happened = {(name, aspect): new for name, aspect, _, new in _states(before, after)}
    said: dict[tuple[str, str], tuple[str, str]] = {}
    for effect in forecast["effects"]:
        if effect["kind"] != "unit" or effect["certainty"] == "opaque" or PASSING.match(effect["name"]):
            continue
        name, action, certainty = effect["name"], effect["action"], effect["certainty"]
        if action in ("start", "restart", "stop"):
            said[name, "active"] = ("no" if action == "stop" else "yes", certainty)
        elif action in ("enable", "disable", "mask", "unmask"):
            value = {"enable": "yes", "mask": "masked"}.get(action, "no")
            said[name, "enabled"] = (value, certainty)
    services = {service["holder"]["name"]: service for service in forecast["services"]}
    for (name, aspect), (value, certainty) in sorted(said.items()):
        was = before.get(name, {"active": "inactive", "enabled": "", "invocation": ""})
        now = after.get(name, {"active": "inactive", "enabled": "", "invocation": ""})
        certain = certainty == "certain"
        if aspect == "enabled":
            moved, right = (name, "enabled") in happened, _on(now["enabled"]) == value
        else:
            service = services.get(name)
            moved = (name, "active") in happened or (name, "restarted") in happened
            right = _up(now["active"]) == (value == "yes") and now["active"] != "failed"
            if value == "yes" and service is not None and not service["active"]:  # a unit that runs and ends
                moved, right = True, now["active"] != "failed"
        if right and (moved or (aspect == "active" and was["invocation"] != now["invocation"])):
            real = ((name, aspect) in happened) or (name, "restarted") in happened
            tally.hit(happened=real)
        elif right and not moved and _unchanged(aspect, value, was):
            continue  # stopped and started again, enabled and disabled again: in the end as before, and said so
        else:
            tally.err(f"{name}: said {aspect} {value}, is {now['active']} {now['enabled']}, was {was['active']} "
                      f"{was['enabled']}", certain=certain)  # fmt: skip
    told = {(name, "active" if aspect == "restarted" else aspect) for name, aspect in said}
    for (name, aspect), new in sorted(happened.items()):
        if (name, "active" if aspect == "restarted" else aspect) not in told and name not in of_others:
            tally.miss(f"{name}: {aspect} {new}")


def _unchanged(aspect: str, value: str, was: Mapping[str, Any]) -> bool:
    if aspect == "enabled":
        return _on(was["enabled"]) == value
    return value == "no" and not _up(was["active"])


def _socket(claim: Mapping[str, Any]) -> str:
    """As ss(8) writes it: `*` is IPv6 and IPv4 at once."""
    socket = claim["socket"]
    address = socket["address"]
    if address == "::" and not socket["ipv6_only"]:
        address = "*"
    elif ":" in address:
        address = f"[{address}]"
    return f"{socket['protocol']} {address}:{socket['port']}"


def _sockets(tally: Tally, before: Mapping[str, str], after: Mapping[str, str], forecast: Mapping[str, Any]) -> None:
    """Sockets that are there because of the run, and sockets that are gone because of it."""
    said = {_socket(claim): claim for claim in forecast["claims"]}
    for name, claim in sorted(said.items()):
        if name in after:
            tally.hit(happened=name not in before)
        else:
            tally.err(f"{name} of {claim['holder']['name']}", certain=claim["certainty"] == "certain")
    for name in sorted({*after} - {*before} - {*said}):
        tally.miss(f"{name} {after[name]}")
    left = {
        _socket({"socket": socket})
        for service in forecast["services"]
        if service["active"]
        for socket in service["sockets"]
    }
    ended = {
        effect["name"] for effect in forecast["effects"] if effect["frees"] or effect["action"] in ("stop", "remove")
    }
    ended |= {holder["name"] for effect in forecast["effects"] for holder in effect["frees"]}
    ended |= {effect["name"] for effect in forecast["effects"] if effect["action"] in ("restart", "reload")}
    for name in sorted({*before} - {*after}):
        if name not in left and ended:
            tally.hit(happened=True)
        else:
            tally.miss(f"{name} {before[name]} is gone")


def _last(forecast: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The last word about each thing of a kind."""
    return {
        effect["name"]: effect
        for effect in forecast["effects"]
        if effect["kind"] == kind and effect["certainty"] != "opaque"
    }


def _packages(
    tally: Tally, before: Facts, after: Facts, said: Mapping[str, Mapping[str, Any]], removed: Container[str]
) -> None:
    """Packages that were asked for (apt-mark(8), manual) or are gone; what they depend on is counted elsewhere.

    ``removed``: said to go at some time; one that is said to come back is as it was before then.
    """
    gone = {*before["package"]} - {*after["package"]}
    come = {name for name in after["manual"] if name not in before["package"]}
    other = {n for n in after["package"] if n in before["package"] and before["package"][n] != after["package"][n]}
    changed = gone | come | {name for name in other if name in said}
    for name, effect in sorted(said.items()):
        right = (name not in after["package"]) if effect["action"] == "remove" else (name in after["package"])
        moved = before["package"].get(name) != after["package"].get(name)
        if right and moved:
            tally.hit(happened=name in changed)
        elif right and name in removed and name in before["package"]:
            continue
        else:
            tally.err(f"{name}: said {effect['action']}, is {after['package'].get(name, 'absent')}",
                      certain=effect["certainty"] == "certain")  # fmt: skip
    for name in sorted(changed - set(said)):
        tally.miss(f"{name} ({'gone' if name in gone else 'come'})")


def _of_units(forecast: Mapping[str, Any]) -> frozenset[str]:
    """Containers that a unit of the forecast runs: a party with their unit, and told in its start."""
    begun = [
        effect
        for effect in forecast["effects"]
        if effect["kind"] == "unit" and effect["action"] in ("start", "restart")
    ]
    return frozenset(name for effect in begun for name in re.findall(r"container (\S+) that", effect.get("detail", "")))


def _things(
    tally: Tally,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    brought: Brought,
    said: Mapping[str, Mapping[str, Any]],
    with_units: frozenset[str],
) -> None:
    """Containers, images, networks, volumes, users and groups, by name: come, gone, or changed."""
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    for name, effect in sorted(said.items()):
        there = after.get(name)
        right = (there is None) == (effect["action"] == "remove")
        if effect["kind"] == "container" and there is not None and effect["action"] in ("start", "restart", "stop"):
            right = bool(there["running"]) == (effect["action"] != "stop")
        certain = effect["certainty"] == "certain"
        if right and (name in changed or effect["action"] in ("restart", "create", "change", "start")):
            if name in changed or effect["kind"] == "container":
                tally.hit(happened=name in changed)
            else:
                tally.err(f"{name}: said {effect['action']}, unchanged", certain=certain)
        elif right and before.get(name) is None and there is None:
            continue  # made and removed again
        else:
            tally.err(f"{name}: said {effect['action']}, is {'there' if there else 'absent'}", certain=certain)
    for name in sorted(changed - set(said)):
        if name not in before and brought.explains(name):
            continue
        if name in with_units and name in after:
            tally.hit(happened=True)
            continue
        tally.miss(f"{name} ({'gone' if name not in after else 'come' if name not in before else 'changed'})")
