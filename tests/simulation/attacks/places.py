"""Files that never end, are far too large, lie elsewhere or are no files, and names that a terminal would obey."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.simulation.attacks import Attack, Bundle

GIB = 1024**3


def link(name: str, target: str) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).symlink_to(target)

    return make


def sparse(name: str, size: int = 10 * GIB) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        with (project / name).open("wb") as file:
            file.truncate(size)

    return make


def pipe(name: str) -> Callable[[Path], None]:
    def make(project: Path) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(project / name)

    return make


def _loops(project: Path) -> None:
    for name in ("a", "b", "c"):
        (project / "files/loops" / name).mkdir(parents=True)
        (project / "files/loops" / name / "up").symlink_to(project / "files/loops")


ENDLESS = r"reading .* \(a device or a pipe\)"

READ = Bundle(
    name="files", seconds=40,
    attacks=(
        Attack(name="a template that is a device", says=ENDLESS, make=link("templates/zero.j2", "/dev/zero"),
               play="tasks: [{template: {src: zero.j2, dest: /t}}]"),
        Attack(name="a template that is a pipe", says=ENDLESS, make=pipe("templates/pipe.j2"),
               play="tasks: [{template: {src: pipe.j2, dest: /t}}]"),
        Attack(name="a file lookup of a device", says="a device or a pipe", make=link("files/zero", "/dev/zero"),
               play="tasks: [{copy: {content: \"{{ lookup('file', 'zero') }}\", dest: /t}}]"),
        Attack(name="a file lookup of a pipe", says=ENDLESS, make=pipe("files/fifo"),
               play="tasks: [{copy: {content: \"{{ lookup('file', 'fifo') }}\", dest: /t}}]"),
        Attack(name="variables from a device", says=ENDLESS, make=link("zero.yml", "/dev/zero"),
               play="tasks: [{include_vars: zero.yml}]"),
        Attack(name="huge variables", says=r"huge\.yml has 10240 MiB; more than 32 MiB are not read",
               make=sparse("huge.yml"), play="tasks: [{include_vars: huge.yml}]"),
        Attack(name="a huge template", says=r"huge\.j2 has 10240 MiB; more than 32 MiB", make=sparse("templates/huge.j2"),
               play="tasks: [{template: {src: huge.j2, dest: /t}}]"),
        Attack(name="a huge included template", says=r"inner-huge\.j2 has 10240 MiB", make=sparse("templates/inner-huge.j2"),
               files={"templates/outer-huge.j2": "{% include 'inner-huge.j2' %}"},
               play="tasks: [{template: {src: outer-huge.j2, dest: /t}}]"),
        Attack(name="a huge lookup", says=r"huge-file has 10240 MiB", make=sparse("files/huge-file"),
               play="tasks: [{copy: {content: \"{{ lookup('file', 'huge-file') }}\", dest: /t}}]"),
        Attack(name="a huge source", says="", make=sparse("files/huge-source"),
               play="tasks: [{copy: {src: huge-source, dest: /t}}]"),
        Attack(name="a source that is a device", says="", make=link("files/source-zero", "/dev/zero"),
               play="tasks: [{copy: {src: source-zero, dest: /t}}]"),
        Attack(name="a source that is a pipe", says="", make=pipe("files/source-fifo"),
               play="tasks: [{copy: {src: source-fifo, dest: /t}}]"),
        Attack(name="links in a circle", says="incomplete-forecast .*loops/a/up leads back to where it stands", make=_loops,
               play="tasks: [{copy: {src: loops/, dest: /t}}]"),
        Attack(name="a link to itself", says="self", make=link("files/self", "self"),
               play="tasks: [{copy: {src: self, dest: /t}}]"),
        Attack(name="a template outside of the project", says="", play="tasks: [{template: {src: ../../../../../../etc/hostname, dest: /t}}]"),
        Attack(name="a script that is a device", says="", make=link("files/script-zero", "/dev/zero"),
               play="tasks: [{script: script-zero}]"),
    ),
)  # fmt: skip

TASKS = Bundle(name="tasks from a pipe", attacks=(
        Attack(name="tasks from a pipe", says=ENDLESS, make=pipe("fifo-tasks.yml"),
               play="tasks: [{include_tasks: fifo-tasks.yml}]"),
),)  # fmt: skip
HUGE_TASKS = Bundle(name="huge tasks", attacks=(
        Attack(name="huge tasks", says=r"huge-tasks\.yml has 10240 MiB", make=sparse("huge-tasks.yml"),
               play="tasks: [{include_tasks: huge-tasks.yml}]"),
),)  # fmt: skip
INVENTORY_PIPE = Bundle(
    name="inventory that is a pipe", inventory="fifo", fails=True, seconds=20,
    attacks=(Attack(name="an inventory that is a pipe", says="a device or a pipe|could not be (read|found)", make=pipe("fifo")),),
)  # fmt: skip
INVENTORY_ZERO = Bundle(
    name="inventory that is a device", inventory="zero", fails=True, seconds=20,
    attacks=(Attack(name="an inventory that is a device", says="a device or a pipe|could not be (read|found)",
                    make=link("zero", "/dev/zero")),),
)  # fmt: skip
INVENTORY_HUGE = Bundle(
    name="inventory that is huge", inventory="hosts.ini", fails=True, seconds=20,
    attacks=(Attack(name="an inventory that is huge", says="has 10240 MiB|could not be read", make=sparse("hosts.ini")),),
)  # fmt: skip
GROUP_VARS = Bundle(
    name="group_vars that is a device", seconds=20, fails=True,
    attacks=(Attack(name="group_vars that is a device", says="a device or a pipe|could not be read",
                    make=link("group_vars/all.yml", "/dev/zero")),),
)  # fmt: skip
PLAYBOOK = Bundle(
    name="a playbook that is huge", fails=True, seconds=20,
    attacks=(Attack(name="a playbook that is huge", says="has 10240 MiB", make=sparse("site.yml")),),
)  # fmt: skip
PASSWORD = Bundle(
    name="a password file that is a device", fails=True, seconds=20, argv=("--vault-password-file", "zero"),
    attacks=(Attack(name="a password file that is a device", says="a device or a pipe", make=link("zero", "/dev/zero")),),
)  # fmt: skip
BUNDLES = (READ, TASKS, HUGE_TASKS, INVENTORY_PIPE, INVENTORY_ZERO, INVENTORY_HUGE, GROUP_VARS, PLAYBOOK, PASSWORD)
