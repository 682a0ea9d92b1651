"""Units from PID 1, over a D-Bus that is acted here."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from aisafe.agent import dbus, systemd
from aisafe.agent.failure import AgentFailure

EXEC = [("/bin/sh", ["sh", "-c", "echo a b"], False, 0, 0, 0, 0, 0, 0, 0)]


class ActedBus:
    """Answers from a table: unit -> properties. ListUnits shows those with ``loaded``."""

    def __init__(self, units: dict[str, dict[str, Any]], search: list[str]) -> None:
        self.units = {dbus.object_path(name): dict(values, Id=values.get("Id", name)) for name, values in units.items()}
        self.listed = [[name, "", "", "", ""] for name, values in units.items() if values.get("loaded")]
        self.search = search

    def call(self, questions: list[Any]) -> list[Any]:
        return [self._one(*question) for question in questions]

    def _one(self, path: str, interface: str, method: str, arguments: tuple[str, ...]) -> Any:
        if method == "ListUnits":
            return [self.listed]
        if arguments[-1:] == ("UnitPath",):
            return [self.search]
        if method == "GetAll":
            return [list(self.units[path].items())]
        value = self.units[path].get(arguments[1])
        return dbus.BusError("org.freedesktop.DBus.Error.UnknownProperty", "none") if value is None else [value]


def test_units(tmp_path: Path) -> None:
    for name in ("web.service", "idle.service", "tmpl@.service", "some.mount"):
        (tmp_path / name).touch()
    (tmp_path / "www.service").symlink_to("web.service")
    (tmp_path / "off.service").symlink_to(os.devnull)
    (tmp_path / "off-too.service").symlink_to("off.service")
    (tmp_path / "lazy.service").symlink_to("idle.service")
    table = {
        "web.service": {
            "loaded": True,
            "Names": ["web.service", "www.service"],
            "LoadState": "loaded",
            "ActiveState": "active",
            "SubState": "running",
            "UnitFileState": "enabled",
            "Type": "simple",
            "MainPID": 7,
            "ExecStart": EXEC,
            "Environment": ["A=b c", "D="],
            "EnvironmentFiles": [("/etc/default/web", True), ("/etc/web", False)],
            "InvocationID": list(range(16)),
            "DropInPaths": ["/etc/systemd/system/web.service.d/a.conf"],
        },
        "gone.service": {"loaded": True, "LoadState": "not-found", "ActiveState": "inactive"},
        "deleted.service": {"loaded": True, "LoadState": "not-found", "ActiveState": "active"},
        "api.socket": {
            "loaded": True,
            "LoadState": "loaded",
            "ActiveState": "active",
            "Listen": [("Stream", "[::]:80"), ("Datagram", "127.0.0.1:53")],
            "BindIPv6Only": "ipv6-only",
            "Triggers": ["api.service"],
        },
        "idle.service": {
            "LoadState": "loaded",
            "ActiveState": "inactive",
            "UnitFileState": "disabled",
            "ExecStart": EXEC,
            "ExecStartEx": [("/bin/sh", ["sh", "$HOME"], ["no-env-expand"], 0, 0, 0, 0, 0, 0, 0)],
        },
        "some.mount": {"loaded": True, "LoadState": "loaded"},
    }
    found = systemd.units(ActedBus(table, [str(tmp_path), "/not/there"]))
    assert set(found) == {
        "web.service",
        "deleted.service",
        "api.socket",
        "idle.service",
        "off.service",
        "off-too.service",
    }
    web = found["web.service"]
    assert web["commands"] == [["/bin/sh", "-c", "echo a b"]]
    assert found["idle.service"]["commands"] == [["/bin/sh", "$$HOME"]]
    assert web["environment"] == {"A": "b c", "D": ""}
    assert web["environment_files"] == ["-/etc/default/web", "/etc/web"]
    assert web["aliases"] == ["www.service"]
    assert web["invocation_id"] == "000102030405060708090a0b0c0d0e0f"
    assert web["main_pid"] == 7
    assert found["api.socket"]["listen"] == ["ListenStream=[::]:80", "ListenDatagram=127.0.0.1:53"]
    assert found["api.socket"]["ipv6_only"] is True
    assert found["idle.service"]["unit_file_state"] == "disabled"
    assert found["idle.service"]["aliases"] == ["lazy.service"]
    assert [found[name]["load_state"] for name in ("off.service", "off-too.service")] == ["masked", "masked"]


def test_cache(tmp_path: Path) -> None:
    """Units that are not loaded are asked for once, until a file in the search path changes."""
    place, cache = tmp_path / "units", str(tmp_path / "cache.json")
    place.mkdir()
    (place / "idle.service").touch()
    (place / "idle.service.d").mkdir()
    asked: list[str] = []

    class Counting(ActedBus):
        def _one(self, path: str, interface: str, method: str, arguments: tuple[str, ...]) -> Any:
            if method == "GetAll":
                asked.append(path)
            return super()._one(path, interface, method, arguments)

    bus = Counting({"idle.service": {"LoadState": "loaded", "ExecStart": EXEC}}, [str(place)])
    first = systemd.units(bus, cache)
    assert systemd.units(bus, cache) == first
    assert len(asked) == 1
    assert os.stat(cache).st_mode & 0o777 == 0o600
    (place / "idle.service.d/more.conf").touch()
    systemd.units(bus, cache)
    (place / "multi-user.target.wants").mkdir()
    (place / "multi-user.target.wants/idle.service").symlink_to("../idle.service")
    systemd.units(bus, cache)
    assert len(asked) == 3
    Path(cache).write_text("damaged")
    assert systemd.units(bus, cache) == first
    assert systemd.units(bus, "/not/there/cache") == first


def test_refused_list() -> None:
    bus = ActedBus({}, [])
    bus._one = lambda *question: dbus.BusError("org.freedesktop.DBus.Error.AccessDenied", "no")  # type: ignore[method-assign]
    with pytest.raises(AgentFailure, match="refused to list its units"):
        systemd.units(bus)


def test_signature() -> None:
    assert dbus.split_signature("sa(ss)ua{sv}v") == ["s", "a(ss)", "u", "a{sv}", "v"]


@pytest.mark.parametrize(
    ("unit", "path"),
    [
        ("ssh.service", "ssh_2eservice"),
        ("a@b-c.socket", "a_40b_2dc_2esocket"),
        ("9p.timer", "_39p_2etimer"),
        ("é", "_c3_a9"),
    ],
)
def test_object_path(unit: str, path: str) -> None:
    assert dbus.object_path(unit) == "/org/freedesktop/systemd1/unit/" + path


def _reply(serial: int, signature: bytes, body: bytes, *, error: bytes = b"") -> bytes:
    """A method's return, or error, as a bus sends it (D-Bus Specification, "Message Format")."""
    fields = struct.pack("<BB2sI", 5, 1, b"u\0", serial)
    if error:
        fields += b"\0" * (-len(fields) % 8) + struct.pack("<BB2sI", 4, 1, b"s\0", len(error)) + error + b"\0"
    fields += b"\0" * (-len(fields) % 8) + struct.pack("<BB2sB", 8, 1, b"g\0", len(signature)) + signature + b"\0"
    head = struct.pack("<BBBBIII", ord("l"), 3 if error else 2, 0, 1, len(body), 99, len(fields))
    return head + fields + b"\0" * (-len(fields) % 8) + body


def _serve(listener: socket.socket, answers: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"OK 1234\r\n")
        connection.recv(65536)
        for part in answers:
            connection.sendall(part)
        while connection.recv(65536):
            pass  # closing with questions unread would break the connection


def test_conversation(tmp_path: Path) -> None:
    """Signals and other messages in between are skipped, answers come in any order, an error is one question's only."""
    path = str(tmp_path / "bus")
    texts = struct.pack("<I", 18) + struct.pack("<I", 3) + b"a b\0" + struct.pack("<I", 5) + b"c=d e\0"
    good = _reply(2, b"v", b"\x02as\0" + struct.pack("<I", 18) + texts[4:])
    bad = _reply(3, b"s", struct.pack("<I", 2) + b"no\0", error=b"org.x.Denied")
    hello = _reply(1, b"s", struct.pack("<I", 4) + b":1.7\0")
    signal = bytearray(_reply(2, b"s", struct.pack("<I", 1) + b"x\0"))
    signal[1] = 4
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, [hello, bytes(signal), bad, good]))
        thread.start()
        bus = dbus.Bus(path, seconds=5)
        first, second = bus.call([("/a", "i", "m", ("x",)), ("/b", "i", "m", ())])
        bus.close()
        thread.join()
    assert first == [["a b", "c=d e"]]
    assert isinstance(second, dbus.BusError)
    assert second.name == "org.x.Denied"


def test_no_bus(tmp_path: Path) -> None:
    with pytest.raises(AgentFailure, match=r"systemd does not answer over D-Bus.*No such file"):
        dbus.Bus(str(tmp_path / "none"))
