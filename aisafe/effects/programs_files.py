"""Programs on files: rm, mkdir, cp, mv, touch, chmod, chown, ln, tee, sed -i, tar, curl, wget, git."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from aisafe.effects.arguments import BadArgument
from aisafe.effects.attributes import fresh, user_name
from aisafe.effects.copying import content_of
from aisafe.effects.fetching import plain_url
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.modes import UMASK, parse_mode
from aisafe.effects.programs import Ran, Scene, program, split_options, texts
from aisafe.effects.shell import Word
from aisafe.model import Effect, Unknown

WALK_LIMIT = 2000


def unclear(words: Sequence[Word]) -> str:
    """Why the words cannot be read: one of them is what the shell makes of it."""
    return next(
        (f"{word.text!r} is known only to the host's shell" for word in words if not word.literal and not word.pattern),
        "",
    )


def put_output(scene: Scene, path: str, content: str | None, *, append: bool, of: str) -> tuple[Effect, ...]:
    """What a redirection or tee leaves at ``path``; ``content`` None: the output of ``of``, not known."""
    found = scene.host.file(path, follow=True)
    if found.kind == "other" or path.startswith(("/dev/", "/proc/")):
        return ()
    if path.startswith("/sys/"):
        return (scene.effect("sysctl", "change", path, detail=f"written by {of}", reversible=False),)
    new: bytes | Unknown = (
        Unknown(f"the output of {of}") if content is None else content.encode("utf-8", "surrogateescape")
    )
    if append and found.exists is not False:
        before = content_of(found)
        new = before + new if isinstance(before, bytes) and isinstance(new, bytes) else Unknown(f"the output of {of}")
        if content == "":
            return ()
    given = fresh(scene.call, scene.host) if found.exists is False else None
    return scene.host.put(
        scene.call, found.path, content=new, mode=given.mode if given else None, owner=given.owner if given else None,
        group=given.group if given else None, detail=f"output of {of}",
    )  # fmt: skip


@program("tee")
def tee(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words)
    effects: tuple[Effect, ...] = ()
    for path in scene.paths(operands):
        effects += put_output(scene, path, scene.stdin, append="a" in options or "append" in options, of="the pipe")
    return Ran(effects=effects, stdout=scene.stdin)


@program("rm", "unlink", "rmdir")
def rm(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words)
    effects: tuple[Effect, ...] = ()
    force = {"f", "force"} & set(options)
    for path in scene.paths(operands):
        if scene.host.file(path).exists is False and not force:
            return Ran(effects=effects, ok=False, rc=1)
        effects += scene.host.remove(scene.call, path)
    return Ran(effects=effects, ok=True if force else None)


@program("mkdir")
def mkdir(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="m mode")
    parents = {"p", "parents"} & set(options)
    asked = options.get("m", options.get("mode"))
    effects: tuple[Effect, ...] = ()
    for path in scene.paths(operands):
        found = scene.host.file(path, follow=True)
        above = scene.host.file(posixpath.dirname(path), follow=True)
        if not parents and (found.exists or above.exists is False):
            return Ran(effects=effects, ok=False, rc=1)
        if found.exists is not False and found.kind == "directory":
            continue
        given = fresh(scene.call, scene.host, directory=True)
        if above.exists is False:
            effects += scene.host.make_directory(
                scene.call, above.path, mode=given.mode, owner=given.owner, group=given.group
            )
        mode = _mode(asked, 0o755, directory=True) if asked is not None else given.mode
        effects += scene.host.make_directory(scene.call, path, mode=mode, owner=given.owner, group=given.group)
    return Ran(effects=effects, ok=True)


def _mode(text: str, current: int, *, directory: bool) -> int:
    try:
        return parse_mode(text, current=current, directory=directory)
    except ValueError as error:
        raise BadArgument(str(error)) from None


@program("touch")
def touch(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="d r t date reference")
    effects: tuple[Effect, ...] = ()
    for path in scene.paths(operands):
        if scene.host.file(path, follow=True).exists is not False:
            effects += (scene.effect("file", "change", path, detail="timestamps", paths=(path,)),)
        elif not {"c", "no-create"} & set(options):
            given = fresh(scene.call, scene.host)
            effects += scene.host.put(
                scene.call, path, content=b"", mode=given.mode, owner=given.owner, group=given.group
            )
    return Ran(effects=effects, ok=True)


@program("cp", "mv")
def cp(scene: Scene, words: Sequence[Word]) -> Ran:
    moving = scene.name == "mv"
    options, operands = split_options(words, valued="t target-directory S suffix")
    into = options.get("t", options.get("target-directory"))
    paths = [*scene.paths(operands)]
    if into is not None:
        paths.append(scene.path(into))
    if len(paths) < 2:
        return Ran(ok=False, rc=1)
    *sources, dest = paths
    effects: tuple[Effect, ...] = ()
    keep = moving or bool({"a", "p", "archive", "preserve"} & set(options))
    for source in sources:
        found = scene.host.file(source, follow=not moving)
        if found.exists is False:
            return Ran(effects=effects, ok=False, rc=1)
        target = dest
        if scene.host.file(dest, follow=True).kind == "directory":
            target = posixpath.join(dest, posixpath.basename(source))
        if {"n", "no-clobber"} & set(options) and scene.host.file(target).exists:
            continue
        effects += _copied(scene, found, target, keep=keep)
        effects += scene.host.remove(scene.call, source) if moving else ()
    return Ran(effects=effects)


def _copied(scene: Scene, found: PredictedFile, target: str, *, keep: bool) -> tuple[Effect, ...]:
    if found.kind == "directory":
        return scene.host.files.disturb(scene.call, target, f"what is below {found.path}")
    if found.kind == "link":
        return scene.host.link(scene.call, target, found.target)
    there = scene.host.file(target, follow=True)
    given = fresh(scene.call, scene.host)
    new = there.exists is False
    mode = found.mode if keep or found.mode is None else found.mode & ~UMASK
    return scene.host.put(
        scene.call, there.path, content=content_of(found), mode=mode if new or keep else None,
        owner=found.owner if keep else given.owner if new else None,
        group=found.group if keep else given.group if new else None,
    )  # fmt: skip


@program("chmod", "chown", "chgrp")
def chmod(scene: Scene, words: Sequence[Word]) -> Ran:
    name = scene.name
    options: set[str] = set()
    rest = list(words)
    while rest and rest[0].text.startswith("-") and set(rest[0].text[1:]) <= set("Rvcfh-recursivqutlnoda"):
        options.add(rest.pop(0).text.lstrip("-"))
    if len(rest) < 2 or any(option.startswith("reference") for option in options):
        return Ran(opaque=f"{name} in a way that is not understood")
    asked, paths = rest[0].text, scene.paths(rest[1:])
    recurse = any("R" in option or option == "recursive" for option in options)
    effects: tuple[Effect, ...] = ()
    for path in paths:
        if scene.host.file(path, follow=True).exists is False:
            return Ran(effects=effects, ok=False, rc=1)
        effects += _set(scene, name, asked, path, recurse=recurse)
    return Ran(effects=effects)


def _set(scene: Scene, name: str, asked: str, path: str, *, recurse: bool) -> tuple[Effect, ...]:
    found = scene.host.file(path, follow=not recurse)
    owner, group, mode = None, None, None
    if name == "chmod":
        if found.mode is None and not asked.isdigit():
            return scene.host.files.disturb(scene.call, path, "its mode is not known")
        mode = _mode(asked, found.mode or 0, directory=found.kind == "directory")
    elif name == "chgrp":
        group = asked
    else:
        owner, _, group = asked.replace(".", ":", 1).partition(":") if ":" not in asked else asked.partition(":")
        owner = (user_name(int(owner), scene.host) or owner) if owner.isdigit() else owner or None
        group = group or None
    if found.kind == "directory":
        effects = scene.host.make_directory(scene.call, found.path, mode=mode, owner=owner, group=group)
        if recurse:
            names = scene.host.files.entries(found.path)
            if len(names) > WALK_LIMIT:
                return (*effects, scene.effect("file", "change", f"{path}/**", paths=(path,), detail=f"{name} {asked}"))
            scene.host.prefetch(posixpath.join(found.path, entry) for entry in names)
            for entry in names:
                effects += _set(scene, name, asked, posixpath.join(found.path, entry), recurse=True)
        return effects
    if found.kind == "link":
        return ()
    return scene.host.put(scene.call, found.path, mode=mode, owner=owner, group=group)


@program("ln")
def ln(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="t S")
    if len(operands) != 2 or not all(word.literal for word in operands):
        return Ran(opaque="ln in a way that is not understood")
    source, path = operands[0].text, scene.path(operands[1].text)
    plain = {"n", "T", "no-dereference", "no-target-directory"} & set(options)
    found = scene.host.file(path, follow=not plain)
    if found.kind == "directory":
        path = posixpath.join(path, posixpath.basename(source))
        found = scene.host.file(path)
    if found.exists and not {"f", "force"} & set(options):
        return Ran(ok=False, rc=1)
    if not {"s", "symbolic"} & set(options):
        return Ran(effects=scene.host.files.hard_link(scene.call, path, scene.path(source)))
    given = fresh(scene.call, scene.host)
    return Ran(effects=scene.host.link(scene.call, path, source, owner=given.owner, group=given.group), ok=True)


@program("sed")
def sed(scene: Scene, words: Sequence[Word]) -> Ran:
    """``sed -i``: the files change in a way that is not worked out."""
    options, operands = split_options(words, valued="e f expression file")
    files = operands if {"e", "f", "expression", "file"} & set(options) else operands[1:]
    effects: tuple[Effect, ...] = ()
    for path in scene.paths(files):
        if scene.host.file(path).exists is False:
            return Ran(effects=effects, ok=False, rc=2)
        effects += scene.host.files.disturb(scene.call, path, "what sed makes of it")
    return Ran(effects=effects)


@program("tar", "unzip")
def extract(scene: Scene, words: Sequence[Word]) -> Ran:
    """An archive unpacked below a directory, or written to a file."""
    given = texts(words)
    first = given[0].lstrip("-") if given else ""
    into = next((value for flag, value in pairwise(given) if flag in ("-C", "-d", "--directory")), None)
    into = next((text.partition("=")[2] for text in given if text.startswith("--directory=")), into)
    if "t" in first and "x" not in first:
        return Ran()
    if "c" in first and "x" not in first:
        target = given[1] if "f" in first and len(given) > 1 else None
        if target is None or target == "-":
            return Ran()
        return Ran(effects=scene.host.files.disturb(scene.call, scene.path(target), "the archive"))
    return Ran(effects=scene.host.files.disturb(scene.call, scene.path(into or "."), "what the archive holds"))


@program("curl", "wget")
def fetch(scene: Scene, words: Sequence[Word]) -> Ran:
    """A download is a file; a request that sends something changes the other side, which no restore brings back."""
    name = scene.name
    options, operands = split_options(
        words,
        valued="o X d F T u H w m A b e O P x K request data data-raw data-binary data-urlencode form json output "
        "header "
        "user max-time write-out retry connect-timeout proxy upload-file user-agent post-data post-file method "
        "output-document directory-prefix cacert cert key retry-delay timeout tries".replace(
            "O ", "" if name == "curl" else "O "
        ),
    )
    sends = {
        "d",
        "F",
        "T",
        "data",
        "data-raw",
        "data-binary",
        "data-urlencode",
        "form",
        "json",
        "upload-file",
        "post-data",
        "post-file",
    }
    method = options.get("X", options.get("request", options.get("method", ""))).upper()
    urls = [word.text for word in operands]
    if (
        (name == "curl" and (sends & set(options)))
        or method in ("POST", "PUT", "PATCH", "DELETE")
        or (name == "wget" and {"post-data", "post-file"} & set(options))
    ):
        where = plain_url(urls[0]) if urls else "somewhere"
        return Ran(
            effects=(
                scene.effect(
                    "command",
                    "run",
                    f"{method or 'POST'} {where}",
                    reversible=False,
                    certainty="possible",
                    why="what the other side does with the request",
                ),
            )
        )
    target = _download(name, options, urls)
    if target is None or target in ("-", "/dev/null"):
        return Ran()
    return Ran(
        effects=put_output(
            scene, scene.path(target), None, append=False, of=f"{name} {urls[0] if urls else ''}".strip()
        )
    )


def _download(name: str, options: dict[str, str], urls: Sequence[str]) -> str | None:
    remote = posixpath.basename(urls[0].partition("?")[0]) if urls else ""
    if name == "curl":
        return options.get("o", options.get("output", remote if {"O", "remote-name"} & set(options) else None))
    if {"spider"} & set(options):
        return None
    written = options.get("O", options.get("output-document"))
    return (
        written
        if written is not None
        else posixpath.join(options.get("P", options.get("directory-prefix", "")), remote)
    )


@program("git")
def git(scene: Scene, words: Sequence[Word]) -> Ran:
    given = texts(words)
    where = scene.path(given[1]) if given[:1] == ["-C"] and len(given) > 1 else None
    rest = words[2:] if where else words
    verb = rest[0].text if rest else ""
    if verb == "clone":
        _, operands = split_options(rest[1:], valued="b branch depth origin o c config")
        if not operands:
            return Ran(ok=False)
        name = operands[1].text if len(operands) > 1 else posixpath.basename(operands[0].text).removesuffix(".git")
        return Ran(effects=scene.host.files.disturb(scene.call, scene.path(name), "what the repository holds"))
    if verb in (
        "pull",
        "checkout",
        "reset",
        "fetch",
        "submodule",
        "clean",
        "switch",
        "merge",
        "apply",
        "stash",
        "init",
    ):
        return Ran(effects=scene.host.files.disturb(scene.call, where or scene.path("."), "what the repository holds"))
    if verb == "config":
        path = "/etc/gitconfig" if "--system" in given else "~/.gitconfig" if "--global" in given else None
        return Ran(effects=scene.host.files.disturb(scene.call, scene.path(path or ".git/config"), "git's settings"))
    return Ran(opaque=f"git {verb} is not understood")


@program("install")
def install(scene: Scene, words: Sequence[Word]) -> Ran:
    options, operands = split_options(words, valued="m o g t S mode owner group target-directory suffix")
    mode = _mode(options.get("m", options.get("mode", "0755")), 0o755, directory="d" in options)
    owner, group = options.get("o", options.get("owner")), options.get("g", options.get("group"))
    given = replace(fresh(scene.call, scene.host), mode=mode)
    owner, group = owner or given.owner, group or given.group
    effects: tuple[Effect, ...] = ()
    paths = scene.paths(operands)
    if {"d", "directory"} & set(options):
        for path in paths:
            effects += scene.host.make_directory(scene.call, path, mode=mode, owner=owner, group=group)
        return Ran(effects=effects, ok=True)
    if len(paths) != 2 or "t" in options:
        return Ran(opaque="install in a way that is not understood")
    source, target = scene.host.file(paths[0], follow=True), paths[1]
    if source.exists is False:
        return Ran(ok=False, rc=1)
    if scene.host.file(target, follow=True).kind == "directory":
        target = posixpath.join(target, posixpath.basename(paths[0]))
    return Ran(
        effects=scene.host.put(scene.call, target, content=content_of(source), mode=mode, owner=owner, group=group)
    )
