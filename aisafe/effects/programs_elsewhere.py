"""Programs whose work is not of the host's own files (clusters, clouds, databases), Python's own tools, and firewalls."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Any

from aisafe.effects.elsewhere import OUTSIDE, reads_only
from aisafe.effects.programs import Ran, Scene, program, split_options, texts, through
from aisafe.effects.shell import Word
from aisafe.model import Effect

_VALUED = (
    "n namespace context kubeconfig f filename p profile region h host U user d dbname c command e execute P port u"
)


@program(
    "oc", "helm", "aws", "az", "gcloud", "gsutil", "terraform", "tofu", "openstack", "hcloud", "doctl", "vault",
    "etcdctl", "consul", "nomad", "rabbitmqctl", "redis-cli", "mongosh", "mongo", "createdb", "dropdb", "createuser", "dropuser",
    "pg_restore", "mysqladmin", "influx", "sendmail", "mail", "mailx",
)  # fmt: skip
def elsewhere(scene: Scene, words: Sequence[Word]) -> Ran:
    """Named by its first words, which are verbs and objects; what follows an option is not told."""
    _, operands = split_options(words, valued=_VALUED)
    named = [word.text for word in operands[:3] if word.literal and re.fullmatch(r"[\w./:-]{1,60}", word.text)]
    return Ran(effects=(_outside(scene, " ".join([scene.name, *named]), "what is there already"),))


def _outside(scene: Scene, name: str, why: str) -> Effect:
    return Effect(
        kind="command", action="run", name=name, task=scene.call.task, certainty="possible", why=why, reversible=False,
        elsewhere=True, detail=OUTSIDE,
    )  # fmt: skip


@program("psql", "mysql", "mariadb")
def database(scene: Scene, words: Sequence[Word]) -> Ran:
    """psql(1) and mysql(1): a statement that only reads changes nothing; any other is not undone."""
    options, _ = split_options(words, valued=_VALUED + " D")
    statement = options.get("c", options.get("command", options.get("e", options.get("execute"))))
    if statement is not None and (reads_only(statement) or re.match(r"\s*\\(l|d|dt|du|conninfo)\b", statement)):
        return Ran()
    place = options.get("d", options.get("dbname", options.get("D", "")))
    return Ran(effects=(_outside(scene, f"{scene.name} {place}".strip(), "what the statements change"),))


@program("python3", "python", "virtualenv", "pyvenv")
def python(scene: Scene, words: Sequence[Word]) -> Ran:
    """``-m venv`` makes a directory (venv, Python's documentation), ``-m pip`` is pip; of other code nobody can say."""
    given = list(words)
    if scene.name.startswith("python") and [word.text for word in given[:1]] == ["-m"] and len(given) > 1:
        tool, given = given[1].text, given[2:]
        if tool == "pip":
            return _pip(scene, given)
        if tool not in ("venv", "virtualenv"):
            return Ran(opaque=f"the Python module {tool} is not known")
    elif scene.name.startswith("python"):
        return Ran(opaque=f"what the program {scene.name} runs is not known")
    _, operands = split_options(given, valued="p python prompt")
    effects: tuple[Effect, ...] = ()
    for path in scene.paths(operands):
        effects += scene.host.make_directory(scene.call, path, mode=0o755)
        activate = posixpath.join(path, "bin/activate")
        if scene.host.file(activate).exists is False:
            effects += scene.host.make_directory(scene.call, posixpath.join(path, "bin"), mode=0o755)
            effects += scene.host.put(scene.call, activate, content=b"", mode=0o644, detail="a new virtualenv")
    return Ran(effects=effects)


def _pip(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="r requirement i index-url c constraint")
    verb, names = (operands[0].text if operands else ""), texts(operands[1:])
    if verb in ("list", "show", "freeze", "check", "--version"):
        return Ran()
    if verb not in ("install", "uninstall"):
        return Ran(opaque=f"pip {verb} is not understood")
    wanted: dict[str, Any] = (
        {"name": names} if names else {"requirements": options.get("r", options.get("requirement"))}
    )
    return through(scene, "ansible.builtin.pip", {**wanted, "state": "present" if verb == "install" else "absent"})


def ufw(scene: Scene, words: Sequence[Word]) -> Ran | None:
    """The simple forms of ufw(8), as the module does them; None for the others."""
    given = [text for text in texts(words) if text not in ("--force", "-f")]
    module = "community.general.ufw"
    if given and given[0] in ("enable", "disable", "reload", "reset"):
        return through(
            scene,
            module,
            {"state": {"enable": "enabled", "disable": "disabled", "reload": "reloaded"}.get(given[0], "reset")},
        )
    if len(given) >= 2 and given[0] == "default" and given[1] in ("allow", "deny", "reject"):
        return through(scene, module, {"default": given[1], "direction": given[2] if len(given) > 2 else "incoming"})
    if len(given) == 2 and given[0] == "logging":
        return through(scene, module, {"logging": given[1]})
    delete, given = given[:1] == ["delete"], given[1:] if given[:1] == ["delete"] else given
    if len(given) != 2 or given[0] not in ("allow", "deny", "limit", "reject"):
        return None
    args: dict[str, Any] = {"rule": given[0], "delete": delete}
    if hit := re.fullmatch(r"([\d,:]+)(?:/(tcp|udp))?", given[1]):
        return through(scene, module, {**args, "to_port": hit[1], **({"proto": hit[2]} if hit[2] else {})})
    return through(scene, module, {**args, "name": given[1]}) if given[1][:1].isupper() else None


def firewall_cmd(scene: Scene, words: Sequence[Word]) -> Ran | None:
    """``--add-`` and ``--remove-`` of services, ports and rich rules, and ``--reload`` (firewall-cmd(1))."""
    given = texts(words)
    if given == ["--reload"]:
        scene.host.memory["firewalld reloaded"] = True
        kept: dict[Any, bool] = scene.host.memory.get("firewalld", {})
        for key in [key for key in kept if not key[3]]:
            del kept[key]
        effect = Effect(kind="firewall", action="reload", name="firewall-cmd --reload", task=scene.call.task)
        return Ran(effects=(effect,))
    zone = next((text.partition("=")[2] for text in given if text.startswith("--zone=")), None)
    changes = [
        hit
        for text in given
        if (hit := re.fullmatch(r"--(add|remove)-(service|port|rich-rule|source)=(.+)", text, re.S))
    ]
    others = [text for text in given if text not in ("--permanent", "-q", "--quiet") and not text.startswith("--zone=")]
    if len(changes) != 1 or len(others) != 1:
        return None
    verb, kind, value = changes[0].groups()
    args = {kind.replace("-", "_"): value, "state": "enabled" if verb == "add" else "disabled",
            "permanent": "--permanent" in given, **({"zone": zone} if zone else {})}  # fmt: skip
    return through(scene, "ansible.posix.firewalld", args)
