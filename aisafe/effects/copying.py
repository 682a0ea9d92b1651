"""ansible.builtin.copy, template and assemble: the files they leave, byte for byte where their source is known."""

from __future__ import annotations

import codecs
import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aisafe.effects.api import Call, Result, SourceFile
from aisafe.effects.arguments import Arguments, BadArgument, UnknownArgument, as_bytes, as_text
from aisafe.effects.attributes import (
    backup,
    cannot_tell,
    path_info,
    remote_path,
    sha1,
    understood,
    write,
)
from aisafe.effects.files import directory, need_parent
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect, Unknown, is_unknown

TREE_LIMIT = 2000  # files of a directory on the host that remote_src copies


@understood("ansible.builtin.copy", "ansible.builtin.template", kind="file")
def copy(call: Call, host: PredictedHost, args: Arguments) -> Result:
    written = args.need("dest")
    into = written.endswith("/")
    dest = remote_path(written, call=call, host=host)
    if args.given("content"):
        if args.given("src"):
            raise BadArgument("src and content are mutually exclusive")
        if into or host.file(dest, follow=True).kind == "directory":
            raise BadArgument("can not use content with a dir as dest")
        return _one(call, host, args, dest, SourceFile(name="", content=_content(args.raw("content"))), into=False)
    if args.flag("remote_src"):
        return _remote(call, host, args, dest, into=into)
    name = args.need("src")
    if call.source is None:
        raise BadArgument(f"Could not find or access '{name}' on the controller")
    base = posixpath.basename(name.rstrip("/"))
    if isinstance(call.source, Unknown):
        if name.endswith("/"):
            why = call.source.why
            return Result(effects=host.files.disturb(call, dest, f"the files of {name}: {why}"), changed=None)
        return _one(call, host, args, dest, SourceFile(name=base, content=call.source), into=into)
    if len(call.source) == 1 and not call.source[0].name:
        single = call.source[0]
        source = SourceFile(name=base, content=single.content, mode=single.mode, size=single.size)
        return _one(call, host, args, dest, source, into=into)
    return _many(call, host, args, dest, call.source, prefix="" if name.endswith("/") else base)


def _content(value: Any) -> bytes | Unknown:
    if isinstance(value, Unknown):
        return value
    if is_unknown(value):
        return Unknown("a part of the content")
    return as_bytes(json.dumps(value) if isinstance(value, (dict, list)) else as_text(value))


def _one(
    call: Call, host: PredictedHost, args: Arguments, dest: str, source: SourceFile, *, into: bool, keep: bool = True
) -> Result:
    """One file to ``dest``, or into it when it is a directory or ends with a slash (``into``)."""
    effects: tuple[Effect, ...] = ()
    if into and host.file(dest, follow=True).kind == "absent":
        effects += _directories(call, host, args, dest)
    if into or host.file(dest, follow=True).kind == "directory":
        dest = posixpath.join(dest, source.name)
    found = host.file(dest)
    if found.kind == "link" and args.flag("follow"):
        found = host.file(dest, follow=True)
        dest = found.path
    if found.exists and not args.flag("force", default=True):
        return Result(effects=effects, changed=changed_by(effects), values={"dest": dest})
    if found.kind == "directory" and found.exists:
        raise BadArgument(f"{dest} is a directory")
    need_parent(host, dest, f"Destination directory {posixpath.dirname(dest)} does not exist")
    digest = sha1(source.content)
    wanted = args.raw("checksum")
    if digest and isinstance(wanted, str) and wanted != digest:
        raise BadArgument("Copied file does not match the expected checksum. Transfer failed.")
    mode = f"0{source.mode:03o}" if args.raw("mode") == "preserve" and source.mode is not None else None
    if not keep and not args.given("mode") and found.kind == "file" and source.mode is not None:
        mode = f"0{source.mode:03o}" if found.content != source.content else None  # shutil.copystat of the module
    written = write(
        call, host, args, dest, source.content, mode=mode, detail=validated(args), keep=keep, size=source.size,
        beside=not args.flag("unsafe_writes"),
    )  # fmt: skip
    effects += written
    if written and args.flag("backup") and found.exists is not False and found.content != source.content:
        effects += backup(call, dest)
    values = path_info(host, dest, key="dest")
    return Result(
        effects=effects, changed=changed_by(effects), values={**values, "checksum": digest} if digest else values
    )


def validated(args: Arguments) -> str:
    """A word on the command that checks the new file; its verdict is the host's, so that the task may fail there."""
    command = args.raw("validate")
    if command is None or is_unknown(command):
        return "" if command is None else "checked by a command first"
    if "%s" not in str(command):
        raise BadArgument(f"validate must contain %s: {command}")
    return f"checked by {str(command).split()[0]} first"


def _directories(call: Call, host: PredictedHost, args: Arguments, path: str) -> tuple[Effect, ...]:
    """Those that copy makes on its way: with directory_mode, else as the umask has it."""
    return directory(call, host, args, path, mode=args.raw("directory_mode"), keep_mode=True)


def _many(
    call: Call, host: PredictedHost, args: Arguments, dest: str, sources: Iterable[SourceFile], *, prefix: str
) -> Result:
    """A directory: its files first, then its directories with directory_mode, as the action plugin does.

    Since 2.21 only those that hold no file: before, it did not know which ones came with a file.
    """
    sources = sorted(sources, key=lambda source: source.name)
    host.prefetch(posixpath.join(dest, prefix, source.name) for source in sources)
    effects: tuple[Effect, ...] = ()
    for source in (source for source in sources if not source.directory):
        path = posixpath.join(dest, prefix, source.name)
        above = posixpath.dirname(path)
        if host.file(above, follow=True).kind == "absent":
            effects += _directories(call, host, args, above)
        named = replace(source, name=posixpath.basename(path))
        effects += _one(call, host, args, path, named, into=False).effects
    files = [source.name for source in sources if not source.directory]
    for source in (source for source in sources if source.directory):
        if call.ansible >= (2, 21) and any(name.startswith(f"{source.name}/") for name in files):
            continue
        effects += _directories(call, host, args, posixpath.join(dest, prefix, source.name))
    return Result(effects=effects, changed=changed_by(effects), values={"dest": f"{dest.rstrip('/')}/"})


def _remote(call: Call, host: PredictedHost, args: Arguments, dest: str, *, into: bool) -> Result:
    written = args.need("src")
    source = remote_path(written, call=call, host=host)
    found = host.file(source, follow=True)
    if found.exists is False:
        raise BadArgument(f"Source {source} not found")
    if found.kind == "directory":
        target = dest if written.endswith("/") else posixpath.join(dest, posixpath.basename(source))
        return _remote_tree(call, host, args, source, target)
    one = SourceFile(name=posixpath.basename(source), content=content_of(found), mode=found.mode)
    return _one(call, host, args, dest, one, into=into, keep=False)


def content_of(found: PredictedFile) -> bytes | Unknown:
    """The content of a file on the host; Unknown where it could not be read."""
    if found.content is not None:
        return found.content
    return Unknown(f"the content of {found.path} on the host ({found.reason or found.kind})")


def _remote_tree(call: Call, host: PredictedHost, args: Arguments, source: str, dest: str) -> Result:
    effects = _directories(call, host, args, dest) if host.file(dest).kind == "absent" else ()
    level, seen = [""], 0
    while level:
        names = [
            posixpath.join(place, name) for place in level for name in host.files.entries(posixpath.join(source, place))
        ]
        seen += len(names)
        if seen > TREE_LIMIT:
            why = f"more than {TREE_LIMIT} files are below {source}"
            return Result(effects=(*effects, *host.files.disturb(call, dest, why)), changed=None, values={"dest": dest})
        host.prefetch(path for name in names for path in (posixpath.join(source, name), posixpath.join(dest, name)))
        level = []
        for name in names:
            found, path = host.file(posixpath.join(source, name)), posixpath.join(dest, name)
            if found.kind == "directory":
                effects += host.make_directory(call, path, mode=found.mode) if host.file(path).kind == "absent" else ()
                level.append(name)
            elif found.kind == "link":
                effects += host.link(call, path, found.target) if host.file(path).kind == "absent" else ()
            else:
                owners = Arguments({key: args.raw(key) for key in ("owner", "group")})
                effects += write(call, host, owners, path, content_of(found), mode=found.mode)
    if args.given("mode"):
        effects += directory(call, host, args, dest)
    return Result(effects=effects, changed=changed_by(effects), values={"dest": dest})


@understood("ansible.builtin.assemble", kind="file")
def assemble(call: Call, host: PredictedHost, args: Arguments) -> Result:
    dest = remote_path(args.need("dest"), call=call, host=host)
    if args.flag("remote_src", default=True):
        source = remote_path(args.need("src"), call=call, host=host)
        found = host.file(source, follow=True)
        if found.exists is False:
            raise BadArgument(f"Source ({source}) does not exist")
        names = host.files.entries(source)
        host.prefetch(posixpath.join(source, name) for name in names)
        parts = [(name, host.file(posixpath.join(source, name), follow=True)) for name in names]
        fragments = {name: content_of(part) for name, part in parts if part.kind in ("file", "unseen")}
        if found.kind == "unseen":
            fragments[""] = Unknown(f"the files in {source}")
    elif isinstance(call.source, tuple):
        fragments = {part.name: part.content for part in call.source if not part.directory and "/" not in part.name}
    else:
        return cannot_tell(
            call, UnknownArgument(call.source or Unknown("the fragments on the controller"), "src"), kind="file",
            action="change",
        )  # fmt: skip
    content = _assembled(args, fragments)
    effects = write(call, host, args, dest, content, detail=validated(args))
    values = path_info(host, dest, key="dest")
    digest = sha1(content)
    return Result(
        effects=effects, changed=changed_by(effects), values={**values, "checksum": digest} if digest else values
    )


def _assembled(args: Arguments, fragments: dict[str, bytes | Unknown]) -> bytes | Unknown:
    """The fragments in the order of their names, as the module and the action plugin join them."""
    regexp, delimiter = args.text("regexp"), args.text("delimiter")
    pattern = re.compile(regexp) if regexp is not None else None
    local = not args.flag("remote_src", default=True)
    between: bytes | str | None = delimiter
    joined, newline, first = b"", False, True
    for name in sorted(fragments):
        if (pattern is not None and not pattern.search(name)) or (args.flag("ignore_hidden") and name.startswith(".")):
            continue
        content = fragments[name]
        if isinstance(content, Unknown):
            return content
        joined += b"\n" if newline else b""
        if not first and between:
            between = codecs.escape_decode(between)[0]  # the module decodes each time anew
            joined += between if isinstance(between, bytes) else b""
            joined += b"\n" if local or not joined.endswith(b"\n") else b""
        joined += content
        first, newline = False, not content.endswith(b"\n")
    return joined
