"""Which packages are installed, and in which version; which ones apt could install."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import subprocess
from typing import Any, Iterable

from . import command
from .failure import AgentFailure

DPKG = "/var/lib/dpkg/status"
LISTS = "/var/lib/apt/lists"
NOBODY = "nobody"
_SETTINGS = (LISTS, LISTS + "/*_*", "/etc/apt", "/etc/apt/*.d", "/etc/apt/*.d/*", "/etc/apt/sources.list", DPKG)
_VERSION = re.compile(r"^ (?:\*\*\*|   ) (\S+)")


def packages() -> dict[str, str]:
    """Name -> version; a package of a foreign architecture is ``name:arch``.

    Raises AgentFailure 'no-packages' when they cannot be read, or this host keeps them in a way that is not known.
    """
    try:
        if os.path.exists(DPKG):
            with open(DPKG, encoding="utf-8", errors="replace") as file:
                return parse_status(file.read())
        if shutil.which("rpm"):
            form = "%{NAME}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n"
            output = subprocess.check_output(["rpm", "-qa", "--qf", form], stderr=subprocess.DEVNULL, timeout=60)
            return dict(line.split("\t", 1) for line in output.decode(errors="replace").splitlines() if "\t" in line)
    except (OSError, subprocess.SubprocessError) as error:
        raise AgentFailure("no-packages", "the installed packages cannot be read: %s" % error) from error
    raise AgentFailure("no-packages", "this host has neither dpkg nor rpm; its packages are not read")


def parse_status(text: str) -> dict[str, str]:
    """The installed packages of dpkg's status file (deb-control(5); dpkg-query(1), "Status")."""
    native = re.search(r"^Package: dpkg\n(?:.+\n)*?Architecture: (\S+)", text, re.MULTILINE)
    found = {}
    for stanza in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Architecture|Version): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").split()[-1:] not in (["installed"], ["triggers-pending"], ["triggers-awaited"]):
            continue
        foreign = native and fields.get("Architecture") not in ("all", native.group(1))
        name = fields.get("Package", "")
        found["%s:%s" % (name, fields["Architecture"]) if foreign else name] = fields.get("Version", "")
    return found


def available(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What apt knows of packages by its present lists (apt-cache(8), policy and showpkg).

    ``candidate``: the version that it would install, None for none; ``versions``: all of them; ``providers``: packages
    that provide the name; ``complete``: every configured source has its list. The answer stays the same while the lists say
    the same, whenever they were fetched: saved plans are compared with it. Nothing is written.

    Raises AgentFailure 'no-apt' when apt cannot tell.
    """
    wanted = sorted(set(names))
    try:
        known = parse_policy(_asked(["apt-cache", "policy", *wanted]))
        rest = [name for name in wanted if not known.get(name, {}).get("versions")]
        given = parse_providers(_asked(["apt-cache", "showpkg", *rest])) if rest else {}
        expected = _asked(["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]).split()
    except command.CommandFailed as error:
        raise AgentFailure("no-apt", "apt cannot tell which packages there are: %s" % error) from error
    lists = [bool(glob.glob(glob.escape(path) + "*")) for path in expected]  # they may be compressed
    complete = bool(lists) and all(lists)
    nothing: dict[str, Any] = {"candidate": None, "versions": []}
    return {name: dict(known.get(name, nothing), providers=given.get(name, []), complete=complete) for name in wanted}


def needs(names: Iterable[str]) -> dict[str, list[str]]:
    """What packages depend on directly, the first of each choice (apt-cache(8), depends).

    Raises AgentFailure 'no-apt' when apt cannot tell.
    """
    wanted = sorted(set(names))
    try:
        text = _asked(["apt-cache", "depends", "--important", *wanted])
    except command.CommandFailed as error:
        raise AgentFailure("no-apt", "apt cannot tell what packages need: %s" % error) from error
    return {name: parse_depends(text).get(name, []) for name in wanted}


def parse_depends(text: str) -> dict[str, list[str]]:
    """The answer of ``apt-cache depends``: name -> the packages that come with it."""
    found: dict[str, list[str]] = {}
    name, choosing = "", False
    for line in text.splitlines():
        if line[:1].strip():
            name, choosing = line.strip(), False
            found[name] = []
        elif match := re.match(r"^ (\|| )(?:Pre)?Depends: ([^<\s]+)$", line):
            if not choosing:
                found[name].append(match[2])
            choosing = match[1] == "|"
    return found


def _asked(words: list[str]) -> str:
    """apt's answer, with nothing written: as nobody it reads its cache where that is fresh and cannot write one. Where nobody
    could not read all that root does, root asks without a cache on the disk, which takes longer (0.5 s)."""
    if os.geteuid() == 0 and command.find("setpriv") and all(map(_for_everybody, _SETTINGS)):
        words = ["setpriv", "--reuid", NOBODY, "--clear-groups", *words]
    elif os.geteuid() == 0:
        words = [words[0], "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", *words[1:]]
    return command.run(words, timeout=60)


def _for_everybody(pattern: str) -> bool:
    wanted = {True: stat.S_IROTH | stat.S_IXOTH, False: stat.S_IROTH}
    try:
        found = [os.stat(path).st_mode for path in glob.glob(pattern)]
    except OSError:  # a link to nowhere, or gone meanwhile: root asks
        return False
    return all(mode & wanted[stat.S_ISDIR(mode)] == wanted[stat.S_ISDIR(mode)] for mode in found)


def parse_policy(text: str) -> dict[str, dict[str, Any]]:
    """The answer of ``apt-cache policy``: name -> candidate and versions."""
    found: dict[str, dict[str, Any]] = {}
    name = ""
    for line in text.splitlines():
        if line[:1].strip():
            name = line.rstrip(":")
            found[name] = {"candidate": None, "versions": []}
        elif line.startswith("  Candidate: "):
            version = line.partition(": ")[2].strip()
            found[name]["candidate"] = None if version == "(none)" else version
        elif match := _VERSION.match(line):
            found[name]["versions"].append(match[1])
    return found


def parse_providers(text: str) -> dict[str, list[str]]:
    """The answer of ``apt-cache showpkg``: name -> the packages that provide it."""
    found: dict[str, list[str]] = {}
    name, inside = "", False
    for line in text.splitlines():
        if line.startswith("Package: "):
            name, inside = line.partition(": ")[2], False
            found[name] = []
        elif line.startswith("Reverse Provides:"):
            inside = True
        elif inside and line.split() and line.split()[0] not in found[name]:
            found[name].append(line.split()[0])
    return found
