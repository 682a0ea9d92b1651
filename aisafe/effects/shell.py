"""Shell text into simple commands, as far as it can be told without running it (POSIX.1-2017, Shell Command Language).

What is understood: words with quotes and backslashes, ``&& || ; |`` and new lines, redirections, here-documents,
assignments before a command. A word that holds a parameter or a pattern is kept, and marked as not literal.
Everything else (subshells, loops, conditions, functions, background jobs) raises :class:`NotUnderstood`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from aisafe.frozen import frozen

_RESERVED = {
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "in",
    "function",
    "select",
    "{",
    "}",
    "!",
    "[[",
    "coproc",
}
_OPERATOR = re.compile(r"&&|\|\||;;|;|\||&>>|&>|&|\(|\)|\n")
_REDIRECT = re.compile(r"(\d*)(<<-|<<<|<<|>>|>\||>&|<&|<>|>|<)")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_BRACES = re.compile(r"\{[^{}\s]*(,|\.\.)[^{}\s]*\}")
Join = Literal["", ";", "&&", "||"]


class NotUnderstood(ValueError):
    """Shell text that this reader does not understand; the text names the construct."""


@frozen
class Word:
    """One word without quotes. ``literal`` is False when the shell would expand it; ``pattern``: by file names."""

    text: str
    literal: bool = True
    pattern: bool = False
    quoted: bool = False


@frozen
class Redirect:
    """``fd`` is 0, 1 or 2, or -1 for both outputs; ``document``: of a here-document, None for anything else."""

    fd: int
    operator: str
    target: Word
    document: Word | None = None


@frozen
class Simple:
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...] = ()
    assignments: tuple[str, ...] = ()


@frozen
class Pipeline:
    """Simple commands joined by pipes; ``join`` says how it follows on the one before ('' for the first)."""

    join: Join
    commands: tuple[Simple, ...]


@dataclass(slots=True, kw_only=True)
class _Reader:
    text: str
    at: int = 0
    waiting: list[tuple[int, Word, bool]] = field(default_factory=list)
    documents: dict[int, Word] = field(default_factory=dict)

    def blank(self) -> None:
        while self.at < len(self.text):
            if self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] in " \t":
                self.at += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def operator(self) -> str | None:
        self.blank()
        found = _OPERATOR.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        if found[0] == "\n":
            self._documents()
        return found[0]

    def redirect(self) -> tuple[str, str] | None:
        self.blank()
        found = _REDIRECT.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[1], found[2]

    def word(self) -> Word:
        self.blank()
        parts: list[str] = []
        literal, pattern, quoted, start = True, False, False, self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\n;|&<>()":
                break
            self.at += 1
            if char == "'":
                end = self.text.find("'", self.at)
                if end < 0:
                    raise NotUnderstood("a quote that does not end")
                parts.append(self.text[self.at : end])
                self.at, quoted = end + 1, True
            elif char == '"':
                text, plain = self._double()
                parts.append(text)
                literal, quoted = literal and plain, True
            elif char == "\\":
                parts.append(self.text[self.at : self.at + 1].replace("\n", ""))
                self.at += 1
                quoted = True
            else:
                if char in "$`":
                    literal = False
                    if char == "`" or self.text.startswith("(", self.at):
                        raise NotUnderstood("a command substitution")
                elif char in "*?[" and not (char == "[" and self.at - 1 == start):
                    literal, pattern = False, True
                elif (char == "~" and self.at - 1 == start) or _BRACES.match(self.text, self.at - 1):
                    literal = False
                parts.append(char)
        return Word(text="".join(parts), literal=literal, pattern=pattern, quoted=quoted)

    def _double(self) -> tuple[str, bool]:
        parts: list[str] = []
        plain = True
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == '"':
                return "".join(parts), plain
            if char == "\\" and self.text[self.at : self.at + 1] in ('"', "\\", "$", "`", "\n"):
                parts.append(self.text[self.at].replace("\n", ""))
                self.at += 1
                continue
            if char == "`" or (char == "$" and self.text.startswith("(", self.at)):
                raise NotUnderstood("a command substitution")
            if char == "$":
                plain = False
            parts.append(char)
        raise NotUnderstood("a quote that does not end")

    def _documents(self) -> None:
        """The here-documents whose redirections stood on the line that just ended."""
        for key, end, strip in self.waiting:
            lines: list[str] = []
            while True:
                if self.at >= len(self.text):
                    raise NotUnderstood("a here-document that does not end")
                line, _, _ = self.text[self.at :].partition("\n")
                self.at = min(len(self.text), self.at + len(line) + 1)
                line = line.lstrip("\t") if strip else line
                if line == end.text:
                    break
                lines.append(f"{line}\n")
            text = "".join(lines)
            self.documents[key] = Word(text=text, literal=end.quoted or not set("$`\\") & set(text))
        self.waiting.clear()


def parse(text: str) -> tuple[Pipeline, ...]:
    """The pipelines of ``text`` in order. Raises NotUnderstood."""
    reader = _Reader(text=text)
    pipelines: list[Pipeline] = []
    commands: list[Simple] = []
    join: Join = ""
    numbers: list[int] = []
    while True:
        simple = _simple(reader, numbers)
        operator = reader.operator()
        if operator in ("&", "(", ")", ";;"):
            raise NotUnderstood({"&": "a background job", ";;": "a case"}.get(operator, "a subshell"))
        if simple is not None:
            commands.append(simple)
        elif operator not in (None, "\n") or (commands and operator is None):
            raise NotUnderstood(f"nothing before {operator or 'the end'}")
        if operator == "|":
            continue
        if commands:
            pipelines.append(Pipeline(join=join, commands=tuple(commands)))
            commands = []
            join = operator if operator in ("&&", "||") else ";"  # type: ignore[assignment]
        if operator is None:
            break
    if reader.waiting:
        raise NotUnderstood("a here-document that does not end")
    return tuple(_with_documents(pipeline, reader.documents) for pipeline in pipelines)


def _simple(reader: _Reader, numbers: list[int]) -> Simple | None:
    words: list[Word] = []
    redirects: list[Redirect] = []
    assignments: list[str] = []
    while True:
        reader.blank()
        if reader.at >= len(reader.text):
            break
        if reader.text.startswith(("&>", "&>>"), reader.at):
            operator = "&>>" if reader.text.startswith("&>>", reader.at) else "&>"
            reader.at += len(operator)
            redirects.append(Redirect(fd=-1, operator=operator[1:], target=reader.word()))
            continue
        found = reader.redirect()
        if found is not None:
            redirects.append(_redirected(reader, found, numbers))
            continue
        if _OPERATOR.match(reader.text, reader.at):
            break
        word = reader.word()
        if not words and not word.quoted and word.text in _RESERVED:
            raise NotUnderstood(f"the shell's {word.text!r}")
        if not words and _ASSIGNMENT.match(word.text):
            assignments.append(word.text)
        else:
            words.append(word)
    if not words and not redirects and not assignments:
        return None
    return Simple(words=tuple(words), redirects=tuple(redirects), assignments=tuple(assignments))


def _redirected(reader: _Reader, found: tuple[str, str], numbers: list[int]) -> Redirect:
    fd, operator = found
    target = reader.word()
    number = int(fd) if fd else 0 if operator.startswith("<") else 1
    if number > 2 or (not target.text and not target.quoted):
        raise NotUnderstood(f"the redirection {fd}{operator}")
    if operator in ("<<", "<<-"):
        numbers.append(len(numbers))
        reader.waiting.append((numbers[-1], target, operator == "<<-"))
        return Redirect(fd=0, operator="<<", target=Word(text=str(numbers[-1])))
    if operator == "<<<":
        return Redirect(
            fd=0, operator="<<", target=target, document=Word(text=f"{target.text}\n", literal=target.literal)
        )
    return Redirect(fd=number, operator=">" if operator == ">|" else operator, target=target)


def _with_documents(pipeline: Pipeline, documents: dict[int, Word]) -> Pipeline:
    def filled(redirect: Redirect) -> Redirect:
        if redirect.operator != "<<" or redirect.document is not None:
            return redirect
        document = documents[int(redirect.target.text)]
        return Redirect(fd=0, operator="<<", target=redirect.target, document=document)

    commands = tuple(
        Simple(words=one.words, redirects=tuple(map(filled, one.redirects)), assignments=one.assignments)
        for one in pipeline.commands
    )
    return Pipeline(join=pipeline.join, commands=commands)
