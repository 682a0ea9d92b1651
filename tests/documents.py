"""The documents that are made from the program: docs/options.md, docs/rules.md and the man pages.

`python -m tests.documents` writes them; `tests/test_documents.py` holds that they are current.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import typer

from aisafe.options import OPTIONS, Option
from aisafe.rules import RULES

ROOT = Path(__file__).parent.parent
LOOKS_AT = {"forecast": "the forecast", "proof": "the host afterwards", "both": "the forecast and the host afterwards"}
LEVEL = {"error": "blocks", "warning": "warns", "note": "is a note"}


def words() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Word of aisafe -> what it does, and its own options and arguments with their help."""
    from aisafe.commands import app

    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    def walk(name: str, command: object) -> None:
        for inner, sub in getattr(command, "commands", {}).items():
            walk(f"{name} {inner}".strip(), sub)
        if name and not hasattr(command, "commands"):
            given = [
                ("/".join([*item.opts, *item.secondary_opts]) if item.param_type_name == "option" else str(item.name).upper(),
                 str(getattr(item, "help", "") or ""))
                for item in command.params if not getattr(item, "hidden", False)
            ]  # fmt: skip
            found[name] = (dedent(command.help or "").strip(), given)

    walk("", typer.main.get_command(app))
    return dict(sorted(found.items()))


def rules_document() -> str:
    lines = ["# Every rule", "",
             "Made from what `aisafe explain RULE` says. Under `rules` in `.aisafe.yml`, `error` blocks, `warn` is shown,",
             "`note` is shown with `-v`, and `off` is not looked at.", ""]  # fmt: skip
    lines += [f"- [{name}](#{name}): {LEVEL[rule.severity]}" for name, rule in RULES]
    for name, rule in RULES:
        lines += ["", f"## {name}", "", f"Looks at {LOOKS_AT[rule.stage]}, and {LEVEL[rule.severity]} by default.", ""]
        lines += _examples(rule.help)
    return "\n".join(lines) + "\n"


def _examples(text: str) -> Iterator[str]:
    """The rule's help, with what stands under ``Wrong:`` and ``Right:`` as code."""
    words, *examples = re.split(r"^(Wrong|Right):", text, flags=re.MULTILINE)
    yield re.sub(r"``(.+?)``", r"`\1`", words).strip()
    for name, example in zip(examples[::2], examples[1::2], strict=True):
        first, _, rest = example.partition("\n")
        code = "\n".join([first.strip(), dedent(rest)]) if first.strip() else dedent(rest)
        yield from ("", f"{name}:", "", "```yaml", code.strip("\n").rstrip(), "```")


def options_document() -> str:
    lines = ["# Every option", "",
             "`aisafe-playbook` takes every option of `ansible-playbook`, and its own anywhere before `--`.",
             "The command line wins over an extra variable of the same name (`-e aisafe_deadline=90`), that over",
             "the environment, that over `.aisafe.yml`."]  # fmt: skip
    for option in OPTIONS:
        title = f"--{option.name}" if option.name else f"{option.key}: in .aisafe.yml"
        lines += ["", f"## {title}", "", option.help, ""]
        lines += [f"- {text}" for text in _ways(option)]
    lines += ["", "# Every word of aisafe", ""]
    for name, (text, given) in words().items():
        lines += [f"## aisafe {name}", "", *text.splitlines(), ""]
        lines += [f"- `{item}`: {told}" for item, told in given if told]
        lines += [""] if any(told for _, told in given) else []
    return "\n".join(lines).rstrip() + "\n"


def _ways(option: Option) -> Iterator[str]:
    if option.name:
        yield f"Option: `{option}`" + (", may be given several times" if option.repeated else "")
    if option.env:
        yield f"Variable: `{option.env}`" + (", with commas between several" if option.repeated else "")
    if option.key:
        yield f"Key: `{option.key}`"
    yield f"Default: {option.default} {option.unit}".rstrip()


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("``", "").replace("`", "")
    text = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)
    return "\n".join(("\\&" + line if line[:1] in (".", "'") else line) for line in text.splitlines())


def _head(name: str, about: str, synopsis: str) -> list[str]:
    return [f'.TH {name.upper()} 1 "" "aisafe" "User Commands"', ".SH NAME", f"{_roff(name)} \\- {_roff(about)}",
            ".SH SYNOPSIS", f".B {_roff(name)}", _roff(synopsis)]  # fmt: skip


EXIT = """\
0 confirmed, or for a plan that nothing blocks; 1 aisafe itself failed before anything was applied; 2 wrong command line or
settings; 4 ansible could not read the playbook or the inventory; 20 refused; 21 rolled back; 22 the rollback is incomplete;
23 too blind to judge; 24 another run holds a host; 25 the saved plan does not hold any more; 99 interrupted before anything
was applied. Others are ansible-playbook's own."""


def playbook_page() -> str:
    lines = _head(
        "aisafe-playbook",
        "ansible-playbook that judges first and undoes what failed",
        "[options of ansible-playbook] [--aisafe-NAME[=VALUE] ...] PLAYBOOK ...",
    )
    lines += [".SH DESCRIPTION", _roff(
                  "Forecasts what the run does to each host, and refuses what would break. Then it snapshots the "
                    "hosts, runs ansible-playbook with the same arguments, looks at what is really there, and confirms "
                    "or rolls back: all hosts or none."),
              ".SH OPTIONS"]  # fmt: skip
    for option in OPTIONS:
        if option.name:
            lines += [
                ".TP",
                f".B {_roff(str(option))}",
                _roff(f"{option.help} Default: {option.default} {option.unit}".rstrip() + "."),
            ]
    lines += [".SH ENVIRONMENT"]
    for option in OPTIONS:
        if option.env:
            lines += [".TP", f".B {_roff(option.env)}", _roff(option.help)]
    lines += [
        ".SH FILES",
        ".TP",
        ".B .aisafe.yml",
        _roff("Settings of this directory and all below it, up to the top of the repository; aisafe init writes one."),
    ]
    lines += [".SH EXIT STATUS", _roff(EXIT), ".SH SEE ALSO", ".BR aisafe (1),", ".BR ansible\\-playbook (1)"]
    return "\n".join(lines) + "\n"


def aisafe_page() -> str:
    lines = _head("aisafe", "plan, mend, look back and undo runs of aisafe-playbook", "WORD [options]")
    lines += [".SH WORDS"]
    for name, (text, given) in words().items():
        paragraphs = text.split("\n\n")
        lines += [f".SS {_roff(name)}", _roff(" ".join(paragraphs[0].split()))]
        lines += [line for paragraph in paragraphs[1:] for line in (".PP", _roff(" ".join(paragraph.split())))]
        for item, told in given:
            if told:
                lines += [".TP", f".B {_roff(item)}", _roff(told)]
    lines += [".SH SEE ALSO", ".BR aisafe\\-playbook (1)"]
    return "\n".join(lines) + "\n"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "docs/rules.md": rules_document,
    "docs/options.md": options_document,
    "man/aisafe.1": aisafe_page,
    "man/aisafe-playbook.1": playbook_page,
}

if __name__ == "__main__":
    for name, made in DOCUMENTS.items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(made(), encoding="utf-8")
