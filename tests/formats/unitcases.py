"""Unit files of every kind, made from a seed: what the readers must understand as systemd does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "aisafe-case"
DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
INSTANCES = ("tty1", "a-b", r"a\x2db", "80", "x.y", "-", "a:b_c", "eth0-1", r"sp\x20ace")
SPECIFIERS = "bBCdEfgGhHiIjJlLnNopPsStTuUVwyYzZ%1-"  # not a, m, v: the machine's, which no forecast knows
ESCAPES = (r"\n", r"\t", r"\s", r"\x41", r"\x2f", r"\101", r"\u00e4", r"\xc3\xa4", "\\\\", r"\"", r"\'", r"\q", r"\x4",
           r"\0", r"\;", r"\400", r"\U0001F600")  # fmt: skip
PLAIN = ("a", "b-c", "--port=80", "--listen", "x=y", "/usr/bin/thing", ":9090", "[::]:80", "ä", "#no", "no;comment", "$A",
         "${A}", "$$A", "${A}x", "$A/x", "a$b", "-", "@x", "*", "!", "127.0.0.1:81")  # fmt: skip
LISTEN = ("80", "127.0.0.1:81", "[::1]:82", "0.0.0.0:83", "[::]:84", "/run/x.sock", "@abstract", "8%%", "%i", "9090 ",
          "localhost:80", "65536", "0", "[::ffff:127.0.0.1]:85", "vsock::22", "1.2.3.4", ":80", "*:80", "127.0.0.1:0",
          "[fe80::1%%lo]:86")  # fmt: skip


@dataclass(slots=True)
class Tree:
    """Files to lay down: path -> text, and links: path -> target. ``names``: the units to compare."""

    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def all(self) -> Mapping[str, str]:
        return {**self.files, **self.links}


class Maker:
    """Everything is drawn from one generator of random numbers, so that a seed gives the same files again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, chance: float) -> bool:
        return self.random.random() < chance

    def word(self) -> str:
        pieces = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            kind = self.random.random()
            if kind < 0.6:
                pieces.append(self.random.choice(PLAIN))
            elif kind < 0.75:
                pieces.append("%" + self.random.choice(SPECIFIERS))
            else:
                pieces.append(self.random.choice(ESCAPES))
        text = "".join(pieces)
        style = self.random.random()
        if style < 0.12:
            return f'"{text} {self.random.choice(PLAIN)}"'
        if style < 0.2:
            return "'" + text.replace("'", "") + "  z'"
        if style < 0.24:
            return f'pre"{text}"post'
        if style < 0.25:
            return '"' + text  # a quote that nothing closes
        return text

    def words(self, most: int) -> str:
        made = [self.word() for _ in range(self.random.randint(0, most))]
        return self.random.choice((" ", " ", "  ", "\t")).join(made)

    def command(self) -> str:
        prefix = self.random.choice(("", "", "", "", "-", "@", ":", "+", "-@", "!", "!!", "@-:", "--"))
        program = self.random.choice(("/usr/bin/thing", "/usr/bin/thing", "/opt/a/b", "thing", "/usr//bin/./x", '"/opt/a b"',
                                      "/opt/%p", "/opt/%i/run", "/bin/a\\x41", "/etc/", "", "../x", "$A"))  # fmt: skip
        text = f"{prefix}{program} {self.words(5)}"
        if self.some(0.1):
            text += self.random.choice(
                (" ; /bin/second one", " ;", " ; ", ";", r" \; x", " ; -/bin/two;", " ; ; /bin/x")
            )
        return text

    def assignment(self) -> str:
        name = self.random.choice(("A", "B", "_x", "LONG_NAME", "1bad", "A-B", "", "%i"))
        return f"{name}={self.word()}" if self.some(0.9) else self.word()

    def environment(self) -> str:
        texts = []
        for _ in range(self.random.randint(0, 3)):
            made = self.assignment()
            texts.append(f'"{made}"' if self.some(0.3) and '"' not in made else made)
        return " ".join(texts)

    def file_name(self) -> str:
        return self.random.choice(("/etc/default/a", "-/etc/default/a", "/etc/%p/%i.env", "-/etc/a b", "/etc/*.env", "rel",
                                   "/etc//x/./y/", "-", "%h/.env", '"/etc/quoted"', "/etc/default/%p"))  # fmt: skip

    def service_line(self) -> str:
        line = self.random.choices(
            (
                lambda: f"ExecStart={self.command()}",
                lambda: f"Environment={self.environment()}",
                lambda: f"EnvironmentFile={self.file_name()}",
                lambda: f"{self.random.choice(('ExecStart', 'Environment', 'EnvironmentFile', 'Type', 'User'))}=",
                lambda: (
                    "Type=" + self.random.choice(("oneshot", "exec", "forking", "notify", "idle", "simple", "Oneshot"))
                ),
                lambda: "User=" + self.random.choice(("root", "www-data", "%i", "x%j")),
                lambda: "Restart=" + self.random.choice(("always", "on-failure", "no", "sometimes")),
                lambda: "RemainAfterExit=yes",
                lambda: "ExecReload=/bin/kill -HUP $MAINPID",
            ),
            weights=(8, 6, 3, 2, 2, 1, 1, 1, 1),
        )[0]
        return line()

    def socket_line(self) -> str:
        line = self.random.choices(
            (
                lambda: f"{self.random.choice(('ListenStream', 'ListenDatagram'))}={self.random.choice(LISTEN)}",
                lambda: "ListenStream=",
                lambda: "BindIPv6Only=" + self.random.choice(("both", "ipv6-only", "default", "")),
                lambda: "Accept=" + self.random.choice(("yes", "no")),
                lambda: "ListenFIFO=/run/fifo",
            ),
            weights=(10, 2, 2, 1, 1),
        )[0]
        return line()

    def layout(self, line: str) -> str:
        """The same line, or nearly so, as people write it: spaces, tabs, continuations, comments in between."""
        key, _, value = line.partition("=")
        style = self.random.random()
        if style < 0.55:
            return line
        if style < 0.7:
            return f"{self.random.choice(('', ' ', chr(9)))}{key} = {value} "
        if style < 0.85 and " " in value:
            head, _, tail = value.partition(" ")
            between = self.random.choice(("", "", "# a comment\n", "  ; another\\\n", "\n"))
            return f"{key}={head} \\\n{between}  {tail}"
        if style < 0.9:
            return f"{line}\\"  # it goes on in whatever follows
        if style < 0.95:
            return f"{line}\\\\"
        return line + self.random.choice((" \\ ", "\r", "\x0b", "\u2028x", " # no comment here"))

    def body(self, section: str, least: int) -> str:
        lines = [f"[{section}]"] if self.some(0.97) else [f"[{section.lower()}]"]
        if section == "Service" and self.some(0.5):  # else most would be refused for having several commands
            lines += ["Type=oneshot"] if least > 1 else ["ExecStart="]
        for _ in range(self.random.randint(least, least + 4)):
            made = self.service_line() if section == "Service" else self.socket_line()
            lines.append(self.layout(made))
            if self.some(0.06):
                lines.append(
                    self.random.choice(
                        ("nonsense", "# comment \\", "[X-Other]", "[Unit]", "", "=value", f"[{section}]")
                    )
                )
        if self.some(0.1):
            lines.insert(0, "[Unit]\nDescription=x \\\n y")
        if self.some(0.05):
            lines.insert(0, "ExecStart=/early")
        return "\n".join(lines) + ("" if self.some(0.1) else "\n")

    def unit(self, tree: Tree, number: int) -> None:
        """One unit with whatever belongs to it."""
        kind = "socket" if self.some(0.25) else "service"
        section = kind.capitalize()
        group = self.random.randint(0, 9)
        stem = self.random.choice((f"{MARK}-g{group}-u{number}", f"{MARK}{number}", f"{MARK}-x-y-u{number}"))
        base, name = f"{stem}.{kind}", f"{stem}.{kind}"
        if self.some(0.35):
            base, name = f"{stem}@.{kind}", f"{stem}@{self.random.choice(INSTANCES)}.{kind}"
        tree.names.append(name)
        for directory in self.random.sample(DIRECTORIES, 2 if self.some(0.15) else 1):
            tree.files[f"{directory}/{base}"] = self.body(section, 2)
        if base != name and self.some(0.1):
            tree.files[f"{self.random.choice(DIRECTORIES)}/{name}"] = self.body(section, 2)
        if self.some(0.02):
            path = f"/etc/systemd/system/{name}"
            tree.files.pop(path, None)
            if self.some(0.5):
                tree.links[path] = "/dev/null"
            else:
                tree.files[path] = ""
        if self.some(0.05):
            tree.links[f"/etc/systemd/system/{MARK}-alias-{name}"] = (
                f"/etc/systemd/system/{name}" if base == name else name
            )
            if self.some(0.6):
                tree.files[f"/etc/systemd/system/{MARK}-alias-{name}.d/10-alias.conf"] = self.body(section, 1)
        for place in self.drop_ins(name, base):
            if self.some(0.25):
                entry = self.random.choice(("10-a.conf", "20-b.conf", "override.conf", "no.txt", ".hidden.conf"))
                tree.files[f"{self.random.choice(DIRECTORIES)}/{place}/{entry}"] = self.body(section, 1)

    @staticmethod
    def drop_ins(name: str, base: str) -> list[str]:
        stem, _, kind = name.rpartition(".")
        prefix, at, instance = stem.partition("@")
        head = prefix.rpartition("-")[0]
        places = [f"{name}.d"] * 2 + [f"{base}.d"]
        if head:
            places += [f"{head}-.{kind}.d", f"{head}-@.{kind}.d" if at else f"{head}-.{kind}.d"]
            places += [f"{head}-@{instance}.{kind}.d"] if at else []
        return places


def tree(seed: int, count: int) -> Tree:
    """``count`` units with their drop-ins and links."""
    maker, made = Maker(seed), Tree()
    for number in range(count):
        maker.unit(made, number)
    return made
