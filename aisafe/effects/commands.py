"""command, shell, raw, script and expect: what a command line does to the host, read without ever running it."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, UnknownArgument, as_text
from aisafe.effects.attributes import remote_path, understood
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.programs import PROGRAMS, Ran, Scene
from aisafe.effects.programs_files import put_output
from aisafe.effects.readonly import only_reads
from aisafe.effects.shell import NotUnderstood, Pipeline, Redirect, Simple, Word, parse
from aisafe.model import Effect, Unknown

_SHELLS = {"sh", "bash", "dash", "ash", "zsh", "/bin/sh"}
_WRAPPERS = {
    "sudo": "EHn",
    "nohup": "",
    "time": "p",
    "nice": "",
    "ionice": "",
    "stdbuf": "",
    "exec": "",
    "builtin": "",
    "env": "",
}


@understood("ansible.builtin.command", "ansible.builtin.shell", kind="command", action="run")
def command(call: Call, host: PredictedHost, args: Arguments) -> Result:
    by_shell = call.module.endswith("shell") or args.flag("_uses_shell")
    skipped, sure = _guarded_by_files(call, host, args)
    if skipped:
        return Result(
            changed=False,
            values={"rc": 0, "stdout": skipped, "stdout_lines": [skipped], "stderr": "", "stderr_lines": []},
        )
    scene = Scene(
        call=call if sure else replace(call, certainty="possible", why="whether 'creates' or 'removes' holds"),
        host=host,
    )
    folder = args.text("chdir")
    if folder is not None:
        scene.cwd = remote_path(folder, call=call, host=host)
        if host.file(scene.cwd, follow=True).exists is False:
            raise BadArgument(f"Unable to change directory before execution: {scene.cwd} is not there")
    given = args.text("stdin")
    scene.stdin = None if given is None else given + ("\n" if args.flag("stdin_add_newline", default=True) else "")
    ran = run_text(scene, _text(args), by_shell=by_shell)
    return _result(call, host, args, ran, certain=sure)


def _text(args: Arguments) -> str | list[str] | Unknown:
    argv = args.raw("argv")
    if argv is not None:
        return next((item for item in argv if isinstance(item, Unknown)), None) or [as_text(item) for item in argv]
    raw = args.raw("_raw_params", "cmd", "free_form")
    if raw is None:
        raise BadArgument("no command given")
    return raw if isinstance(raw, Unknown) else as_text(raw)


def _guarded_by_files(call: Call, host: PredictedHost, args: Arguments) -> tuple[str, bool]:
    """Why the command is certainly not run ('' else), and whether it certainly is: by ``creates``, ``removes``."""
    sure = True
    for name, stops in (("creates", True), ("removes", False)):
        pattern = args.text(name)
        if pattern is None:
            continue
        there = _exists(call, host, args, pattern)
        if there is None:
            sure = False
        elif there is stops:
            return f"skipped, since {pattern} {'exists' if stops else 'does not exist'}", True
    return "", sure


def _exists(call: Call, host: PredictedHost, args: Arguments, pattern: str) -> bool | None:
    """Whether a path, or a pattern in its last part, is there (glob(7)); None where it cannot be told."""
    folder = args.text("chdir")
    path = remote_path(pattern if folder is None else posixpath.join(folder, pattern), call=call, host=host)
    above, name = posixpath.split(path)
    if set("*?[") & set(above):
        return None
    if not set("*?[") & set(name):
        return host.file(path, follow=True).exists
    if host.file(above, follow=True).exists is None:
        return None
    return any(fnmatchcase(entry, name) for entry in host.files.entries(above))


def _result(call: Call, host: PredictedHost, args: Arguments, ran: Ran, *, certain: bool) -> Result:
    effects = ran.effects if certain else tuple(map(_possible, ran.effects))
    created = args.text("creates")
    if created is not None and not set("*?[") & set(created) and (ran.opaque or effects):
        path = remote_path(posixpath.join(args.text("chdir") or "/", created), call=call, host=host)
        if host.file(path).exists is not True:
            effects += host.files.disturb(call, path, "what the command leaves there")
    values: dict[str, Any] = {}
    if ran.stdout is not None:
        shown = ran.stdout.rstrip("\r\n")
        values |= {"stdout": shown, "stdout_lines": shown.splitlines()}
    if ran.rc is not None:
        values["rc"] = ran.rc
    failed = ""
    if ran.ok is False and certain and not ran.opaque:
        failed = f"non-zero return code ({ran.why})" if ran.why and not call.no_log else "non-zero return code"
    return Result(
        effects=effects,
        changed=True if certain else None,
        failed=failed,
        values=values,
        opaque=HIDDEN if call.no_log and ran.opaque else ran.opaque,
    )


def _possible(effect: Effect, why: str = "whether 'creates' or 'removes' holds") -> Effect:
    return replace(effect, certainty="possible", why=effect.why or why) if effect.certainty == "certain" else effect


def run_text(scene: Scene, text: str | Sequence[str] | Unknown, *, by_shell: bool) -> Ran:
    """What a command line does, as one program or by a shell."""
    try:
        if isinstance(text, Unknown):
            return _unknown(text, by_shell=by_shell)
        if not by_shell:
            words = shlex.split(text) if isinstance(text, str) else text
            marked = [Word(text=word, literal="$" not in word and not word.startswith("~")) for word in words]
            return _simple(scene, Simple(words=tuple(marked)))
        return _list(scene, parse(text if isinstance(text, str) else shlex.join(text)))
    except NotUnderstood as error:
        return Ran(opaque=f"the command holds {error}")
    except UnknownArgument as error:
        return Ran(opaque=str(error))
    except ValueError as error:
        if isinstance(error, BadArgument):
            raise
        return Ran(opaque=f"the command cannot be read: {error}")


def _unknown(text: Unknown, *, by_shell: bool) -> Ran:
    """A command of which a part is not known: harmless only if the program can do nothing but read."""
    known = (text.partial or "").split("⟦")[0].split()
    if known and not by_shell and only_reads(posixpath.basename(known[0]), [Word(text=known[0])]):
        return Ran()
    name = f" of {known[0]}" if known else ""
    return Ran(opaque=f"the command{name} is not known before the run: {text.why}")


def _list(scene: Scene, pipelines: Sequence[Pipeline]) -> Ran:
    """``&&`` and ``||`` by what is known of the exit codes. Else a command after ``&&`` is taken as run, since the task
    as a whole is taken to succeed; one after ``||``, and what follows such a list, is possible."""
    effects: tuple[Effect, ...] = ()
    opaque: list[str] = []
    last = Ran(ok=True)
    outputs: list[str | None] = []
    groups = _groups(pipelines)
    for number, group in enumerate(groups):
        final = number == len(groups) - 1
        either = any(pipeline.join == "||" for pipeline in group)
        status: bool | None = True
        for pipeline in group:
            sure = status is not None or (pipeline.join == "&&" and final and not either)
            if (pipeline.join == "&&" and status is False) or (pipeline.join == "||" and status is True):
                continue
            why = "whether the command before it succeeds"
            here = scene if sure else replace(scene, call=replace(scene.call, certainty="possible", why=why))
            ran = _pipeline(here, pipeline)
            scene.cwd = here.cwd
            effects += ran.effects if sure else tuple(_possible(effect, why) for effect in ran.effects)
            opaque += [ran.opaque] if ran.opaque else []
            outputs.append(ran.stdout if sure else None)
            settled = sure or (pipeline.join == "||" and ran.ok is True)  # either side succeeds
            known = ran.ok if settled else None
            last = replace(ran, ok=known, rc=ran.rc if settled else None)
            status = known
    stdout = None if None in outputs else "".join(part for part in outputs if part is not None)
    return Ran(
        effects=effects, ok=last.ok, rc=last.rc, why=last.why, stdout=stdout, opaque="; ".join(dict.fromkeys(opaque))
    )


def _groups(pipelines: Iterable[Pipeline]) -> list[list[Pipeline]]:
    groups: list[list[Pipeline]] = []
    for pipeline in pipelines:
        if pipeline.join in ("&&", "||") and groups:
            groups[-1].append(pipeline)
        else:
            groups.append([pipeline])
    return groups


def _pipeline(scene: Scene, pipeline: Pipeline) -> Ran:
    effects: tuple[Effect, ...] = ()
    opaque: list[str] = []
    ran = Ran()
    for number, simple in enumerate(pipeline.commands):
        here = scene if number == 0 else replace(scene, stdin=ran.stdout)
        ran = _simple(here, simple)
        effects += ran.effects
        opaque += [ran.opaque] if ran.opaque else []
    return replace(ran, effects=effects, opaque="; ".join(opaque))


def _simple(scene: Scene, simple: Simple) -> Ran:
    documents = [one.document for one in simple.redirects if one.document is not None]
    if documents:
        scene = replace(scene, stdin=documents[-1].text if documents[-1].literal else None)
    elif any(one.operator == "<" for one in simple.redirects):
        scene = replace(scene, stdin=None)
    if simple.assignments and simple.words:
        scene = replace(scene, call=_with_variables(scene.call, simple.assignments))
    ran = _program(scene, simple.words) if simple.words else Ran(ok=True, rc=0, stdout="")
    effects = ran.effects
    for redirect in simple.redirects:
        written = _redirected(scene, redirect, ran, simple)
        effects += written
        if redirect.fd in (1, -1) and redirect.operator in (">", ">>"):
            ran = replace(ran, stdout="")
    return replace(ran, effects=effects)


def _with_variables(call: Call, assignments: Iterable[str]) -> Call:
    """``call`` with ``A=b`` in its environment; what only the host's shell makes of a value is marked as such."""
    pairs = (text.partition("=") for text in assignments)
    values = {name: f"⟦{value}⟧" if set("$`") & set(value) else value for name, _, value in pairs}
    return replace(call, environment={**call.environment, **values})


def _redirected(scene: Scene, redirect: Redirect, ran: Ran, simple: Simple) -> tuple[Effect, ...]:
    if redirect.operator not in (">", ">>", "<>") or redirect.target.text == "/dev/null":
        return ()
    if not redirect.target.literal:
        raise UnknownArgument(Unknown("what the shell makes of it", redirect.target.text), "a file that is written")
    name = simple.words[0].text if simple.words else "nothing"
    content = ran.stdout if redirect.fd == 1 else None
    return put_output(scene, scene.path(redirect.target.text), content, append=redirect.operator == ">>", of=name)


def _program(scene: Scene, words: Sequence[Word]) -> Ran:
    first = words[0]
    if not first.literal:
        return Ran(opaque=f"the program {first.text} is known only to the host's shell")
    name, rest = posixpath.basename(first.text), words[1:]
    if first.text.startswith("/etc/init.d/"):
        name, rest = "service", (Word(text=name), *rest)
    if name == "cd":
        if rest and not rest[0].literal:
            raise UnknownArgument(Unknown("what the shell makes of it", rest[0].text), "the directory")
        scene.cwd = scene.path(rest[0].text) if rest else None
        return (
            Ran(ok=False, rc=1)
            if scene.cwd and scene.host.file(scene.cwd, follow=True).exists is False
            else Ran(ok=True, stdout="")
        )
    if name == "export":
        scene.call = _with_variables(scene.call, [word.text for word in rest if "=" in word.text])
    if name in ("export", "set", "unset", "umask", "ulimit", "shopt"):
        return Ran(ok=True, stdout="")
    if name == "exit":
        code = rest[0].text if rest else "0"
        return Ran(ok=code == "0", rc=int(code)) if code.isdigit() else Ran()
    if name in _SHELLS:
        return _inner(scene, name, rest)
    if name in _WRAPPERS or name == "timeout":
        return _wrapped(scene, name, rest)
    here = replace(scene, name=name)
    known = PROGRAMS.get(name)
    if only_reads(name, rest):
        return known(here, rest) if known is not None and name in _ANSWERING else Ran()
    if known is None:
        return Ran(opaque=f"the program {first.text} is not known")
    unknown = next((word.text for word in rest if not word.literal and not word.pattern), None)
    if unknown is not None:
        return Ran(opaque=f"{first.text} with {unknown!r}, which only the host's shell knows")
    return known(here, rest)


_ANSWERING = {
    "true",
    ":",
    "false",
    "echo",
    "printf",
    "cat",
    "test",
    "[",
    "ls",
    "stat",
    "id",
    "getent",
    "which",
    "command",
}


def _inner(scene: Scene, name: str, rest: Sequence[Word]) -> Ran:
    """``sh -c text``; a script's file is not read."""
    for index, word in enumerate(rest):
        if word.text.startswith("-") and word.text.endswith("c") and not word.text.startswith("--"):
            if index + 1 < len(rest) and rest[index + 1].literal:
                return run_text(scene, rest[index + 1].text, by_shell=True)
            break
    return (
        Ran()
        if [word.text for word in rest] == ["--version"]
        else Ran(opaque=f"the script that {name} runs is not read")
    )


def _wrapped(scene: Scene, name: str, rest: Sequence[Word]) -> Ran:
    words = list(rest)
    while words and words[0].text.startswith("-"):
        flag = words.pop(0).text
        if not set(flag.lstrip("-")) <= set(_WRAPPERS.get(name, "")):
            return Ran(opaque=f"{name} {flag} is not understood")
    if name == "timeout" and words:
        words.pop(0)
    while name in ("env", "sudo") and words and "=" in words[0].text:
        words.pop(0)
    return _program(scene, words) if words else Ran()


@understood("ansible.builtin.raw", kind="command", action="run")
def raw(call: Call, host: PredictedHost, args: Arguments) -> Result:
    return _result(
        call, host, Arguments({}), run_text(Scene(call=call, host=host), _text(args), by_shell=True), certain=True
    )


@understood("ansible.builtin.expect", kind="command", action="run")
def expect(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """As command; what the answers make the program do is the program's own."""
    return command(replace(call, module="ansible.builtin.command"), host, Arguments({
        "_raw_params": args.need("command"), "chdir": args.raw("chdir"), "creates": args.raw("creates"),
        "removes": args.raw("removes")}))  # fmt: skip


@understood("ansible.builtin.script", kind="command", action="run")
def script(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A script of the controller: its text is read as the shell's when its first line says sh or bash, or nothing."""
    skipped, sure = _guarded_by_files(call, host, args)
    if skipped:
        return Result(changed=False, values={"msg": skipped})
    source = call.source[0].content if isinstance(call.source, tuple) and call.source else None
    ran = Ran(opaque="the script is not known")
    if isinstance(source, bytes):
        text = source.decode("utf-8", "replace")
        first = text.partition("\n")[0]
        name = posixpath.basename(first.split()[-1]) if first.startswith("#!") and first.split() else "sh"
        ran = Ran(opaque=f"a script for {name} is not read")
        if name in ("sh", "bash", "dash") and not args.given("executable"):
            ran = run_text(Scene(call=call, host=host), text, by_shell=True)
    return _result(call, host, args, ran, certain=sure)
