"""What is said of sockets and unit files, against the kernel's bind(2) and systemd itself: 10,000 cases from a seed.

AISAFE_SEED draws others; a failure names the seed.
"""

from __future__ import annotations

import base64
import io
import json
import os
import posixpath
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aisafe.effects import sockets
from aisafe.effects.api import LiveFile
from aisafe.effects.filetree import FileTree
from aisafe.effects.unitfiles import UnitFiles
from aisafe.formats.serverconfig import Reader
from aisafe.formats.unitfile import expand_variables
from aisafe.model import HostState, Unit
from tests.formats.envcases import EnvMaker
from tests.formats.socketcases import BIND, pairs, question
from tests.formats.unitcases import MARK, Tree, tree
from tests.testbed import Host

SEED = int(os.environ.get("AISAFE_SEED", "20261127"))
PAIRS, UNITS, ENVIRONMENTS = 6000, 3800, 200
PINNED = 200  # units that one target holds in systemd's memory
AGENT = Path(__file__).parents[2] / "aisafe" / "agent"
ASK = """
import json, sys
sys.path.insert(0, "/root/asking")
from aisafe.agent import systemd
from aisafe.agent.dbus import PRIVATE, Bus
systemd.UNIT = ("LoadState", "DropInPaths", "Triggers")
systemd.OF_KIND["service"] = ("Type", "Restart", "User", "ExecStartEx", "Environment", "EnvironmentFiles")
systemd.OF_KIND["socket"] = ("Listen", "BindIPv6Only")
names = json.load(sys.stdin)
said = systemd._ask_loaded(Bus(PRIVATE), names)
json.dump({name: systemd._unit(dict({"Id": name}, **values)) for name, values in said}, sys.stdout)
"""


def lay_down(host: Host, files: Mapping[str, str], links: Mapping[str, str]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for path, text in files.items():
            entry, data = tarfile.TarInfo(path.lstrip("/")), text.encode()
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
        for path, target in links.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    host.run("base64 -d | tar -xzf - -C /", input=base64.b64encode(packed.getvalue()).decode())


def on(host: Host, script: str, question: object) -> Any:
    host.write("/root/ask.py", script)
    return json.loads(host.run("python3 /root/ask.py", input=json.dumps(question)).stdout)


def asked(host: Host, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What PID 1 says of units in its memory, through the agent's own reader."""
    own = {f"/root/asking/aisafe/agent/{path.name}": path.read_text() for path in AGENT.glob("*.py")}
    lay_down(host, {"/root/asking/aisafe/__init__.py": "", **own}, {})
    found: dict[str, dict[str, Any]] = on(host, ASK, list(names))
    return found


def reader(made: Tree) -> UnitFiles:
    """Our own reading of the same files."""
    table = {path: LiveFile(path=path, kind="file", content=text.encode()) for path, text in made.files.items()}
    table |= {path: LiveFile(path=path, kind="link", target=target) for path, target in made.links.items()}
    below: dict[str, set[str]] = {}
    for path in made.all():
        above = path
        while above != "/":
            above, name = posixpath.split(above)
            below.setdefault(above, set()).add(name)
    table |= {path: LiveFile(path=path, kind="directory", entries=tuple(names)) for path, names in below.items()}

    def read(paths: Sequence[str]) -> dict[str, LiveFile]:
        real = {path: f"/usr{path}" if path.startswith("/lib/") else path for path in paths}
        return {path: table.get(real[path], LiveFile(path=path, kind="absent")) for path in paths}

    aliased = {
        posixpath.basename(target): Unit(
            name=posixpath.basename(target), aliases=(posixpath.basename(path),), fragment_path="/x",
            need_daemon_reload=True,
        )
        for path, target in made.links.items() if target != "/dev/null"
    }  # fmt: skip
    state = HostState(
        host="web1", taken_at=datetime.now(UTC), hostname="web1", boot_id=BOOT, os={"id": "debian", "version_id": "12"},
        units=aliased,
    )  # fmt: skip
    return UnitFiles(state, FileTree(read, lambda spot: None))


BOOT = "12345678-1234-1234-1234-123456789abc"


def comparable(unit: Mapping[str, Any]) -> dict[str, Any]:
    if unit["load_state"] != "loaded":
        return {"load_state": unit["load_state"]}
    names = ("commands", "environment", "environment_files", "type", "restart", "user", "ipv6_only", "triggers")
    listen = sorted(
        entry if entry.partition("=")[2][:1] not in ("/", "@") else entry.partition("=")[0] for entry in unit["listen"]
    )
    drop_ins = [path.removeprefix("/usr") if path.startswith("/usr/lib/") else path for path in unit["drop_in_paths"]]
    return {"load_state": "loaded", "listen": listen, "drop_in_paths": drop_ins, **{name: unit[name] for name in names}}


def ours(unit: Unit) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps({
        name: getattr(unit, name) for name in ("load_state", "commands", "environment_files", "type", "restart", "user",
                                               "ipv6_only", "triggers", "listen", "drop_in_paths")
    }))  # fmt: skip
    return comparable({**plain, "environment": dict(unit.environment)})


def test_units_are_read_as_systemd_reads_them(host: Host) -> None:
    made = tree(SEED, UNITS)
    pins = {}
    for start in range(0, UNITS, PINNED):
        after = "".join(f"After={name}\n".replace("\\", "\\\\") for name in made.names[start : start + PINNED])
        pins[f"{MARK}-pin{start}.target"] = f"[Unit]\n{after}"
    lay_down(host, {**made.files, **{f"/etc/systemd/system/{name}": text for name, text in pins.items()}}, made.links)
    host.run("systemctl daemon-reload && systemctl start " + " ".join(pins))
    boot = host.read("/proc/sys/kernel/random/boot_id").strip().replace("-", "")
    said = asked(host, made.names)
    assert len(said) == UNITS
    found = reader(made)
    different = []
    for name in made.names:
        told = json.loads(json.dumps(comparable(said[name])).replace(boot, BOOT.replace("-", "")))
        mine = ours(found.on_disk(name).unit)
        if told["load_state"] == "error":  # a header that is not closed: systemd reads no further, and gives up
            continue
        different += [(name, key, mine.get(key), told[key]) for key in told if mine.get(key) != told[key]]
    assert different == [], f"seed {SEED}: {len(different)} of {UNITS}: {different[:5]}"
    states = [said[name]["load_state"] for name in made.names]
    assert min(states.count("loaded"), states.count("bad-setting")) > UNITS / 5  # both kinds are really there


def test_environment_files_and_variables_are_read_as_systemd_reads_them(host: Host) -> None:
    maker = EnvMaker(SEED)
    files: dict[str, str] = {}
    names = [f"{MARK}-env{number}.service" for number in range(ENVIRONMENTS)]
    for number, name in enumerate(names):
        for letter in "ab":
            files[f"/etc/{MARK}/{number}.{letter}.env"] = maker.environment_file()
        files[f"/etc/systemd/system/{name}"] = (
            f"[Service]\nType=oneshot\nEnvironment=A=unit \"B=from unit\" C='c c'\n"
            f"EnvironmentFile=/etc/{MARK}/{number}.a.env\nEnvironmentFile=-/etc/{MARK}/{number}.[b]*\n"
            f"EnvironmentFile=-/etc/{MARK}/none\nStandardOutput=append:/root/out/{number}\n"
            f'ExecStart=/usr/bin/printf "%%s\\\\0" begin {maker.words_of_command()} end\n'
            f"ExecStart=/usr/bin/env -0\n"
        )
    lay_down(host, files, {})
    host.run(f"mkdir /root/out && systemctl daemon-reload && systemctl start {' '.join(names)}")
    printed = on(host, "import json, sys\njson.dump([open('/root/out/%d' % n, newline='').read() for n in json.load(sys.stdin)], "
                       "sys.stdout)", list(range(ENVIRONMENTS)))  # fmt: skip
    found = reader(Tree(files=files, names=names))
    read = Reader(
        text=files.get,
        names=lambda path: tuple(posixpath.basename(name) for name in files if posixpath.dirname(name) == path),
    )
    for number, name in enumerate(names):
        words = printed[number].split("\0")
        end = words.index("end")
        real = dict(word.split("=", 1) for word in words[end + 1 :] if "=" in word)
        unit = found.on_disk(name).unit
        environment, missing = sockets.environment_of(unit, read)
        where = f"seed {SEED}, {number}: {[files[f'/etc/{MARK}/{number}.{letter}.env'] for letter in 'ab']}"
        assert not missing
        assert {key: value for key, value in real.items() if key in environment} == environment, where
        argv = expand_variables(unit.commands[0], environment)
        assert list(argv[2:]) == words[: end + 1], where
        assert not ({"A", "B", "C", "D", "_x", "LONG_NAME", "export A"} & set(real)) - set(environment), where


def test_sockets_overlap_where_the_kernel_says_so(host: Host) -> None:
    cases = pairs(SEED, PAIRS)
    host.write("/root/ask.py", BIND)
    asked = json.dumps([[question(one), question(other)] for one, other in cases])
    said = json.loads(host.run("unshare --net python3 /root/ask.py", input=asked).stdout)
    wrong = [
        (str(one), one.ipv6_only, str(other), other.ipv6_only, refused)
        for (one, other), refused in zip(cases, said, strict=True) if one.overlaps(other) is not refused
    ]  # fmt: skip
    assert wrong == [], f"seed {SEED}: {len(wrong)} of {PAIRS}"
    assert all(one.overlaps(other) is other.overlaps(one) for one, other in cases)
    assert min(said.count(True), said.count(False)) > PAIRS / 10
