"""get_url, uri, unarchive and git: files whose content only the run brings, and requests that change the other side."""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Any
from urllib.parse import urlsplit

from aisafe.effects.api import Call, Result
from aisafe.effects.archives import below
from aisafe.effects.arguments import Arguments, BadArgument, UnknownArgument
from aisafe.effects.attributes import attributes, fresh, path_info, remote_path, understood, write
from aisafe.effects.files import directory, need_parent
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.predicted import HIDDEN, PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.formats.archive import members
from aisafe.model import Effect, Unknown


def plain_url(url: str) -> str:
    """``url`` without what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


@understood("ansible.builtin.get_url", kind="file")
def get_url(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("dest"), call=call, host=host)
    given = args.unknown("url")
    url = args.need("url") if given is None else ""
    into = host.file(path, follow=True).kind == "directory"
    if into:
        name = posixpath.basename(urlsplit(url).path)
        if not name:
            raise UnknownArgument(given or Unknown("the name that the server gives the file", f"{path}/"), "dest")
        path = posixpath.join(path, name)
    need_parent(host, path, f"Destination {posixpath.dirname(path)} does not exist")
    found = host.file(path, follow=True)
    values: dict[str, Any] = {"dest": path, "url": url} if url else {"dest": path}
    same = _as_asked(found, args)
    if same or (found.exists and not into and not args.flag("force") and not args.given("checksum")):
        effects = write(call, host, args, path, None)
        return Result(
            effects=effects, changed=changed_by(effects), values={**values, **path_info(host, path, key="dest")}
        )
    why = f"what {'the server' if not url or call.no_log else plain_url(url)} sends"
    if found.exists is False or same is False:
        effects = write(call, host, args, path, Unknown(why), detail="a download")
    else:
        effects = host.files.disturb(call, path, why)
    return Result(effects=effects, changed=True if found.exists is False or same is False else None, values=values)


def _as_asked(found: PredictedFile, args: Arguments) -> bool | None:
    """Whether the file has the checksum asked for (``algorithm:digest``); None where that cannot be told."""
    wanted = args.raw("checksum")
    if not isinstance(wanted, str) or "://" in wanted or not isinstance(found.content, bytes) or not found.exists:
        return None
    algorithm, _, digest = wanted.partition(":")
    try:
        return hashlib.new(algorithm, found.content, usedforsecurity=False).hexdigest() == digest.strip().lower()
    except ValueError:
        return None


@understood("ansible.builtin.uri", kind="command", action="run")
def uri(call: Call, host: PredictedHost, args: Arguments) -> Result:
    method = args.word("method", default="GET").upper()
    if method not in ("GET", "HEAD", "OPTIONS"):
        url = args.raw("url")
        where = HIDDEN if call.no_log or not isinstance(url, str) else plain_url(url)
        effect = Effect(
            kind="command",
            action="run",
            name=f"{method} {where}",
            task=call.task,
            certainty="possible",
            reversible=False,
            elsewhere=True,
            why="what the other side does with the request",
        )
        return Result(effects=(effect,), changed=None if args.given("dest") else False)
    if not args.given("dest"):
        return Result(changed=False)
    path = remote_path(args.need("dest"), call=call, host=host)
    if host.file(path, follow=True).kind == "directory":
        raise UnknownArgument(Unknown("the name of the answer", f"{path}/"), "dest")
    if host.file(path).exists is False:
        effects = write(call, host, args, path, Unknown("the answer of the server"))
    else:
        effects = host.files.disturb(call, path, "the answer of the server")
    return Result(effects=effects, changed=changed_by(effects), values={"path": path})


@understood("ansible.builtin.unarchive", kind="file")
def unarchive(call: Call, host: PredictedHost, args: Arguments) -> Result:
    creates = args.text("creates")
    if creates is not None and host.file(remote_path(creates, call=call, host=host), follow=True).exists:
        return Result(changed=False, values={"msg": f"skipped, since {creates} exists"})
    path = remote_path(args.need("dest"), call=call, host=host)
    found = host.file(path, follow=True)
    if found.exists is False or (found.exists and found.kind != "directory"):
        raise BadArgument(f"dest '{path}' must be an existing dir")
    if args.flag("remote_src") and args.unknown("src") is None and "://" not in args.need("src"):
        source = remote_path(args.need("src"), call=call, host=host)
        if host.file(source, follow=True).exists is False:
            raise BadArgument(f"Source '{source}' does not exist")
    unpacked = _unpacked(call, host, args, path)
    if unpacked is not None:
        if creates is not None and not unpacked:
            unpacked = host.files.disturb(call, remote_path(creates, call=call, host=host), "what the archive holds")
        return Result(effects=unpacked, changed=True if changed_by(unpacked) else None, values={"dest": path})
    why = "what the archive holds, and what of it is there already"
    effects = below(call, host, path, why)
    if creates is not None:
        effects += host.files.disturb(call, remote_path(creates, call=call, host=host), why)
    return Result(effects=effects, changed=None, values={"dest": path})


_PARTS = ("exclude", "include", "keep_newer", "io_buffer_size")


def _unpacked(call: Call, host: PredictedHost, args: Arguments, dest: str) -> tuple[Effect, ...] | None:
    """The files of an archive whose bytes are known; None where they are not, or options choose among its members."""
    content = call.source[0].content if isinstance(call.source, tuple) and len(call.source) == 1 else None
    if args.flag("remote_src") and args.unknown("src") is None and "://" not in args.need("src"):
        content = host.file(remote_path(args.need("src"), call=call, host=host), follow=True).content
    strip, options = 0, list(args.words("extra_opts"))
    while options and (hit := re.fullmatch(r"--strip(?:-components)?(?:=(\d+))?", options[0])):
        strip = int(hit[1] or (options.pop(1) if len(options) > 1 else 0))
        options.pop(0)
    if not isinstance(content, bytes) or options or any(args.given(name) for name in _PARTS):
        return None
    found = members(content)
    if found is None:
        return None
    placed = [(posixpath.join(dest, *member.path.split("/")[strip:]), member) for member in found
              if len(member.path.split("/")) > strip and member.path != "."]  # fmt: skip
    host.prefetch(path for path, _ in placed)
    given = fresh(call, host)
    effects: tuple[Effect, ...] = ()
    for path, member in placed:
        owner, group = (
            args.text("owner") or member.owner or given.owner,
            args.text("group") or member.group or given.group,
        )
        if call.become_user != "root":
            owner, group = given.owner, given.group
        if member.kind == "link":
            effects += host.link(call, path, member.target, owner=owner, group=group)
            continue
        current = host.file(path)
        base = current if current.mode is not None else PredictedFile(path=path, kind=member.kind, mode=member.mode)
        mode = attributes(args, host=host, current=base).mode if args.given("mode") else member.mode
        if member.kind == "directory":
            effects += host.make_directory(call, path, mode=mode, owner=owner, group=group)
        else:
            if host.file(posixpath.dirname(path), follow=True).kind == "absent":
                effects += host.make_directory(call, posixpath.dirname(path), owner=owner, group=group)
            effects += host.put(call, path, content=member.content, mode=mode, owner=owner, group=group)
    return effects


@understood("ansible.builtin.git", kind="file")
def git(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if not args.given("dest"):
        return Result(changed=False)
    path = remote_path(args.need("dest"), call=call, host=host)
    why = "what the repository holds"
    if host.file(posixpath.join(path, ".git"), follow=True).exists is False:
        effects = directory(call, host, Arguments({}), path) if host.file(path).exists is False else ()
        effects += tuple(host.files.disturb(call, posixpath.join(path, ".git"), why))
        return Result(effects=(*effects, *below(call, host, path, why)), changed=True)
    if not args.flag("update", default=True):
        return Result(changed=False)
    version, head = (
        args.word("version", default="HEAD"),
        host.file(posixpath.join(path, ".git/HEAD"), follow=True).text or "",
    )
    if re.fullmatch(r"[0-9a-f]{40}", version) and head.strip() == version and not args.flag("force"):
        return Result(changed=False, values={"before": version, "after": version})
    return Result(effects=below(call, host, path, f"{why} by now"), changed=None)
