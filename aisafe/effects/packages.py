"""apt, dnf, yum, apk, zypper, pacman, package, pip: what they install and remove, what that starts and stops."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from aisafe.effects.api import Call, Result
from aisafe.effects.aptcache import LISTS, Known
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import understood
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.effects.unitfiles import own_directory
from aisafe.knowledge.packages import meant, starts
from aisafe.knowledge.programs import by_package
from aisafe.model import Action, Certainty, Effect

_STAMP = "/var/lib/apt/periodic/update-success-stamp"
_SPEC = re.compile(r"^(?P<name>[^<>=]+?)(?P<compare>>?=)?(?P<version>(?<==).*)?$")
_PLAIN = re.compile(r"^[a-z0-9][a-z0-9+.-]*[a-z0-9.]$")
"""A name and nothing else: no architecture, file, release (``name/suite``), pattern or action (``name-``) of apt-get(8)."""
_DEB = re.compile(r"^(?P<name>[a-z0-9][a-z0-9+.-]+)_(?P<version>[^_]+)_[^_]+\.deb$")


def package_effect(
    call: Call, action: Action, name: str, *, certainty: Certainty = "certain", why: str = "", detail: str = ""
) -> Effect:
    return Effect(kind="package", action=action, name=name, task=call.task, certainty=certainty, why=why, detail=detail)


def installed_version(host: PredictedHost, name: str) -> str | None:
    """The version of an installed package ('' where not known), None when it is not installed; ``name:arch`` works."""
    for known in (name, name.partition(":")[0]):
        if known in host.packages:
            return host.packages[known]
    return None


def blind(host: PredictedHost) -> str:
    """Why the packages of the host could not be seen; '' when they were."""
    return next((spot.reason for spot in host.state.blind_spots if spot.kind == "package"), "")


def install(
    call: Call, host: PredictedHost, spec: str, *, latest: bool = False, detail: str = "", apt: bool = False
) -> tuple[Effect, ...]:
    """Effects of wanting the package ``spec`` (``name``, ``name=version``, ``name>=version``, a pattern) installed.

    ``apt``: by apt, whose lists are asked. Raises BadArgument where they have no such package or version.
    """
    parsed = _SPEC.match(spec)
    name, compare, version = (parsed["name"], parsed["compare"], parsed["version"]) if parsed else (spec, None, None)
    if set("*?[]!") & set(name):
        return (package_effect(call, "install", spec, certainty="possible", why="which packages match is not known"),)
    there = installed_version(host, name)
    unseen = blind(host)
    if there is None and unseen:
        return _fresh(call, host, name, why=f"the packages could not be seen: {unseen}", detail=detail)
    known = host.apt.get(name) if apt and _PLAIN.match(name) and (there is None or latest) else None
    if there is None and known is not None:
        return _from_lists(call, host, name, known, version if compare == "=" else None, detail=detail)
    if there is None:
        return _fresh(call, host, name, detail=f"version {version}" if compare == "=" and version else detail)
    if latest and known is not None and known.current and known.candidate is not None and there:
        return _to_candidate(call, host, name, there, known.candidate)
    if latest and not (there == "" and host.packages.get(name) == ""):
        return (package_effect(call, "upgrade", name, certainty="possible", why="whether there is a newer version"),)
    if not version or (compare == "=" and fnmatchcase(there, version) and not set("*?[") & set(version)):
        return ()
    if compare == "=" and there and not fnmatchcase(there, version):
        host.packages[name] = version if not set("*?[") & set(version) else ""
        return (package_effect(call, "upgrade", name, detail=f"{there} to {version}"),)
    if compare == ">=" and there == version:
        return ()
    why = f"how the installed {there or 'version'} compares with {version}"
    return (package_effect(call, "upgrade", name, certainty="possible", why=why),)


def _from_lists(
    call: Call, host: PredictedHost, name: str, known: Known, version: str | None, *, detail: str
) -> tuple[Effect, ...]:
    """A package that is not installed, by what apt's lists say of it."""
    if known.missing:
        raise BadArgument(f"No package matching '{name}' is available")
    if version and known.lacks(version):
        raise BadArgument(f"no available installation candidate for {name}={version}")
    if known.versions or not known.providers:
        brought = version or (known.candidate if known.current else None)
        return _fresh(call, host, name, detail=f"version {brought}" if brought else detail)
    if len(known.providers) == 1:
        return install(call, host, known.providers[0], detail=f"provides {name}", apt=True)
    if any(installed_version(host, provider) is not None for provider in known.providers):
        why = "several packages provide it, and one of them is installed"
    else:
        why = f"apt chooses among {', '.join(known.providers[:4])}, which provide it"
    return (package_effect(call, "install", name, certainty="possible", why=why),)


def _to_candidate(call: Call, host: PredictedHost, name: str, there: str, candidate: str) -> tuple[Effect, ...]:
    """The newest version that is to be had, by lists that nothing fetches anew before."""
    if candidate == there:
        return ()
    host.packages[name] = candidate
    return (package_effect(call, "upgrade", name, detail=f"{there} to {candidate}"),)


def _fresh(call: Call, host: PredictedHost, name: str, *, why: str = "", detail: str = "") -> tuple[Effect, ...]:
    certainty: Certainty = "possible" if why else "certain"
    content = meant(name, host.state.os)
    if certainty == "certain":
        host.package_unpacked(call, content)
    for config in program.config if (program := by_package(content)) else ():
        for path in filter(None, map(own_directory, config.paths)):
            host.files.disown(path)  # maintainer scripts set owners and modes there
    back: tuple[Effect, ...] = ()
    removed: set[str] = host.memory.setdefault("packages removed", set())
    removed.discard(name)
    for needed in host.apt.needs(name) if removed and certainty == "certain" else ():
        if needed in removed:
            back += _fresh(call, host, needed, detail=f"{name} depends on it")
    started = _started(call, host, content) if certainty == "certain" else ()
    host.packages[name] = ""
    return (*back, package_effect(call, "install", name, certainty=certainty, why=why, detail=detail), *started)


def _started(call: Call, host: PredictedHost, name: str) -> tuple[Effect, ...]:
    """The units that maintainer scripts enable and start; not started where policy-rc.d forbids it (invoke-rc.d(8))."""
    kin = (host.state.os.get("id", ""), *host.state.os.get("id_like", "").split())
    known = starts(name)
    forbidden = "exit 101" in (host.file("/usr/sbin/policy-rc.d", follow=True).text or "") or (
        call.args.get("policy_rc_d") not in (None, 0, "0")
    )
    if known is None:
        return () if forbidden else host.package_installed(call, name)
    if not {"debian", "ubuntu"} & set(kin):
        return ()
    if (known.units or not known.enabled) and not forbidden:
        brought = host.package_installed(call, name)
        if brought or not known.units:
            return brought
    effects: tuple[Effect, ...] = ()
    for unit in (*known.units, *known.enabled):
        effects += host.units.enable(call, unit)
        effects += host.units.start(call, unit) if unit in known.units and not forbidden else ()
    return effects


def remove(call: Call, host: PredictedHost, name: str, *, purge: bool = False) -> tuple[Effect, ...]:
    name = name.partition("=")[0]
    unseen = blind(host)
    if set("*?[]!") & set(name):
        return (package_effect(call, "remove", name, certainty="possible", why="which packages match is not known"),)
    if installed_version(host, name) is None:
        if unseen:
            why = f"the packages could not be seen: {unseen}"
            return (package_effect(call, "remove", name, certainty="possible", why=why),)
        left = host.file(f"/var/lib/dpkg/info/{name}.list") if purge else None
        if left is None or left.kind == "absent":
            return ()
        why = f"what is left of it could not be seen: {left.reason}" if left.kind == "unseen" else ""
        return (
            package_effect(
                call,
                "remove",
                name,
                certainty="possible" if why else "certain",
                why=why,
                detail="configuration left from before",
            ),
        )
    stopped = host.package_removed(call, name) if meant(name, host.state.os) == name else ()
    host.memory.setdefault("packages removed", set()).add(name)
    for known in (name, name.partition(":")[0]):
        host.packages.pop(known, None)
    return (*stopped, package_effect(call, "remove", name, detail="with its configuration" if purge else ""))


def refresh_lists(call: Call, host: PredictedHost, args: Arguments) -> tuple[Effect, ...]:
    """apt's lists fetched anew, unless they are younger than cache_valid_time (seconds)."""
    valid = args.number("cache_valid_time") or 0
    if not args.flag("update_cache", "update-cache") and not valid:
        return ()
    why = "whether the lists changed on the servers"
    if valid:
        stamp = host.file(_STAMP)
        stamp = stamp if stamp.exists else host.file(LISTS)
        if stamp.mtime is not None and stamp.mtime + valid >= host.state.taken_at.timestamp():
            return ()
        why = "how old the lists are when the task runs"
    host.apt.fetched()
    return (
        Effect(kind="file", action="change", name=LISTS, task=call.task, certainty="possible", why=why, paths=(LISTS,)),
    )


@understood("ansible.builtin.apt", kind="package", action="install")
def apt(call: Call, host: PredictedHost, args: Arguments) -> Result:
    state = args.word("state", default="present")
    names = args.words("package", "pkg", "name")
    effects = refresh_lists(call, host, args)
    lists = len(effects)
    if args.flag("clean"):
        effects += (
            Effect(kind="file", action="remove", name="/var/cache/apt/archives", task=call.task,
                   paths=("/var/cache/apt",)),
        )  # fmt: skip
    upgrade = args.word("upgrade", default="no")
    if upgrade.lower() not in ("no", "false"):
        effects += (_upgrade_all(call),)
    deb = args.text("deb")
    if deb is not None:
        effects += _deb(call, host, deb)
    if state == "latest" and "*" in names:
        effects += (_upgrade_all(call),)
    effects += apt_packages(call, host, [name.strip() for name in names if name != "*"], args, state=state)
    if args.flag("autoremove") or args.flag("autoclean"):
        effects += (package_effect(call, "remove", "autoremove", certainty="possible",
                                   why="which packages nothing needs any more"),)  # fmt: skip
    told = effects[lists:] if names or deb is not None or upgrade.lower() not in ("no", "false") else effects
    return Result(effects=effects, changed=changed_by(told))


def _upgrade_all(call: Call) -> Effect:
    return package_effect(
        call, "upgrade", "all packages", certainty="possible", why="which packages have newer versions"
    )


def apt_packages(
    call: Call, host: PredictedHost, names: Sequence[str], args: Arguments, *, state: str
) -> tuple[Effect, ...]:
    effects: tuple[Effect, ...] = ()
    if state != "absent":
        host.apt.prefetch(_asked(host, names, latest=state == "latest"))
    for name in names:
        if name.count("=") > 1:
            raise BadArgument(f"invalid package spec: {name}")
        if state == "absent":
            effects += remove(call, host, name, purge=args.flag("purge"))
        elif state == "build-dep":
            effects += (package_effect(call, "install", f"what builds {name}", certainty="possible",
                                       why="which of them are there already"),)  # fmt: skip
        elif args.flag("only_upgrade") and installed_version(host, name) is None:
            continue
        else:
            effects += install(call, host, name, latest=state == "latest", apt=True)
    if state == "fixed":
        effects += (package_effect(call, "install", "fix-broken", certainty="possible", why="what is broken"),)
    return effects


def _asked(host: PredictedHost, specs: Iterable[str], *, latest: bool) -> list[str]:
    """The names of ``specs`` of which apt's lists decide what becomes of them."""
    names = [parsed["name"] for spec in specs if (parsed := _SPEC.match(spec)) and _PLAIN.match(parsed["name"])]
    return [name for name in names if latest or installed_version(host, name) is None]


def _deb(call: Call, host: PredictedHost, deb: str) -> tuple[Effect, ...]:
    """A package file: name and version as its file name has them (deb-version(7)); other names are not understood."""
    host.apt.foreign(f"{deb} may bring package sources")
    parsed = _DEB.match(posixpath.basename(deb.partition("?")[0]).replace("%2B", "+").replace("%7E", "~"))
    if parsed is None:
        name = posixpath.basename(deb)
        return (package_effect(call, "install", name, certainty="possible", why="which package the file holds"),)
    name, version = parsed["name"], parsed["version"]
    there = installed_version(host, name)
    if there is None:
        return _fresh(call, host, name, why=blind(host), detail=f"version {version}")
    if there.partition(":")[2] == version or there == version:
        return ()
    return (package_effect(call, "upgrade", name, certainty="possible", why=f"how {there} compares with {version}"),)


@understood(
    "ansible.builtin.dnf", "ansible.builtin.dnf5", "ansible.builtin.yum", "community.general.apk",
    "community.general.zypper", "community.general.pacman", kind="package", action="install",
)  # fmt: skip
def others(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Managers whose packages start nothing when they are installed."""
    if args.given("list") or args.flag("download_only"):
        return Result(changed=False if args.given("list") else None)
    state = args.word("state", default="present")
    effects = of_manager(call, host, args.words("name", "pkg", "package"), state)
    if args.flag("upgrade"):
        effects += (_upgrade_all(call),)
    if args.flag("autoremove"):
        effects += (package_effect(call, "remove", "autoremove", certainty="possible",
                                   why="which packages nothing needs any more"),)  # fmt: skip
    refreshed = args.flag("update_cache", "update-cache") and not effects and not args.given("name", "pkg", "package")
    return Result(effects=effects, changed=None if refreshed else changed_by(effects))


def of_manager(call: Call, host: PredictedHost, names: Iterable[str], state: str) -> tuple[Effect, ...]:
    effects: tuple[Effect, ...] = ()
    for name in names:
        if name == "*":
            effects += (_upgrade_all(call),)
        elif (known := _rpm(host, name)) is not None:
            effects += _other_version(call, host, name, known, state=state)
        elif state in ("absent", "removed"):
            effects += remove(call, host, name)
        elif name.startswith(("@", "/")) or "://" in name or name.endswith(".rpm"):
            effects += (package_effect(call, "install", posixpath.basename(name), certainty="possible",
                                       why="which packages it stands for"),)  # fmt: skip
        else:
            effects += install(call, host, name, latest=state == "latest")
    return effects


def _rpm(host: PredictedHost, spec: str) -> str | None:
    """The installed package that ``NAME-VERSION``, ``NAME-VERSION-RELEASE`` or ``NAME.ARCH`` is about (dnf(8), Specifying
    Packages); None for a plain name."""
    if spec in host.packages or spec.startswith(("@", "/")) or "://" in spec:
        return None
    name, dot, arch = spec.rpartition(".")
    if dot and arch in ("x86_64", "aarch64", "noarch", "i686", "ppc64le", "s390x"):
        return name if name in host.packages else _rpm(host, name)
    parts = spec.split("-")
    names = ("-".join(parts[:cut]) for cut in range(len(parts) - 1, 0, -1) if parts[cut][:1].isdigit())
    return next((name for name in names if name in host.packages), None)


def _other_version(call: Call, host: PredictedHost, spec: str, name: str, *, state: str) -> tuple[Effect, ...]:
    """A package that is installed, wanted in a version of its own."""
    wanted, version = spec.removeprefix(name).lstrip("-."), host.packages[name].rpartition(":")[2]
    same = wanted == version or version.startswith(f"{wanted}-") or not wanted[:1].isdigit()
    if state in ("absent", "removed"):
        return remove(call, host, name) if same else ()
    if same and state != "latest":
        return ()
    why = f"how the installed {version or 'version'} compares with {wanted}"
    return (package_effect(call, "upgrade", name, certainty="possible", why=why),)


@understood("ansible.builtin.package", kind="package", action="install")
def package(call: Call, host: PredictedHost, args: Arguments) -> Result:
    manager = args.word("use", default="auto")
    if manager == "auto":
        manager = str(call.facts.get("pkg_mgr") or call.facts.get("ansible_pkg_mgr") or _guessed(host))
    if manager == "apt":
        return _through_apt(call, host, args)
    if manager in ("dnf", "dnf5", "yum", "apk", "zypper", "pacman"):
        state = args.word("state", default="present")
        effects = of_manager(call, host, args.words("name"), state)
        return Result(effects=effects, changed=changed_by(effects))
    return Result(changed=None, opaque=f"packages by {manager or 'a manager that is not known'} are not modelled")


def _through_apt(call: Call, host: PredictedHost, args: Arguments) -> Result:
    lists = refresh_lists(call, host, args)
    effects = apt_packages(call, host, args.words("name"), args, state=args.word("state", default="present"))
    return Result(effects=(*lists, *effects), changed=changed_by(effects))


def _guessed(host: PredictedHost) -> str:
    """The package manager of the host's distribution, by os-release(5)."""
    kin = {host.state.os.get("id", ""), *host.state.os.get("id_like", "").split()}
    for manager, family in {"apt": {"debian", "ubuntu"}, "dnf": {"fedora", "rhel", "centos"}, "apk": {"alpine"},
                            "zypper": {"suse", "opensuse"}, "pacman": {"arch"}}.items():  # fmt: skip
        if kin & family:
            return manager
    return ""
