"""lineinfile, blockinfile, replace and ini_file: the file with the text that :mod:`text` and :mod:`ini` make."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_bytes, as_text
from aisafe.effects.attributes import backup, remote_path, understood, write
from aisafe.effects.copying import validated
from aisafe.effects.files import directory
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.ini import Option, with_option
from aisafe.effects.outlines import edited_outline
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.effects.text import Block, Line, Replacement, replaced, with_block, with_line, without_line
from aisafe.model import Effect, Unknown

Edited = tuple[bytes, bool, dict[str, Any]]  # the new content, whether the module writes it, what it returns


def _edit(
    call: Call,
    host: PredictedHost,
    args: Arguments,
    *,
    asked: tuple[str, ...],
    edit: Callable[[bytes | None], Edited],
    create: bool,
) -> Result:
    """Read, edit, write back through links, then the attributes: what all four modules do.

    ``asked``: the arguments that decide on the text; when one is not known, neither is the text.
    """
    named = remote_path(args.need("path", "dest", "destfile", "name"), call=call, host=host)
    found = host.file(named, follow=True)
    path = found.path
    if found.exists and found.kind == "directory":
        raise BadArgument(f"Path {named} is a directory !")
    if found.exists is False and not create:
        raise BadArgument(f"Destination {named} does not exist !")
    unknown = args.unknown(*asked) or _unreadable(found)
    effects: tuple[Effect, ...] = ()
    if unknown is not None:
        if found.exists is False:
            effects += _above(call, host, path)
            effects += write(call, host, args, path, unknown)
        else:
            effects += _outlined(call, host, args, found, unknown.why, asked=asked, edit=edit)
        return Result(effects=effects, changed=changed_by(effects))
    before = found.content if isinstance(found.content, bytes) else None
    try:
        content, changed, values = edit(before)
    except (ValueError, re.error, LookupError) as error:
        raise BadArgument(f"the module fails on {named}: {error}") from None
    if not changed and before is None:
        return Result(changed=False, values=values)
    effects += _above(call, host, path) if before is None else ()
    effects += write(call, host, args, path, content if changed else None, detail=validated(args))
    if changed and before is not None and args.flag("backup"):
        effects += backup(call, path)
    return Result(
        effects=effects, changed=changed_by(effects) if not changed or before is None else True, values=values
    )


def _outlined(
    call: Call,
    host: PredictedHost,
    args: Arguments,
    found: PredictedFile,
    why: str,
    *,
    asked: tuple[str, ...],
    edit: Callable[[bytes | None], Edited],
) -> tuple[Effect, ...]:
    """The edit of a file of which at most the outline is known; one that is put beside an unknown line is not told."""

    def redrawn(outline: bytes) -> bytes | None:
        if args.unknown(*asked) is not None:
            return None
        anchors = [args.text(name) for name in ("insertafter", "insertbefore", "after", "before")]
        if any(anchor and anchor not in ("BOF", "EOF") and not re.search(anchor.encode(), outline, re.MULTILINE)
               for anchor in anchors):  # fmt: skip
            return None
        return edit(outline)[0]

    return edited_outline(host.files, call, found, why, redrawn)


def _unreadable(found: PredictedFile) -> Unknown | None:
    """Why the text of ``found`` is not known; None when it is, or when there is certainly no file."""
    if isinstance(found.content, Unknown):
        return found.content
    if found.exists is None or (found.exists and found.content is None):
        return Unknown(f"the content of {found.path} ({found.reason or found.kind})")
    return None


def _above(call: Call, host: PredictedHost, path: str) -> tuple[Effect, ...]:
    above = path.rpartition("/")[0] or "/"
    return directory(call, host, Arguments({}), above) if host.file(above, follow=True).kind == "absent" else ()


def _read(call: Call, content: bytes | None) -> bytes:
    """What the module sees of the file: since 2.20 (its option encoding) text, in which every line ends with a newline."""
    given = content or b""
    return given.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if call.ansible >= (2, 20) else given


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else as_bytes(value)


@understood("ansible.builtin.lineinfile", kind="file")
def lineinfile(call: Call, host: PredictedHost, args: Arguments) -> Result:
    present = args.word("state", default="present") == "present"
    if args.given("insertbefore") and args.given("insertafter"):
        raise BadArgument("parameters are mutually exclusive: insertbefore|insertafter")
    if args.given("regexp", "regex") and args.given("search_string"):
        raise BadArgument("parameters are mutually exclusive: regexp|search_string")
    backrefs = args.flag("backrefs")
    if backrefs and not args.given("regexp", "regex"):
        raise BadArgument("regexp is required with backrefs=true")
    if not args.given("line", "value") and (present or not args.given("regexp", "regex", "search_string")):
        raise BadArgument(
            "line is required with state=present"
            if present
            else "one of line, search_string, or regexp is required with state=absent"
        )

    def edit(content: bytes | None) -> Edited:
        ask = Line(
            line=_bytes(args.text("line", "value")),
            regexp=_bytes(args.text("regexp", "regex")),
            search=_bytes(args.text("search_string")),
            after=args.text("insertafter"),
            before=args.text("insertbefore"),
            backrefs=backrefs,
            first=args.flag("firstmatch"),
        )
        content = _read(call, content)
        if not present:
            kept, found = without_line(content, ask)
            return kept, found > 0, {"found": found, "backup": ""}
        new = with_line(content, ask)
        return new, new != content, {"backup": ""}

    path = args.unknown("path", "dest", "destfile", "name")
    if not present and path is None:
        where = host.file(remote_path(args.need("path", "dest", "destfile", "name"), call=call, host=host), follow=True)
        if where.exists is False:
            return Result(changed=False, values={"msg": "file not present"})
    asked = ("line", "value", "regexp", "regex", "search_string", "insertafter", "insertbefore")
    return _edit(call, host, args, asked=asked, edit=edit, create=args.flag("create"))


@understood("ansible.builtin.blockinfile", kind="file")
def blockinfile(call: Call, host: PredictedHost, args: Arguments) -> Result:
    present = args.word("state", default="present") == "present"
    create = args.flag("create")
    if args.given("insertbefore") and args.given("insertafter"):
        raise BadArgument("parameters are mutually exclusive: insertbefore|insertafter")

    def edit(content: bytes | None) -> Edited:
        if content is None and not present:
            return b"", False, {}
        new = with_block(
            content,
            Block(
                block=as_bytes(args.word("block", "content", default="")),
                marker=as_bytes(args.word("marker", default="# {mark} ANSIBLE MANAGED BLOCK")),
                begin=args.word("marker_begin", default="BEGIN"),
                end=args.word("marker_end", default="END"),
                after=args.text("insertafter"),
                before=args.text("insertbefore"),
                present=present,
                append_newline=args.flag("append_newline"),
                prepend_newline=args.flag("prepend_newline"),
            ),
        )
        return new, new != content, {}

    asked = ("block", "content", "marker", "marker_begin", "marker_end", "insertafter", "insertbefore")
    return _edit(call, host, args, asked=asked, edit=edit, create=create)


@understood("ansible.builtin.replace", kind="file")
def replace(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not args.given("regexp"):
        raise BadArgument("missing required arguments: regexp")

    def edit(content: bytes | None) -> Edited:
        ask = Replacement(
            regexp=args.need("regexp"),
            replace=args.word("replace", default=""),
            after=args.text("after"),
            before=args.text("before"),
            encoding=args.word("encoding", default="utf-8"),
        )
        new, count = replaced(_read(call, content), ask)
        return new, count > 0, {"rc": 0, "msg": f"{count} replacements made" if count else ""}

    return _edit(call, host, args, asked=("regexp", "replace", "after", "before"), edit=edit, create=False)


@understood("community.general.ini_file", kind="file")
def ini_file(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if args.given("section_has_values"):
        return Result(opaque="ini_file with section_has_values is not modelled", changed=None)
    present = args.word("state", default="present") == "present"
    bare = args.flag("allow_no_value")
    if present and not bare and not args.given("value") and not args.given("values"):
        raise BadArgument("Parameter 'value(s)' must be defined if state=present and allow_no_value=False.")

    def edit(content: bytes | None) -> Edited:
        given = args.raw("values")
        values = [args.text("value")] if args.given("value") else [as_text(value) for value in given or ()]
        ask = Option(
            section=args.text("section"),
            option=args.text("option"),
            values=tuple(dict.fromkeys(value for value in values if value is not None)),
            present=present,
            exclusive=args.flag("exclusive", default=True),
            no_extra_spaces=args.flag("no_extra_spaces"),
            ignore_spaces=args.flag("ignore_spaces"),
            allow_no_value=bare,
            modify_inactive=args.flag("modify_inactive_option", default=True),
        )
        new, changed = with_option(content or b"", ask)
        return new, changed, {"path": args.need("path", "dest")}

    asked = ("section", "option", "value", "values")
    return _edit(call, host, args, asked=asked, edit=edit, create=args.flag("create", default=True))
