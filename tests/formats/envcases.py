"""Environment files and commands with variables, made from a seed."""

from __future__ import annotations

from tests.formats.unitcases import Maker

NAMES = ("A", "B", "_x", "LONG_NAME", "export A", "1bad", " C", "D ", "", "A-B")
VALUES = ("plain", "two words", "--port=80", 'in"quotes"side', "it's", "$A", "${B}", "#no", "x;y", "a=b", "ä", "`id`",
          "C:\\\\dir", "tail\\ ", "\\n", "\\t", "'", '"', "", "  ")  # fmt: skip
WORDS = ("$A", "${A}", "$B", "pre${A}post", "$LONG_NAME", "${_x}${B}", "$$A", "$NONE", "${NONE}", "$A/x", "a$A", "${A", "plain",
         "--x=${D}", "$C", "${A-B}", "$")  # fmt: skip


class EnvMaker(Maker):
    def value(self) -> str:
        text = self.random.choice(VALUES)
        style = self.random.random()
        if style < 0.2:
            return f'"{text.replace(chr(34), "")}"'
        if style < 0.35:
            return "'" + text.replace("'", "") + "'"
        if style < 0.45:
            return f'"a \\"b\\" \\$x {text.replace(chr(34), "")}"'
        if style < 0.5:
            return f"'one' \"two\"{self.random.choice(VALUES)}"
        if style < 0.55:
            return f'"over\ntwo lines {text.replace(chr(34), "")}\\\nand on"'
        if style < 0.6:
            return f"{text} \\\n  and on"
        return text

    def environment_file(self) -> str:
        lines = []
        for _ in range(self.random.randint(1, 6)):
            lines.append(f"{self.random.choice(NAMES)}{self.random.choice(('=', '=', '=', ' = ', '= '))}{self.value()}")
            if self.some(0.2):
                lines.append(self.random.choice(("# comment", "; another = x", "", "nonsense", "  # indented", "\t")))
        return self.random.choice(("\n", "\n", "\n", "\r\n")).join(lines) + ("" if self.some(0.2) else "\n")

    def words_of_command(self) -> str:
        return " ".join(self.random.choice(WORDS) for _ in range(self.random.randint(1, 5)))
