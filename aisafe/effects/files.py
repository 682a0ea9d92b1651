"""ansible.builtin.file: directories, links, empty files, modes and owners."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import (
    attributes,
    fresh,
    path_info,
    remote_path,
    understood,
    unsure,
    write,
)
from aisafe.effects.filetree import PredictedFile
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect

WALK_LIMIT = 2000  # paths below a directory with recurse; more are told as one possible change of the directory


@understood("ansible.builtin.file", kind="file")
def file(call: Call, host: PredictedHost, args: Arguments) -> Result:
    path = remote_path(args.need("path", "dest", "name"), call=call, host=host)
    source = args.text("src")
    state = args.text("state")
    if state not in ("link", "absent") and source and host.file(path, follow=True).kind == "directory":
        path = posixpath.join(path, posixpath.basename(source))
    found = host.file(path)
    recurse = args.flag("recurse")
    if state is None:
        there = found.kind in ("directory", "link") and found.exists is not False
        state = found.kind if there else "directory" if recurse and found.kind == "absent" else "file"
    if recurse and state != "directory":
        raise BadArgument("recurse option requires state to be 'directory'")
    if source and state not in ("link", "hard"):
        raise BadArgument("src option requires state to be 'link' or 'hard'")
    if state == "absent":
        effects = host.remove(call, path)
        return Result(effects=effects, changed=changed_by(effects), values={"path": path, "state": "absent"})
    follow = args.flag("follow", default=True)
    if follow and state in ("file", "directory", "touch") and found.kind == "link":
        path = host.file(path, follow=True).path
    if state == "file":
        return _file(call, host, args, path)
    if state == "directory":
        return _directory(call, host, args, path, recurse=recurse)
    if state == "touch":
        return _touch(call, host, args, path)
    if state == "link":
        return _link(call, host, args, path, follow=follow)
    if state == "hard":
        return _hard(call, host, args, path)
    raise BadArgument(f"value of state must be one of: absent, directory, file, hard, link, touch, got: {state}")


def _file(call: Call, host: PredictedHost, args: Arguments, path: str) -> Result:
    found = host.file(path)
    if found.exists is False or (found.exists and found.kind != "file"):
        raise BadArgument(f"file ({path}) is {found.kind}, cannot continue")
    effects = write(call, host, args, path, None)
    return _told(host, path, effects)


def _directory(call: Call, host: PredictedHost, args: Arguments, path: str, *, recurse: bool) -> Result:
    found = host.file(path)
    if found.exists and found.kind != "directory":
        raise BadArgument(f"{path} already exists as a {found.kind}")
    effects = directory(call, host, args, path)
    if recurse and found.kind == "directory":
        effects += _below(call, host, args, path)
    return _told(host, path, effects)


def directory(
    call: Call, host: PredictedHost, args: Arguments, path: str, *, mode: Any = None, keep_mode: bool = False
) -> tuple[Effect, ...]:
    """A directory at ``path``, those missing above it too; ``mode`` replaces the argument, ``keep_mode`` drops it."""
    found = host.file(path, follow=True)
    new = found.kind == "absent"
    given = fresh(call, host, directory=True)
    base = PredictedFile(path=path, kind="directory", mode=given.mode) if found.kind != "directory" else found
    asked = attributes(Arguments({**_owners(args), "mode": mode}) if keep_mode or mode is not None else args,
                       host=host, current=base)  # fmt: skip
    effects = host.make_directory(
        call,
        path,
        mode=asked.mode if asked.mode is not None else given.mode if new else None,
        owner=asked.owner or (given.owner if new else None),
        group=asked.group or (given.group if new else None),
    )
    return effects or unsure(call, path, asked)


def _owners(args: Arguments) -> dict[str, Any]:
    return {name: args.raw(name) for name in ("owner", "group")}


def _below(call: Call, host: PredictedHost, args: Arguments, top: str) -> tuple[Effect, ...]:
    """Attributes of all that is below ``top``, level by level, each level read in one round trip."""
    if not any(args.given(name) for name in ("mode", "owner", "group")):
        return ()
    effects: tuple[Effect, ...] = ()
    level, seen = [top], 0
    while level:
        paths = [posixpath.join(place, name) for place in level for name in host.files.entries(place)]
        seen += len(paths)
        if seen > WALK_LIMIT:
            why = f"more than {WALK_LIMIT} paths are below {top}"
            return (
                *effects,
                Effect(
                    kind="file",
                    action="change",
                    name=f"{top}/**",
                    task=call.task,
                    certainty="possible",
                    why=why,
                    paths=(top,),
                ),
            )
        host.prefetch(paths)
        level = []
        for path in paths:
            found = host.file(path)
            if found.kind == "directory":
                effects += directory(call, host, args, path)
                level.append(path)
            elif found.kind in ("file", "unseen"):
                effects += write(call, host, args, path, None)
    return effects


def _touch(call: Call, host: PredictedHost, args: Arguments, path: str) -> Result:
    found = host.file(path)
    if found.kind == "directory":
        effects = directory(call, host, args, path)
    else:
        need_parent(host, path, f"Error, could not touch target: no directory {posixpath.dirname(path)}")
        effects = write(call, host, args, path, None)
    times = {args.word("modification_time", default="now"), args.word("access_time", default="now")}
    if (
        found.kind != "absent"
        and times != {"preserve"}
        and not any(effect.certainty == "certain" for effect in effects)
    ):
        effects += (
            Effect(kind="file", action="change", name=path, task=call.task, detail="timestamps", paths=(path,)),
        )
    told = _told(host, path, effects)
    return replace(told, values={**told.values, "dest": path})


def _link(call: Call, host: PredictedHost, args: Arguments, path: str, *, follow: bool) -> Result:
    found, force = host.file(path), args.flag("force")
    source = args.text("src")
    if source is None:
        if not (found.kind == "link" and follow):
            raise BadArgument("src is required for creating new symlinks")
        source = found.target
    beside = path if found.kind == "directory" else posixpath.dirname(path)
    target = host.file(posixpath.join(beside, source), follow=True)
    if not force and target.exists is False:
        raise BadArgument(
            f"src file does not exist, use 'force=yes' if you really want to create the link: {target.path}"
        )
    if found.exists and found.kind == "directory":
        if not force:
            raise BadArgument(f"refusing to convert from directory to symlink for {path}")
        if host.files.entries(path):
            raise BadArgument(f"the directory {path} is not empty, refusing to convert it")
    elif found.exists and found.kind == "file" and not force:
        raise BadArgument(f"refusing to convert from file to symlink for {path}")
    need_parent(host, path, f"Error while linking: no directory {posixpath.dirname(path)}")
    given = fresh(call, host)
    new = found.kind != "link"
    effects = host.link(call, path, source, owner=given.owner if new else None, group=given.group if new else None)
    if any(args.given(name) for name in ("mode", "owner", "group")):
        if not follow:
            asked = attributes(args, host=host, current=host.file(path))
            effects += host.link(call, path, source, owner=asked.owner, group=asked.group)
        elif target.kind == "directory":
            effects += directory(call, host, args, target.path)
        elif target.kind == "file":
            effects += write(call, host, args, target.path, None)
    told = _told(host, path, effects)
    return replace(told, values={**told.values, "dest": path, "src": source})


def _hard(call: Call, host: PredictedHost, args: Arguments, path: str) -> Result:
    """Whether two paths are one file already (their inode) cannot be seen, so that only a new link is certain."""
    source = remote_path(args.need("src"), call=call, host=host)
    found, origin = host.file(path), host.file(source, follow=True)
    if origin.exists is False:
        raise BadArgument("src does not exist")
    need_parent(host, path, f"Error while linking: no directory {posixpath.dirname(path)}")
    there = found.exists is not False and found.kind in ("file", "directory")
    same = isinstance(found.content, bytes) and found.content == origin.content
    if there and found.exists and not same and not args.flag("force"):
        raise BadArgument(f"Cannot link, {found.kind} exists at destination")
    effects = host.files.hard_link(call, path, source)
    values = {"dest": path, "src": source}
    if there:
        return Result(effects=effects, changed=changed_by(effects) or None, values=values)
    effects += write(call, host, args, path, None)
    return Result(effects=effects, changed=changed_by(effects), values=values)


def need_parent(host: PredictedHost, path: str, message: str) -> None:
    """Raises BadArgument when the directory of ``path`` is certainly not there."""
    above = host.file(posixpath.dirname(path), follow=True)
    if above.exists is False or (above.exists and above.kind not in ("directory", "link")):
        raise BadArgument(message)


def _told(host: PredictedHost, path: str, effects: tuple[Effect, ...]) -> Result:
    return Result(effects=effects, changed=changed_by(effects), values=path_info(host, path))
