"""Programs on accounts, the kernel, the firewall, mounts, clock and boot of the whole host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aisafe.effects.api import Call
from aisafe.effects.door import bar
from aisafe.effects.programs import Ran, Scene, program, split_options, texts, through
from aisafe.effects.shell import Word
from aisafe.model import Action, Effect


@program("useradd", "adduser", "userdel", "deluser", "usermod", "groupadd", "addgroup", "groupdel", "delgroup")
def accounts(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(
        words,
        valued="u g d s G c e f k K p home shell uid gid groups ingroup comment gecos home-dir base-dir b password expiredate",
    )
    if not operands or not all(word.literal for word in operands):
        return Ran(opaque=f"{scene.name} in a way that is not understood")
    name = operands[0].text
    kind = "group" if "group" in scene.name and not ("ingroup" in options or len(operands) > 1) else "user"
    state = "absent" if "del" in scene.name else "present"
    args: dict[str, Any] = {"name": name, "state": state}
    if kind == "user" and state == "present":
        for key, flags in {"uid": ("u", "uid"), "shell": ("s", "shell"), "home": ("d", "home", "home-dir")}.items():
            args.update((key, options[flag]) for flag in flags if flag in options)
        if "G" in options or "groups" in options:
            args |= {
                "groups": options.get("G", options.get("groups")),
                "append": scene.name == "usermod" and "a" in options,
            }
        if {"L", "lock", "U", "unlock"} & set(options):
            args["password_lock"] = bool({"L", "lock"} & set(options))
        expires = options.get("e", options.get("expiredate", ""))
        if expires.lstrip("-").isdigit():
            args["expires"] = int(expires) * 86400
        args["create_home"] = "m" in options or scene.name == "adduser" or "create-home" in options
        exists = name in scene.host.users
        if exists and scene.name == "useradd":
            return Ran(ok=False, rc=9)
    elif kind == "user":
        args["remove"] = bool({"r", "remove", "remove-home"} & set(options))
    else:
        args.update(("gid", options[flag]) for flag in ("g", "gid") if flag in options)
    return through(scene, f"ansible.builtin.{kind}", args)


@program("chpasswd", "passwd")
def password(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words)
    if scene.name == "passwd" and operands and {"l", "lock", "u", "unlock"} & set(options):
        bar(scene.call, scene.host, operands[0].text, locked=bool({"l", "lock"} & set(options)), expires=None)
    return Ran(effects=(scene.effect("user", "change", texts(words)[-1] if words else "accounts", certainty="possible",
                                     why="whether the password differs", paths=("/etc/shadow",)),))  # fmt: skip


@program("chage")
def chage(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="d E I m M R W expiredate")
    if "l" in options or "list" in options or not operands:
        return Ran(ok=None)
    day = options.get("E", options.get("expiredate", ""))
    bar(
        scene.call,
        scene.host,
        operands[0].text,
        locked=None,
        expires=int(day) * 86400 if day.lstrip("-").isdigit() else None,
    )
    return Ran(effects=(scene.effect("user", "change", operands[0].text, certainty="possible", why="whether it differs",
                                     paths=("/etc/shadow",)),))  # fmt: skip


@program("sysctl")
def sysctl(scene: Scene, words: Sequence[Word]) -> Ran:
    names = [text.partition("=")[0] for text in texts(words) if "=" in text and not text.startswith("-")]
    effects = tuple(
        scene.effect(
            "sysctl",
            "change",
            name,
            reversible=False,
            paths=("/proc/sys",),
            detail="the value at run time is not undone",
        )
        for name in names or ["settings of files"]
    )
    return Ran(effects=effects)


@program("iptables", "ip6tables", "ufw", "nft", "firewall-cmd", "iptables-restore", "ip6tables-restore", "ipset")
def firewall(scene: Scene, words: Sequence[Word]) -> Ran:
    text = " ".join([scene.name, *texts(words)])
    scene.host.firewall.command(scene.call, [scene.name, *texts(words)])
    removing = any(word.text in ("-D", "-F", "-X", "delete", "flush", "disable", "reset") for word in words)
    return Ran(effects=(scene.effect("firewall", "remove" if removing else "change", text),))


@program("reboot", "shutdown", "poweroff", "halt", "init", "telinit")
def shutdown(scene: Scene, words: Sequence[Word]) -> Ran:
    return Ran() if "-c" in texts(words) else Ran(effects=(reboot(scene.call),))


def reboot(call: Call) -> Effect:
    """A boot is not undone; and what is enabled, not what runs now, is what runs after it."""
    return Effect(
        kind="command",
        action="restart",
        name="the host",
        task=call.task,
        reversible=False,
        detail="a reboot is not undone; the units and containers set to start at boot run after it",
    )


@program("kill", "pkill", "killall", "fuser")
def kill(scene: Scene, words: Sequence[Word]) -> Ran:
    given = texts(words)
    if (
        "-0" in given
        or "-l" in given
        or (scene.name == "fuser" and not any("k" in text for text in given if text[0] == "-"))
    ):
        return Ran()
    why = "which processes run then, and what starts them again"
    return Ran(
        effects=(scene.effect("command", "stop", " ".join([scene.name, *given]), certainty="possible", why=why),)
    )


@program("modprobe", "rmmod", "insmod")
def modprobe(scene: Scene, words: Sequence[Word]) -> Ran:
    return through(
        scene,
        "community.general.modprobe",
        {
            "name": texts(words)[-1] if words else "",
            "state": "absent" if scene.name == "rmmod" or "-r" in texts(words) else "present",
        },
    )


@program("mount", "umount")
def mount(scene: Scene, words: Sequence[Word]) -> Ran:
    name = texts(words)[-1] if words else ""
    action: Action = "create" if scene.name == "mount" else "remove"
    return Ran(
        effects=(
            scene.effect(
                "mount",
                action,
                name,
                reversible=False,
                paths=("/proc/mounts",),
                detail="a mounted file system is not undone",
            ),
        )
    )


@program("hostnamectl", "hostname")
def hostname(scene: Scene, words: Sequence[Word]) -> Ran:
    given = [text for text in texts(words) if not text.startswith("-") and text not in ("set-hostname", "hostname")]
    return through(scene, "ansible.builtin.hostname", {"name": given[-1]}) if given else Ran()


@program("timedatectl")
def timedatectl(scene: Scene, words: Sequence[Word]) -> Ran:
    given = texts(words)
    if given[:1] == ["set-timezone"] and len(given) == 2:
        return through(scene, "community.general.timezone", {"name": given[1]})
    return Ran(opaque=f"timedatectl {' '.join(given[:1])} is not understood")


@program("crontab")
def crontab(scene: Scene, words: Sequence[Word]) -> Ran:
    options, _ = split_options(words, valued="u")
    user = options.get("u", scene.call.become_user)
    path = f"/var/spool/cron/crontabs/{user}"
    effect = scene.effect("cron", "remove" if "r" in options else "change", f"crontab of {user}", paths=(path,))
    changes = (
        scene.host.remove(scene.call, path)
        if "r" in options
        else scene.host.files.disturb(scene.call, path, "what crontab reads")
    )
    return Ran(effects=(effect, *changes))
