"""A D-Bus client that can ask systemd, and nothing more (D-Bus Specification, "Message Protocol").

``systemctl show`` joins what it prints with spaces: ``sh -c 'echo a b'`` and ``Environment="A=b c"`` cannot be read
back from it. PID 1 itself answers exactly, and many questions at once over one connection.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, Sequence

from .failure import AgentFailure

SYSTEM = "/run/dbus/system_bus_socket"
PRIVATE = (
    "/run/systemd/private"  # PID 1 itself, for root, when the bus is dead; it sends every signal to all who are there
)
HELLO = "org.freedesktop.DBus"
BATCH = 64  # questions under way at once: their requests and answers stay below the socket's buffers

_PLAIN = {"y": ("B", 1), "b": ("I", 4), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4), "x": ("q", 8),
          "t": ("Q", 8), "d": ("d", 8), "h": ("I", 4)}  # fmt: skip
_ALIGN = dict({key: size for key, (_, size) in _PLAIN.items()}, s=4, o=4, g=1, v=1, a=4)
_ALIGN.update({"(": 8, "{": 8})


class BusError(Exception):
    """One question was refused; ``name`` is the D-Bus error's name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__("%s: %s" % (name, text))
        self.name = name


class Bus:
    """A connection to systemd. Raises AgentFailure 'no-systemd' when nothing answers; ``seconds`` bounds each wait."""

    def __init__(self, path: str = "", seconds: float = 20.0) -> None:
        paths = [path] if path else ([SYSTEM, PRIVATE] if os.geteuid() == 0 else [SYSTEM])
        why = ""
        for candidate in paths:
            try:
                self._open(candidate, seconds)
                return
            except OSError as error:
                why = "%s: %s" % (candidate, error.strerror or error)
        raise AgentFailure("no-systemd", "systemd does not answer over D-Bus (%s)" % why)

    def _open(self, path: str, seconds: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        self._serial = 0
        self._rest = b""
        try:
            self._socket.connect(path)
            identity = str(os.geteuid()).encode().hex().encode()
            self._socket.sendall(b"\0AUTH EXTERNAL " + identity + b"\r\n")
            line = self._line()
            if not line.startswith(b"OK"):
                raise OSError("authentication refused")
            self._socket.sendall(b"BEGIN\r\n")
            if path != PRIVATE:
                (hello,) = self.call([("/org/freedesktop/DBus", HELLO, "Hello", ())], to=HELLO)
                if isinstance(hello, BusError):
                    raise hello
        except (OSError, BusError) as error:
            self._socket.close()
            raise OSError(getattr(error, "errno", None), getattr(error, "strerror", None) or str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def call(
        self, questions: Sequence[tuple[str, str, str, tuple[str, ...]]], to: str = "org.freedesktop.systemd1"
    ) -> list[Any]:
        """The answers to ``(object path, interface, method, string arguments)``, in order.

        Each is the list of values that the method returns, or the :class:`BusError` that it came to.
        """
        answers: list[Any] = []
        for start in range(0, len(questions), BATCH):
            batch = questions[start : start + BATCH]
            first = self._serial + 1
            self._socket.sendall(b"".join(self._request(to, *question) for question in batch))
            waiting: dict[int, Any] = {}
            while len(waiting) < len(batch):
                serial, answer = self._answer()
                if first <= serial < first + len(batch):
                    waiting[serial] = answer
            answers += [waiting[first + index] for index in range(len(batch))]
        return answers

    def _request(self, to: str, path: str, interface: str, method: str, arguments: tuple[str, ...]) -> bytes:
        self._serial += 1
        body = b""
        for text in arguments:
            body = _pad(body, 4) + _string(text)
        fields = b""
        named = [(1, b"o", path), (2, b"s", interface), (3, b"s", method), (6, b"s", to)]
        for code, kind, text in named:
            fields = _pad(fields, 8) + struct.pack("<BB", code, 1) + kind + b"\0" + _string(text)
        if arguments:
            signature = b"s" * len(arguments)
            fields = _pad(fields, 8) + struct.pack("<BB", 8, 1) + b"g\0" + bytes([len(signature)]) + signature + b"\0"
        head = struct.pack("<BBBBIII", ord("l"), 1, 0, 1, len(body), self._serial, len(fields))
        return _pad(head + fields, 8) + body

    def _answer(self) -> tuple[int, Any]:
        """The serial number that the next message answers (0 for a signal), and what it says."""
        head = self._exactly(16)
        order = "<" if head[:1] == b"l" else ">"
        kind = head[1]
        body_size, _, fields_size = struct.unpack(order + "III", head[4:16])
        rest = self._exactly((fields_size + 7) // 8 * 8 + body_size)
        fields = {}
        for code, value in _Reader(head + rest[:fields_size], order, 12).array("(yv)"):
            fields[code] = value
        body = rest[len(rest) - body_size :]
        values = []
        if body_size:
            reader = _Reader(body, order, 0)
            values = [reader.value(part) for part in split_signature(fields.get(8, ""))]
        if kind == 3:
            return fields.get(5, 0), BusError(str(fields.get(4, "")), str(values[0]) if values else "")
        return (fields.get(5, 0) if kind == 2 else 0), values

    def _exactly(self, size: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size:
            part = self._socket.recv(262144)
            if not part:
                raise OSError("systemd closed the connection")
            parts.append(part)
            have += len(part)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            part = self._socket.recv(4096)
            if not part:
                raise OSError("systemd closed the connection")
            self._rest += part
        line, self._rest = self._rest.split(b"\r\n", 1)
        return line


class _Reader:
    """Values out of a marshalled block (D-Bus Specification, "Marshaling")."""

    def __init__(self, data: bytes, order: str, at: int) -> None:
        self.data, self.order, self.at = data, order, at

    def value(self, signature: str) -> Any:
        kind = signature[0]
        size = _ALIGN[kind]
        self.at = (self.at + size - 1) // size * size
        if kind in _PLAIN:
            form, size = _PLAIN[kind]
            (number,) = struct.unpack_from(self.order + form, self.data, self.at)
            self.at += size
            return bool(number) if kind == "b" else number
        if kind in "so":
            (size,) = struct.unpack_from(self.order + "I", self.data, self.at)
            return self._text(self.at + 4, size)
        if kind == "g":
            return self._text(self.at + 1, self.data[self.at])
        if kind == "v":
            return self.value(self._text(self.at + 1, self.data[self.at]))
        if kind == "a":
            return self.array(signature[1:])
        return tuple(self.value(part) for part in split_signature(signature[1:-1]))

    def array(self, inner: str) -> list[Any]:
        (size,) = struct.unpack_from(self.order + "I", self.data, self.at)
        align = _ALIGN[inner[0]]
        self.at = (self.at + 4 + align - 1) // align * align
        end = self.at + size
        values = []
        while self.at < end:
            values.append(self.value(inner))
        return values

    def _text(self, start: int, size: int) -> str:
        self.at = start + size + 1
        return self.data[start : start + size].decode("utf-8", "surrogateescape")


def split_signature(signature: str) -> list[Any]:
    """The complete types of a signature: ``sa(ss)u`` is ``s``, ``a(ss)``, ``u``."""
    parts, start, depth = [], 0, 0
    for index, sign in enumerate(signature):
        depth += (sign in "({") - (sign in ")}")
        if depth == 0 and sign != "a":
            parts.append(signature[start : index + 1])
            start = index + 1
    return parts


def object_path(unit: str) -> str:
    """The object of a unit; all but letters and digits, and a leading digit, is escaped (sd_bus_path_encode(3))."""
    escaped = "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 and not (index == 0 and chr(byte).isdigit()) else "_%02x" % byte
        for index, byte in enumerate(unit.encode("utf-8", "surrogateescape"))
    )
    return "/org/freedesktop/systemd1/unit/" + (escaped or "_")


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<I", len(data)) + data + b"\0"


def _pad(data: bytes, size: int) -> bytes:
    return data + b"\0" * (-len(data) % size)
