"""systemd.syntax(7), systemd.service(5) and systemd.unit(5), by their own examples where they have some."""

from __future__ import annotations

import pytest

from aisafe.formats import unitfile

TEXT = """\
# a comment
[Unit]
Description=A \\
  long name
; another comment
[Service]
Environment=A=1
ExecStart=/usr/bin/a \\
# a comment between
   --b  c
ExecStart=
ExecStart=/usr/bin/second
EnvironmentFile=-/etc/default/a
not an assignment
[Install]
WantedBy=multi-user.target other.target
"""


def test_continuation_comments_repetition_and_reset() -> None:
    read = unitfile.read(TEXT, "/etc/systemd/system/a.service")
    assert read.last("Unit", "Description") == "A    long name"
    assert [entry.value for entry in read.every("Service", "ExecStart")] == ["/usr/bin/second"]
    assert read.words("Install", "WantedBy") == ("multi-user.target", "other.target")
    assert read.problems == ("/etc/systemd/system/a.service:14: not an assignment",)
    first = next(entry for entry in read.entries if entry.key == "ExecStart")
    assert (first.value.split(), first.line) == (["/usr/bin/a", "--b", "c"], 8)


def test_a_drop_in_adds_to_lists_and_replaces_values() -> None:
    main = unitfile.read("[Service]\nExecStart=/a\nUser=x\nEnvironment=A=1\n")
    drop_in = unitfile.read("[Service]\nExecStart=\nExecStart=/b\nUser=y\nEnvironment=B=2\n")
    merged = unitfile.merge([main, drop_in])
    assert [entry.value for entry in merged.every("Service", "ExecStart")] == ["/b"]
    assert merged.last("Service", "User") == "y"
    assert len(merged.every("Service", "Environment")) == 2


@pytest.mark.parametrize(
    ("value", "commands"),
    [
        ("/bin/echo one ; /bin/echo two", [("/bin/echo", "one"), ("/bin/echo", "two")]),
        (r"/bin/echo / >/dev/null & \; ls", [("/bin/echo", "/", ">/dev/null", "&", ";", "ls")]),
        ('/bin/echo "two words" \'three  more\' a"b c"d', [("/bin/echo", "two words", "three  more", "ab cd")]),
        (r"/bin/echo \x41\t\101 \s", [("/bin/echo", "A\tA", " ")]),
        ("-+/bin/false", [("/bin/false",)]),
        ("@/bin/sh sh-name -c x", [("/bin/sh", "-c", "x")]),
        ("/bin/a %i %n 100%%", [("/bin/a", "web", "a@web.service", "100%")]),
        ("", []),
        (":/bin/a ${X} $Y", [("/bin/a", "$${X}", "$$Y")]),
        ("/bin/a ; -/bin/ x ; /bin/c", [("/bin/a",)]),
        ("/bin//a/./b \\q", [("/bin/a/b", "\\q")]),
    ],
)
def test_command_lines(value: str, commands: list[tuple[str, ...]]) -> None:
    assert list(unitfile.split_commands(value, unitfile.specifiers("a@web.service"))) == commands


@pytest.mark.parametrize(
    ("command", "expanded"),
    [
        (("/a", "$TWO", "${TWO}", "$$TWO", "x${ONE}y", "$NONE", "${NONE}"),
         ("/a", "one", "two words", "one two words", "$TWO", "x1y", "")),
        (("/a", "$$HOME"), ("/a", "$HOME")),
    ],
)  # fmt: skip
def test_variables(command: tuple[str, ...], expanded: tuple[str, ...]) -> None:
    assert unitfile.expand_variables(command, {"ONE": "1", "TWO": 'one "two words"'}) == (
        expanded if "$TWO" not in command else ("/a", "one", "two words", 'one "two words"', "$TWO", "x1y", "")
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("getty@tty1.service", {"i": "tty1", "p": "getty", "n": "getty@tty1.service", "N": "getty@tty1", "H": "web1"}),
        ("a@b-c.service", {"i": "b-c", "I": "b/c", "f": "/b/c"}),
        ("plain.service", {"i": "", "p": "plain", "N": "plain"}),
        (r"x@a\x2db.service", {"i": r"a\x2db", "I": "a-b"}),
    ],
)
def test_specifiers(name: str, known: dict[str, str]) -> None:
    found = unitfile.specifiers(name, hostname="web1")
    assert {key: found[key] for key in known} == known


def test_names() -> None:
    assert unitfile.full_name("nginx") == "nginx.service"
    assert unitfile.full_name("docker.socket") == "docker.socket"
    assert unitfile.full_name("php8.2-fpm") == "php8.2-fpm.service"
    assert unitfile.template_of("a@b.service") == "a@.service"
    assert unitfile.template_of("a@.service") == unitfile.template_of("a.service") == ""
    assert unitfile.drop_in_directories("foo-bar@x.service") == (
        "foo-bar@x.service.d", "foo-bar@.service.d", "foo-.service.d", "foo-@.service.d", "service.d",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("/bin/a 'open", "unbalanced quoting"),
        ("bin/a", "neither a name nor an absolute path"),
        ("/bin/", "a directory"),
        ("!! x", "an empty path"),
        ("/bin/%Z", "%Z is no specifier"),
    ],
)
def test_what_systemd_refuses(value: str, why: str) -> None:
    with pytest.raises(unitfile.BadCommand, match=why):
        unitfile.split_commands(value, unitfile.specifiers("a.service"))


def test_lines_end_where_systemd_ends_them() -> None:
    text = "[Service]\nUser=a \\ \nType=x\\\\\nEnvironment=A=\x0bB\r\nPIDFile=/x\\\n\nUMask=1\n[Unit\nAfter=x\n"
    read = unitfile.read(text)
    assert {entry.key: entry.value for entry in read.entries} == {
        "User": "a \\", "Type": "x\\\\", "Environment": "A=\x0bB", "PIDFile": "/x", "UMask": "1",
    }  # fmt: skip
    assert "not closed" in read.problems[0]
