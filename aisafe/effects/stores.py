"""Packages of languages and of stores beside the distribution: npm, gem, cargo, composer…, snap, flatpak; foreign managers.

A package is there when the folder is that its manager keeps for it; where that says nothing, the change is only possible.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments
from aisafe.effects.attributes import home, remote_path, understood
from aisafe.effects.edits import text_of
from aisafe.effects.packages import package_effect
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Certainty, Effect


def in_folders(
    call: Call, host: PredictedHost, label: str, name: str, folders: Sequence[str], *, state: str, known: bool = True
) -> tuple[Effect, ...]:
    """``name`` wanted present, latest or absent, where each of ``folders`` would be it. ``known`` False: it may also lie
    elsewhere, so that none of them there proves nothing."""
    host.prefetch(folders)
    found = [host.file(folder, follow=True).exists for folder in folders]
    remembered: set[str] = host.memory.setdefault(f"packages of {label}", set())
    there = True if True in found or name in remembered else None if None in found or not known else False
    gone = state in ("absent", "uninstalled", "removed")
    if (there is False and gone) or (there and not gone and state != "latest"):
        return ()
    sure: Certainty = "certain" if there is not None and not (there and state == "latest") else "possible"
    why = "" if sure == "certain" else "whether there is a newer version" if there else f"what {label} has already"
    action: Action = "remove" if gone else "upgrade" if there else "install"
    if call.certainty == "certain":
        (remembered.discard if gone else remembered.add)(name)
    place = next(
        (folder for folder, exists in zip(folders, found, strict=True) if exists), folders[0] if folders else ""
    )
    effect = package_effect(call, action, f"{label} {name}", certainty=sure, why=why)
    return (effect, *host.remove(call, place)) if gone and sure == "certain" and place else (effect,)


def _done(effects: Iterable[Effect]) -> Result:
    effects = tuple(effects)
    return Result(effects=effects, changed=changed_by(effects))


def _possible(call: Call, name: str, *paths: str, why: str = "what is there already") -> Result:
    return _done((Effect(kind="package", action="install", name=HIDDEN if call.no_log else name, task=call.task,
                         certainty="possible", why=why, paths=paths),))  # fmt: skip


@understood(
    "community.general.npm",
    "community.general.yarn",
    "community.general.pnpm",
    "community.general.bower",
    kind="package",
)
def node(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """npm-folders(5): ``node_modules`` of the path, or below the prefix for a global package."""
    label = call.module.rpartition(".")[2]
    name, place, state = args.text("name"), args.text("path"), args.word("state", default="present")
    folder = "bower_components" if label == "bower" else "node_modules"
    top = None if place is None else remote_path(place, call=call, host=host)
    if name is None:
        return _possible(call, f"{label} packages of {top or 'the project'}", *((f"{top}/{folder}",) if top else ()))
    version = args.text("version")
    if args.flag("global") or top is None:
        own = home(call.become_user, host=host, text="~")
        folders = [f"{prefix}/lib/node_modules/{name}" for prefix in ("/usr", "/usr/local", own, f"{own}/.npm-global")]
    else:
        folders = [f"{top}/{folder}/{name}"]
    if version is not None and state == "present":
        for where in folders:
            text = host.file(f"{where}/package.json", follow=True).text or ""
            if re.search(rf'"version"\s*:\s*"{re.escape(version.lstrip("v"))}"', text):
                return Result(changed=False)
        state = "latest"
    effects = in_folders(call, host, label, name, folders, state=state, known=not args.flag("global"))
    return _done(effects)


@understood("community.general.gem", kind="package")
def gem(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """RubyGems keeps ``gems/NAME-VERSION`` below each of its paths (gem environment)."""
    name, state, version = args.need("name"), args.word("state", default="present"), args.text("version")
    own = home(call.become_user, host=host, text="~")
    places = ["/var/lib/gems", "/usr/lib/ruby/gems", "/usr/local/lib/ruby/gems", "/usr/share/gems", f"{own}/.gem/ruby"]
    there = [
        f"{top}/{ruby}/gems/{entry}" for top in places for ruby in host.files.entries(top)
        for entry in host.files.entries(f"{top}/{ruby}/gems")
        if re.fullmatch(rf"{re.escape(name)}-{re.escape(version) if version else '[0-9][0-9A-Za-z.]*'}", entry)
    ]  # fmt: skip
    return _done(in_folders(call, host, "gem", name, there, state=state, known=False))


@understood("community.general.cargo", kind="package")
def cargo(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``.crates.toml`` of the root lists what cargo-install(1) has put there."""
    root = args.text("path") or posixpath.join(home(call.become_user, host=host, text="~"), ".cargo")
    path = remote_path(posixpath.join(root, ".crates.toml"), call=call, host=host)
    text, state, version = text_of(host, path), args.word("state", default="present"), args.text("version")
    effects: tuple[Effect, ...] = ()
    for name in args.words("name"):
        listed = isinstance(text, str) and re.search(
            rf'^"{re.escape(name)} {re.escape(version or "")}', text, re.MULTILINE
        )
        folders = [path] if listed else []
        effects += in_folders(call, host, "cargo", name, folders, state=state, known=isinstance(text, str))[:1]
    return _done(effects)


_PROJECTS = {"composer": ("working_dir", "vendor"), "bundler": ("chdir", ".bundle"), "cpanm": ("locallib", ""),
             "pear": ("", ""), "easy_install": ("virtualenv", ""), "ansible_galaxy_install": ("dest", ""),
             "android_sdk": ("", "")}  # fmt: skip


@understood(*(f"community.general.{name}" for name in _PROJECTS), kind="package")
def project(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Managers whose answer depends on what a project's own files ask for."""
    label = call.module.rpartition(".")[2]
    key, below = _PROJECTS[label]
    place = args.text(key) if key else None
    path = (posixpath.join(remote_path(place, call=call, host=host), below),) if place else ()
    named = args.raw("name", "arguments", "from_path") or args.word("command", default="packages")
    return _possible(call, f"{label} {named}", *path)


@understood("community.general.snap", kind="package")
def snap(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A snap is mounted at /snap/NAME, or below /var/lib/snapd on other distributions (snap(8)). Its services start."""
    state = args.word("state", default="present")
    effects: tuple[Effect, ...] = ()
    for name in args.words("name"):
        if state in ("enabled", "disabled"):
            effects += (
                package_effect(call, "change", f"snap {name}", certainty="possible", why="whether it is enabled"),
            )
            continue
        wanted = "latest" if args.given("channel", "options") and state == "present" else state
        effects += in_folders(call, host, "snap", name, [f"/snap/{name}", f"/var/lib/snapd/snap/{name}"], state=wanted)
    return _done(effects)


@understood("community.general.snap_alias", kind="file")
def snap_alias(call: Call, host: PredictedHost, args: Arguments) -> Result:
    effects: tuple[Effect, ...] = ()
    present = args.word("state", default="present") == "present"
    for alias in args.words("alias", "aliases"):
        there = host.file(f"/snap/bin/{alias}").exists
        if there is not None and there == present:
            continue
        effects += (
            host.link(call, f"/snap/bin/{alias}", "/usr/bin/snap")
            if present
            else host.remove(call, f"/snap/bin/{alias}")
        )
    return _done(effects)


def _flatpak(call: Call, host: PredictedHost, args: Arguments) -> str:
    own = args.word("method", default="system") == "user"
    return (
        posixpath.join(home(call.become_user, host=host, text="~"), ".local/share/flatpak")
        if own
        else "/var/lib/flatpak"
    )


@understood("community.general.flatpak", kind="package")
def flatpak(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """``app/ID`` or ``runtime/ID`` in the installation (flatpak-installation(5)); a name that is an address is not looked up."""
    top = _flatpak(call, host, args)
    effects: tuple[Effect, ...] = ()
    for name in args.words("name"):
        folders = [] if "://" in name else [f"{top}/app/{name}", f"{top}/runtime/{name}"]
        state = args.word("state", default="present")
        effects = (*effects, *in_folders(call, host, "flatpak", name, folders, state=state, known=bool(folders)))
    return _done(effects)


@understood("community.general.flatpak_remote", kind="file")
def flatpak_remote(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A section ``[remote "NAME"]`` of the installation's repo/config (flatpak-remote(5))."""
    path, name = f"{_flatpak(call, host, args)}/repo/config", args.need("name")
    text = text_of(host, path)
    there = isinstance(text, str) and f'[remote "{name}"]' in text
    if isinstance(text, str) and there == (args.word("state", default="present") == "present"):
        return Result(changed=False)
    effects = host.files.disturb(call, path, "how flatpak writes it")
    return Result(effects=effects, changed=True if isinstance(text, str) else None)


_REPOSITORIES = {
    "community.general.copr": ("name", "/etc/yum.repos.d"), "community.general.dnf_config_manager": ("name", "/etc/yum.repos.d"),
    "community.general.zypper_repository": ("name", "/etc/zypp/repos.d"),
    "community.general.dnf_versionlock": ("name", "/etc/dnf/plugins/versionlock.list"),
    "community.general.yum_versionlock": ("name", "/etc/yum/pluginconf.d/versionlock.list"),
    "community.general.rhsm_repository": ("name", "/etc/yum.repos.d/redhat.repo"),
    "community.general.rhsm_release": ("release", "/etc/rhsm"), "community.general.pacman_key": ("id", "/etc/pacman.d/gnupg"),
    "community.general.apt_repo": ("repo", "/etc/apt/sources.list"), "community.general.pkg5_publisher": ("name", "/var/pkg"),
    "community.general.dpkg_divert": ("path", "/var/lib/dpkg/diversions"),
}  # fmt: skip


@understood(*_REPOSITORIES, kind="file")
def repository(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Where packages come from, or which are held: the file is known, what is in it by now is not."""
    key, path = _REPOSITORIES[call.module]
    name = args.raw(key, "repo") or ""
    shown = "" if call.no_log else f" {name}"
    effect = Effect(
        kind="file", action="change", name=path, task=call.task, certainty="possible", why="whether it is so already",
        detail=f"{call.module.rpartition('.')[2]}{shown}", paths=(path,),
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


@understood("community.general.redhat_subscription", kind="file")
def subscription(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """The registration lies with the vendor: its copy here is undone, the registration is not."""
    effect = Effect(
        kind="file", action="change", name="/etc/pki/consumer", task=call.task, certainty="possible", reversible=False,
        why="whether the host is registered", detail="the registration with the vendor is not undone",
        paths=("/etc/pki/consumer", "/etc/yum.repos.d", "/etc/rhsm"),
    )  # fmt: skip
    return Result(effects=(effect,), changed=None)


_FOREIGN = (
    "homebrew", "homebrew_cask", "homebrew_tap", "homebrew_services", "macports", "mas", "pkgng", "pkgin", "pkg5",
    "pkgutil", "portage", "portinstall", "openbsd_pkg", "opkg", "apt_rpm", "urpmi", "slackpkg", "swdepot", "swupd",
    "installp", "sorcery", "layman", "svr4pkg", "xbps", "rpm_ostree_pkg", "atomic_host", "atomic_image", "syspatch",
    "sysupgrade", "imgadm", "bootc_manage",
)  # fmt: skip


@understood(*(f"community.general.{name}" for name in _FOREIGN), "ansible.posix.rhel_rpm_ostree",
            "ansible.posix.rpm_ostree_upgrade", kind="package")  # fmt: skip
def foreign(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Package managers whose state is not looked at: named, and counted as not foreseen."""
    manager = call.module.rpartition(".")[2]
    names = ", ".join(args.words("name", "package", "pkg")) if args.given("name", "package", "pkg") else "the system"
    why = f"packages by {manager} are not modelled"
    effect = package_effect(call, "remove" if args.text("state") == "absent" else "install", f"{manager} {names}",
                            certainty="opaque", why=why)  # fmt: skip
    return Result(effects=(effect,), changed=None, opaque=why)
