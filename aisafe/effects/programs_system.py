"""Programs on units, containers and packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aisafe.effects.api import Call
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.packages import apt_packages, of_manager, package_effect, refresh_lists
from aisafe.effects.programs import Ran, Scene, program, split_options, texts, through
from aisafe.effects.programs_host import reboot
from aisafe.effects.shell import Word
from aisafe.model import Effect

_TYPES = (
    ".service",
    ".socket",
    ".timer",
    ".target",
    ".path",
    ".mount",
    ".automount",
    ".slice",
    ".scope",
    ".swap",
    ".device",
)
_QUIET = {"status", "show", "cat", "list-units", "list-unit-files", "list-timers", "list-sockets", "list-dependencies",
          "is-system-running", "get-default", "show-environment", "help", "reset-failed", "list-jobs", "list-machines",
          "is-failed", ""}  # fmt: skip


def unit_name(text: str) -> str:
    """As systemctl(1) completes it: without a type it is a service."""
    return text if text.endswith(_TYPES) else f"{text}.service"


@program("systemctl")
def systemctl(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="t p n o type property state lines output root host H M machine")
    verb, names = (operands[0].text if operands else ""), operands[1:]
    if {"user", "host", "H", "root", "machine", "M"} & set(options):
        return Ran() if verb in _QUIET else Ran(opaque="systemctl for another manager than the system's")
    if verb == "is-active":
        return _is_active(scene, names)
    if verb == "is-enabled":
        return _is_enabled(scene, names)
    if verb in _QUIET:
        return Ran()
    if verb in ("daemon-reload", "daemon-reexec"):
        scene.host.units.daemon_reload(scene.call)
        return Ran(ok=True, rc=0, stdout="")
    if verb in ("reboot", "poweroff", "halt", "kexec", "soft-reboot"):
        return Ran(effects=(reboot(scene.call),))
    verbs = _verbs(scene, verb, now="now" in options)
    if verbs is None or not names or any(not name.literal for name in names):
        return Ran(opaque=f"systemctl {verb} in a way that is not understood")
    effects: tuple[Effect, ...] = ()
    for name in names:
        for act in verbs:
            effects += act(scene.call, unit_name(name.text))
    return Ran(effects=effects, stdout="")


_Verb = Callable[[Call, str], tuple[Effect, ...]]


def _verbs(scene: Scene, verb: str, *, now: bool) -> tuple[_Verb, ...] | None:
    units = scene.host.units

    def when_active(act: _Verb) -> _Verb:
        return lambda call, name: act(call, name) if units.get(name).unit.active else ()

    def or_start(call: Call, name: str) -> tuple[Effect, ...]:
        return units.reload(call, name) if units.get(name).unit.active else units.start(call, name)

    table: dict[str, tuple[_Verb, ...]] = {
        "start": (units.start,), "stop": (units.stop,), "restart": (units.restart,), "reload": (units.reload,),
        "reload-or-restart": (or_start,), "force-reload": (or_start,),
        "try-restart": (when_active(units.restart),), "condrestart": (when_active(units.restart),),
        "try-reload-or-restart": (when_active(units.reload),), "reload-or-try-restart": (when_active(units.reload),),
        "enable": (units.enable, units.start) if now else (units.enable,),
        "reenable": (units.enable,),
        "disable": (units.disable, units.stop) if now else (units.disable,),
        "mask": (units.mask, units.stop) if now else (units.mask,), "unmask": (units.unmask,),
    }  # fmt: skip
    return table.get(verb)


def _is_active(scene: Scene, names: Sequence[Word]) -> Ran:
    """systemctl(1), EXIT STATUS: 0 for active, 3 for a unit that is not."""
    if len(names) != 1:
        return Ran()
    found = scene.host.unit(unit_name(names[0].text))
    if found.certainty != "certain" or found.found is None:
        return Ran()
    if not found.found:
        return Ran(ok=False)
    state = found.unit.active_state
    return Ran(ok=state == "active", rc=0 if state == "active" else 3, stdout=f"{state}\n")


def _is_enabled(scene: Scene, names: Sequence[Word]) -> Ran:
    if len(names) != 1:
        return Ran()
    found = scene.host.unit(unit_name(names[0].text))
    state = found.unit.unit_file_state
    if found.certainty != "certain" or not found.found or not state:
        return Ran(ok=False) if found.found is False else Ran()
    good = state in ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "linked-runtime")
    return Ran(ok=good, rc=0 if good else 1, stdout=f"{state}\n")


@program("service", "invoke-rc.d", "rc-service")
def service(scene: Scene, words: Sequence[Word]) -> Ran:
    given = texts(words)
    if len(given) < 2 or given[0].startswith("-"):
        return Ran() if given[:1] == ["--status-all"] else Ran(opaque=f"{scene.name} in a way that is not understood")
    if given[1] == "status":
        return _is_active(scene, words[:1]) if scene.name == "service" else Ran()
    return systemctl(scene, [Word(text=given[1]), words[0]])


@program("apt-get", "apt", "aptitude")
def apt_get(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="o t c target-release option")
    verb, names = (operands[0].text if operands else ""), texts(operands[1:])
    if verb == "update":
        return Ran(effects=refresh_lists(scene.call, scene.host, Arguments({"update_cache": True})))
    if verb in ("install", "remove", "purge", "reinstall", "build-dep"):
        if any(not word.literal and not word.pattern for word in operands):
            return Ran(opaque=f"{scene.name} with packages that only the host's shell knows")
        state = {"install": "present", "reinstall": "present", "build-dep": "build-dep"}.get(verb, "absent")
        args = Arguments({"purge": verb == "purge" or "purge" in options})
        try:
            return Ran(effects=apt_packages(scene.call, scene.host, names, args, state=state))
        except BadArgument as error:
            if any("." in name for name in names):  # it may be a regular expression
                return Ran(opaque=f"{scene.name}: {error}, unless it matches others")
            return Ran(ok=False, rc=100, why=str(error), stdout="")
    if verb in ("upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"):
        return Ran(effects=(package_effect(scene.call, "upgrade", "all packages", certainty="possible",
                                           why="which packages have newer versions"),))  # fmt: skip
    if verb in ("autoremove", "autoclean", "clean"):
        return Ran(effects=(package_effect(scene.call, "remove", verb, certainty="possible", why="what is left over"),))
    return Ran(opaque=f"{scene.name} {verb} is not understood")


@program("dnf", "yum", "microdnf", "apk", "zypper")
def other_manager(scene: Scene, words: Sequence[Word]) -> Ran:
    _, operands = split_options(words)
    verb, names = (operands[0].text if operands else ""), texts(operands[1:])
    states = {
        "install": "present",
        "add": "present",
        "remove": "absent",
        "erase": "absent",
        "del": "absent",
        "in": "present",
    }
    if verb in states and names:
        return Ran(effects=of_manager(scene.call, scene.host, names, states[verb]))
    if verb in ("makecache", "clean", "refresh", "ref"):
        return Ran()
    if verb in ("update", "upgrade"):
        return Ran(effects=(package_effect(scene.call, "upgrade", "all packages", certainty="possible",
                                           why="which packages have newer versions"),))  # fmt: skip
    return Ran(opaque=f"{scene.name} {verb} is not understood")


@program("pam-auth-update")
def pam_auth_update(scene: Scene, words: Sequence[Word]) -> Ran:
    """It writes the common files anew from the profiles of /usr/share/pam-configs (pam-auth-update(8))."""
    del words
    names = ("account", "auth", "password", "session", "session-noninteractive")
    why = "which profiles pam-auth-update finds"
    paths = [f"/etc/pam.d/common-{name}" for name in names]
    return Ran(effects=tuple(one for path in paths for one in scene.host.files.disturb(scene.call, path, why)))


@program("dpkg", "rpm")
def dpkg(scene: Scene, words: Sequence[Word]) -> Ran:
    given = texts(words)
    files = [text for text in given if not text.startswith("-")]
    if given and (given[0] in ("-i", "--install", "-U", "-Uvh", "-ivh") or given[0].startswith("-i")):
        return (
            through(
                scene,
                "ansible.builtin.apt" if scene.name == "dpkg" else "ansible.builtin.dnf",
                {"deb": files[-1]} if scene.name == "dpkg" else {"name": files},
            )
            if files
            else Ran(ok=False)
        )
    if given and given[0] in ("-r", "-P", "--remove", "--purge", "-e") and files:
        return Ran(effects=of_manager(scene.call, scene.host, files, "absent"))
    return Ran(opaque=f"{scene.name} {' '.join(given[:1])} is not understood")


@program("pip", "pip3")
def pip(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="r requirement i index-url c constraint")
    verb, names = (operands[0].text if operands else ""), texts(operands[1:])
    if verb not in ("install", "uninstall"):
        return Ran(opaque=f"pip {verb} is not understood")
    wanted = names or [options.get("r", options.get("requirement", "packages"))]
    state = "present" if verb == "install" else "absent"
    return through(scene, "ansible.builtin.pip", {"name": wanted, "state": state})
