"""Findings' ways out as changes of the user's own playbook files: text in, text out, comments and layout kept."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import yaml

from aisafe.frozen import frozen
from aisafe.model import Finding

_PORT = re.compile(r"(?P<host>(?:(?:\d+\.){3}\d+:|\[[0-9a-fA-F:]+\]:)?\d+):(?P<inside>\d+)(?P<protocol>/(?:tcp|udp))?")


@frozen
class Patch:
    """One file. ``path``: as findings name it. ``rules``: whose findings it solves, in their order."""

    path: str
    before: str
    after: str
    rules: tuple[str, ...]

    def diff(self) -> str:
        """A unified diff, as patch(1) reads it."""
        return "".join(
            difflib.unified_diff(
                self.before.splitlines(keepends=True), self.after.splitlines(keepends=True),
                f"a/{self.path}", f"b/{self.path}",
            )
        )  # fmt: skip


@frozen
class Patches:
    """``left``: findings that block or warn and are not solved by a patch, each with the reason."""

    patches: tuple[Patch, ...] = ()
    left: tuple[tuple[Finding, str], ...] = ()


class _NotHere(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines ``start`` to ``end`` (from 0, exclusive) become ``text``."""

    start: int
    end: int
    text: str


def patches(findings: Iterable[Finding], read: Callable[[str], str | None]) -> Patches:
    """``read``: the text of a file of the user's own, None for one that is not (or cannot be read)."""
    texts: dict[str, str] = {}
    edits: dict[str, dict[_Edit, dict[str, None]]] = defaultdict(dict)
    solved: dict[tuple[str, str], _Edit] = {}
    left: list[tuple[Finding, str]] = []
    for finding in sorted(findings, key=_place):
        if finding.accepted or finding.severity == "note":
            continue
        try:
            path, edit = _edit(finding, read, texts, solved)
        except _NotHere as reason:
            left.append((finding, str(reason)))
            continue
        edits[path].setdefault(edit, {})[finding.rule] = None
    made = [
        Patch(path=path, before=texts[path], after=_applied(texts[path], list(mine)),
              rules=tuple(dict.fromkeys(rule for rules in mine.values() for rule in rules)))
        for path, mine in edits.items()
    ]  # fmt: skip
    return Patches(patches=tuple(made), left=tuple(left))


def _place(finding: Finding) -> tuple[str, int]:
    return (finding.task.path, finding.task.line) if finding.task else ("", 0)


def _edit(
    finding: Finding, read: Callable[[str], str | None], texts: dict[str, str], solved: dict[tuple[str, str], _Edit]
) -> tuple[str, _Edit]:
    """The file and its change; for a way out that was put in before, that change. Raises _NotHere."""
    if not finding.yaml or finding.task is None:
        raise _NotHere(finding.fix or "there is no way out that could be written down")
    path = finding.task.path
    if (path, finding.yaml) in solved:
        return path, solved[(path, finding.yaml)]
    if path not in texts:
        text = read(path)
        if text is None:
            raise _NotHere(f"{path} is not a file of this project that can be changed")
        texts[path] = text
    start, end, indent = _task(texts[path], finding.task.line, path)
    lines = texts[path].splitlines(keepends=True)
    fragment = yaml.safe_load(finding.yaml)
    if isinstance(fragment, list):
        edit = _Edit(start, start, _indented(finding.yaml, indent) + "\n")
    else:
        edit = _Edit(start, end, _with_port("".join(lines[start:end]), fragment, path))
    solved[(path, finding.yaml)] = edit
    return path, edit


def _task(text: str, line: int, path: str) -> tuple[int, int, str]:
    """First and last line (exclusive) of the list item that begins at ``line``, and its indentation."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        raise _NotHere(f"{path} cannot be read as plain YAML") from None
    for item, section in _items(document, ""):
        if item.start_mark.line + 1 != line:
            continue
        if section == "handlers" or "/handlers/" in f"/{path}":
            raise _NotHere("it concerns a handler, and a task put before that would not be run")
        lines = text.splitlines(keepends=True)
        start = item.start_mark.line
        if not lines[start].lstrip().startswith("- "):
            break
        indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        end = start + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(indent + " ")):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        return start, end, indent
    raise _NotHere(f"there is no task of its own at {path}:{line}")


def _items(node: yaml.Node | None, section: str) -> Iterator[tuple[yaml.Node, str]]:
    """Every list item that is a mapping, with the key that it stands under."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if isinstance(item, yaml.MappingNode):
                yield item, section
            yield from _items(item, section)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = str(key.value)
            yield from _items(value, "handlers" if section == "handlers" and name == "block" else name)


def _indented(block: str, indent: str) -> str:
    return (
        "".join(f"{indent}{line}" if line.strip() else line for line in block.rstrip("\n").splitlines(keepends=True))
        + "\n"
    )


def _with_port(task: str, fragment: object, path: str) -> str:
    """The task with the one published port that the fragment gives another number on the host."""
    wanted = [str(item) for item in fragment.get("ports", ())] if isinstance(fragment, Mapping) else []
    new = _PORT.fullmatch(wanted[0]) if len(wanted) == 1 else None
    if new is None:
        raise _NotHere("its way out is not a change that can be made to a file")
    same = [old for old in _PORT.finditer(task)
            if (old["inside"], old["protocol"] or "") == (new["inside"], new["protocol"] or "")]  # fmt: skip
    if len(same) != 1:
        raise _NotHere(f"the task publishes the port in a way that is changed by hand: {wanted[0]}")
    return task[: same[0].start()] + wanted[0] + task[same[0].end() :]


def _applied(text: str, edits: list[_Edit]) -> str:
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda item: (item.start, item.end), reverse=True):
        lines[edit.start : edit.end] = [edit.text]
    return "".join(lines)
