"""What a task brings along from the controller: found where ansible finds it, and rendered by its engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible._internal._templating import _jinja_bits, _template_vars
from ansible.errors import AnsibleError as EngineError
from ansible.errors import AnsibleFileNotFound
from ansible.template import Templar, trust_as_template

from aisafe.effects.api import SourceFile
from aisafe.model import Unknown, is_unknown
from aisafe.model.unknown import one_of
from aisafe.simulation.conditions import EXPLORATION, alternatives
from aisafe.simulation.moment import now

SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes of one source file that are read; what is larger has an unknown content."""
VAULT = b"$ANSIBLE_VAULT"
COUNT_LIMIT = 5000
"""Files and directories of one source directory."""

_OVERRIDES = (
    "block_start_string", "block_end_string", "variable_start_string", "variable_end_string", "comment_start_string",
    "comment_end_string", "newline_sequence",
)  # fmt: skip

# module -> (directory searched first, the argument that names the source, whether files lie on the host by default)
_BRINGS: Mapping[str, tuple[str, str, bool]] = {
    "copy": ("files", "src", False),
    "template": ("templates", "src", False),
    "script": ("files", "_raw_params", False),
    "unarchive": ("files", "src", False),
    "assemble": ("files", "src", True),
    "patch": ("files", "src", False),
    "ansible.posix.patch": ("files", "src", False),
    "ansible.posix.synchronize": ("files", "src", False),
}


_MANIFESTS = ("kubernetes.core.k8s", "community.kubernetes.k8s", "community.general.k8s", "community.okd.k8s")


_found: dict[tuple[str, ...], str] = {}
"""Search path, directory and name -> the file: nothing that a simulation does moves one."""


class MissingSource(Exception):
    """The source is not on the controller. ``name``: as the task has it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BrokenTemplate(Exception):
    """The template cannot be rendered; the message is ansible's own."""


Source = tuple[SourceFile, ...] | Unknown | None


def bring(
    *,
    short: str,
    task: Any,
    args: Mapping[str, Any],
    task_vars: Mapping[str, Any],
    templar: Any,
    read: Callable[[str], None],
) -> Source:
    """The source of a task with the module ``short``; ``read`` hears of every file.

    Raises MissingSource and BrokenTemplate.
    """
    if short in _MANIFESTS:
        return _manifests(task, args, task_vars=task_vars, templar=templar, read=read)
    if short not in _BRINGS:
        return None
    directory, key, remote_default = _BRINGS[short]
    name = args.get(key)
    if short == "script":
        name = args.get("cmd") or name
    remote = args.get("remote_src", remote_default)
    if isinstance(remote, Unknown):
        return remote
    if str(remote).lower() in ("true", "yes", "on", "1", "y", "t") or name is None:
        return None
    if isinstance(name, Unknown):
        return name
    text = str(name)
    if short == "script":
        text = text.strip().split(" ")[0] if text.strip() else text
    if short == "unarchive" and "://" in text:
        return None
    if short == "ansible.posix.synchronize" and (args.get("mode") == "pull" or ":" in text or task.delegate_to):
        return None
    path = _find(task, directory, text)
    if short == "template":
        return _rendered(task, path, args=args, task_vars=task_vars, templar=templar, read=read)
    if os.path.isdir(path):
        return tuple(_tree(task, path, read, flat=short == "assemble"))
    return (_file(task, path, "", read),)


def _manifests(
    task: Any, args: Mapping[str, Any], *, task_vars: Mapping[str, Any], templar: Any, read: Callable[[str], None]
) -> Source:
    """``template`` (a path, a mapping with one, or a list of either) is rendered; ``src`` may lie on the host instead
    (kubernetes.core, plugins/action/k8s_info.py)."""
    wanted, src = args.get("template"), args.get("src")
    if isinstance(wanted, Unknown) or is_unknown(wanted):
        return wanted if isinstance(wanted, Unknown) else Unknown("the names of the templates")
    found: list[SourceFile] = []
    for item in wanted if isinstance(wanted, list) else [wanted] if wanted else []:
        given = dict(item) if isinstance(item, Mapping) else {"path": item}
        name = str(given.pop("path", ""))
        path = _find(task, "templates", name)
        rendered = _rendered(task, path, args={"src": name, **given}, task_vars=task_vars, templar=templar, read=read)
        content = rendered[0].content if isinstance(rendered, tuple) else rendered or Unknown(f"the template {name}")
        found.append(SourceFile(name=name, content=content))
    if found or not isinstance(src, str) or "://" in src:
        return tuple(found) or None
    try:
        path = _find(task, "files", src)
    except MissingSource:
        return None
    return None if os.path.isdir(path) else (_file(task, path, src, read),)


def _find(task: Any, directory: str, name: str) -> str:
    places = task.get_search_path()
    wanted = (*places, directory, name)
    if wanted in _found:
        return _found[wanted]
    try:
        found = task._loader.path_dwim_relative_stack(places, directory, name)
    except AnsibleFileNotFound:
        raise MissingSource(name) from None
    except EngineError:
        raise MissingSource(name) from None
    if not found or not os.path.exists(found):
        raise MissingSource(name)
    return _found.setdefault(wanted, str(found))


def _file(task: Any, path: str, name: str, read: Callable[[str], None]) -> SourceFile:
    info = os.stat(path)
    read(path)
    if info.st_size > SIZE_LIMIT or not os.path.isfile(path):
        return SourceFile(
            name=name, content=Unknown(f"the content of {path}"), mode=info.st_mode & 0o7777, size=_size(path, info)
        )
    data, _ = task._loader._get_file_contents(path)  # decrypts a vault, in memory only
    return SourceFile(name=name, content=bytes(data), mode=info.st_mode & 0o7777)


def _size(path: str, info: os.stat_result) -> int | None:
    """What a file too large to be read takes on the host; None for a vault, which is smaller once it is opened."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return None if file.read(len(VAULT)) == VAULT else info.st_size


def _tree(task: Any, root: str, read: Callable[[str], None], *, flat: bool) -> Iterator[SourceFile]:
    count = 0
    for directory, folders, files in os.walk(root, followlinks=True):
        circles = [name for name in folders if _leads_up(directory, name)]
        if circles:
            text = f"{os.path.join(directory, circles[0])} leads back to where it stands: it was not followed"
            now().note("capped", text)
        folders[:] = sorted(set(folders) - set(circles))
        base = Path(directory)
        count += 1
        if directory != root:
            yield SourceFile(
                name=str(base.relative_to(root)), content=b"", mode=base.stat().st_mode & 0o7777, directory=True
            )
        for file in sorted(files):
            count += 1
            if count > COUNT_LIMIT:
                break
            path = base / file
            if path.exists():
                yield _file(task, str(path), str(path.relative_to(root)), read)
        if count > COUNT_LIMIT:
            now().note("capped", f"more than {COUNT_LIMIT} files and directories in {root}: the rest was not looked at")
            return
        if flat:
            return


def _leads_up(directory: str, name: str) -> bool:
    path = os.path.join(directory, name)
    return os.path.islink(path) and (os.path.realpath(directory) + os.sep).startswith(os.path.realpath(path) + os.sep)


def _rendered(
    task: Any,
    path: str,
    *,
    args: Mapping[str, Any],
    task_vars: Mapping[str, Any],
    templar: Any,
    read: Callable[[str], None],
) -> Source:
    """As plugins/action/template.py does it: search path, ``ansible_managed`` and friends, its defaults for blocks."""
    read(path)
    data = trust_as_template(task._loader.get_text_file_contents(path))
    search: list[str] = []
    for base in [*task.get_search_path(), task._loader.get_basedir(), os.path.dirname(path)]:
        search += [os.path.join(base, "templates"), base]
    variables = dict(task_vars)
    dest = args.get("dest")
    variables.update(
        _template_vars.generate_ansible_template_vars(
            path=args.get("src"),
            fullpath=path,
            dest_path=dest if isinstance(dest, str) else None,
            include_ansible_managed="ansible_managed" not in variables,
        )
    )
    overrides: dict[str, Any] = {key: args[key] for key in _OVERRIDES if isinstance(args.get(key), str)}
    overrides["trim_blocks"] = _flag(args.get("trim_blocks", True))
    overrides["lstrip_blocks"] = _flag(args.get("lstrip_blocks", False))
    engine = Templar._from_template_engine(templar).copy_with_new_env(searchpath=search, available_variables=variables)
    try:
        texts, _ = alternatives(lambda: engine.template(data, escape_backslashes=False, overrides=overrides))
    except _jinja_bits.AnsibleTemplateError as error:
        raise BrokenTemplate(f"the template {os.path.basename(path)} cannot be rendered: {error}") from None
    return (SourceFile(name="", content=_content(texts, str(args.get("output_encoding") or "utf-8"))),)


def _content(texts: list[Any], encoding: str) -> bytes | Unknown:
    if len(texts) == 1 and not EXPLORATION.capped:
        text = texts[0]
        if isinstance(text, Unknown):
            return text
        if not is_unknown(text):
            return ("" if text is None else str(text)).encode(encoding, "surrogateescape")
    why = EXPLORATION.why or next((text.why for text in texts if isinstance(text, Unknown)), "what only the run knows")
    return one_of(texts, why, more=EXPLORATION.capped)


def _flag(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("true", "yes", "on", "1", "y", "t")
