"""What the README says of options, rules and exit codes is what the program has.

`python3 -m tests.test_readme` puts the tables there as they should stand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.errors import ExitCode
from aisafe.options import OPTIONS
from aisafe.rules import RULES

README = Path(__file__).parent.parent / "README.md"


def options_table() -> str:
    rows = ["| option | variable | key | default | what it does |", "| --- | --- | --- | --- | --- |"]
    for option in OPTIONS:
        cells = (f"`{option}`" if option.name else "", f"`{option.env}`" if option.env else "",
                 f"`{option.key}`" if option.key else "", option.default + (f" {option.unit}" if option.unit else ""),
                 option.help)  # fmt: skip
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def rules_table() -> str:
    words = {"error": "blocks", "warning": "warns", "note": "note"}
    rows = ["| rule | looks at | by default | what it finds |", "| --- | --- | --- | --- |"]
    for name, rule in RULES:
        stage = {"forecast": "the forecast", "proof": "the host afterwards", "both": "both"}[rule.stage]
        rows.append(
            f"| `{name}` | {stage} | {words[rule.severity]} | {' '.join(rule.help.partition('Wrong:')[0].split())} |"
        )
    return "\n".join(rows)


@pytest.mark.parametrize("table", [options_table, rules_table])
def test_the_tables_are_true(table):
    assert table() in README.read_text(encoding="utf-8"), f"the README should say:\n{table()}"


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_told(code):
    assert f"| {int(code)} |" in README.read_text(encoding="utf-8")


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    for new in (options_table(), rules_table()):
        begin = text.index(new.partition("\n")[0])
        text = text[:begin] + new + text[text.index("\n\n", begin) :]
    README.write_text(text, encoding="utf-8")
