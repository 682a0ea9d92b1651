"""Hosts over SSH with paramiko: one connection a host, no process for each."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from aisafe.errors import Unreachable
from aisafe.model import Connection, Login
from aisafe.transport import knownhosts
from aisafe.transport.become import plan
from aisafe.transport.hostconfig import Route, route
from aisafe.transport.openssh import open_program
from aisafe.transport.pipe import Pipe
from aisafe.transport.session import Session, begin

if TYPE_CHECKING:
    import paramiko

KEEPALIVE = 15
"""Seconds between signs of life, so that firewalls keep a quiet connection, and a dead host is noticed."""


class NotLetIn(Unreachable):
    """None of the user's keys and passwords was taken."""


class ChannelPipe:
    """A command's stream on the host."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def send(self, data: bytes) -> None:
        self._channel.settimeout(60)
        self._channel.sendall(data)

    def receive(self, seconds: float) -> bytes:
        self._channel.settimeout(seconds)
        return self._channel.recv(1 << 18)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._channel.close()


def open_ssh(connection: Connection) -> Session:
    """Raises Unreachable with the reason, and else as :func:`aisafe.transport.session.begin`."""
    import paramiko  # noqa: PLC0415 (0.3 s, and only for ssh)

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would log is in the error that is raised
    way = route(connection)
    if way.program:
        return open_program(connection, way)
    try:
        client, close = connect(way)
    except NotLetIn:
        if not (way.otherwise and _has_ticket()):
            raise
        return open_program(connection, way)

    def start(line: str, terminal: bool) -> Pipe:
        try:
            transport = client.get_transport()
            if transport is None:
                raise EOFError
            channel = transport.open_session(timeout=way.timeout)
            channel.set_combine_stderr(True)
            if terminal:
                channel.get_pty(width=250)
            channel.exec_command(f"exec /bin/sh -c {shlex.quote(line)}")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise _failed(way, f"the host refused to run a command ({_words(error)})") from None
        return ChannelPipe(channel)

    try:
        session = begin(connection, start, is_root=way.user == "root", close=close)
        session.login = _login_of(client, way, connection)
        return session
    except BaseException:
        close()
        raise


def _has_ticket() -> bool:
    """Whether Kerberos has let the user in (klist(1), -s): many systems allow GSSAPI to everybody, and few use it."""
    klist = shutil.which("klist")
    return klist is not None and subprocess.run([klist, "-s"], check=False, capture_output=True).returncode == 0


def _login_of(client: paramiko.SSHClient, way: Route, connection: Connection) -> Login:
    """What the server took: the key that was tried last, or the password."""
    transport = client.get_transport()
    handler = transport.auth_handler if transport is not None else None
    method = handler.auth_method if handler is not None else ""
    private = handler.private_key if handler is not None and method == "publickey" else None
    become, _ = plan(connection, is_root=way.user == "root")
    return Login(user=way.user, method=method, key=private.get_base64() if private is not None else "", become=become,
                 become_password=connection.become_password is not None)  # fmt: skip


def connect(way: Route) -> tuple[paramiko.SSHClient, Callable[[], None]]:
    """A connection, logged in, and what closes it together with its jump hosts. Raises Unreachable."""
    closers: list[Callable[[], None]] = []

    def close() -> None:
        for closer in reversed(closers):
            with contextlib.suppress(Exception):
                closer()

    try:
        through: paramiko.SSHClient | None = None
        for hop in way.hops:
            through = _login(hop, _stream(hop, through, closers), via=f"jump host {hop.address}: ")
            closers.append(through.close)
        client = _login(way, _stream(way, through, closers))
        closers.append(client.close)
    except BaseException:
        close()
        raise
    return client, close


def _stream(
    way: Route, through: paramiko.SSHClient | None, closers: list[Callable[[], None]]
) -> paramiko.Channel | socket.socket:
    """The way to the host's port: through the last jump host, a command, or straight."""
    import paramiko  # noqa: PLC0415

    if through is not None:
        transport = through.get_transport()
        try:
            if transport is None:
                raise EOFError
            there, here = (way.address, way.port), ("127.0.0.1", 0)
            return transport.open_channel("direct-tcpip", there, here, timeout=way.timeout)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise _failed(way, f"the jump host cannot reach {way.address} port {way.port} ({_words(error)})") from None
    if way.proxy_command:
        mine, its = socket.socketpair()
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {way.proxy_command}"],
            stdin=its.fileno(), stdout=its.fileno(), stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        its.close()

        def end() -> None:
            mine.close()
            process.terminate()
            process.wait(timeout=5)

        closers.append(end)
        return mine
    try:
        stream = socket.create_connection((way.address, way.port), timeout=way.timeout)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small questions, each waiting for its answer
        return stream
    except TimeoutError:
        raise _failed(way, f"no answer from {way.address} port {way.port} within {way.timeout} s") from None
    except socket.gaierror:
        raise _failed(way, f"the name {way.address!r} cannot be resolved",
                      fix="Check the host's name, or set ansible_host.") from None  # fmt: skip
    except OSError as error:
        raise _failed(way, f"{way.address} port {way.port}: {_words(error)}") from None


def _login(way: Route, stream: paramiko.Channel | socket.socket, via: str = "") -> paramiko.SSHClient:
    import paramiko  # noqa: PLC0415

    known = knownhosts.lookup([way.trusted_as], way.known_hosts)

    class Check(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
            _check_key(way, known, key.get_name(), key.asbytes())

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(Check())
    try:
        client.connect(
            way.address, way.port, way.user, password=way.password, sock=stream, timeout=way.timeout,
            banner_timeout=way.timeout, auth_timeout=way.timeout, channel_timeout=way.timeout,
            key_filename=[str(path) for path in way.identity_files if path.is_file()],  # type: ignore[arg-type]
            allow_agent=way.agent.lower() != "none",
            look_for_keys=not way.identity_files, transport_factory=_preferring({key.kind for key in known}),
        )  # fmt: skip
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(KEEPALIVE)
        return client
    except Unreachable:
        client.close()
        raise
    except paramiko.PasswordRequiredException:
        client.close()
        raise _failed(way, f"{via}the private key is encrypted",
                      fix="Load it into an agent first: ssh-add, with the path of the key.") from None  # fmt: skip
    except paramiko.AuthenticationException:
        client.close()
        raise _nobody(way, via) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        client.close()
        if "No authentication methods" in str(error):  # there was no key to try
            raise _nobody(way, via) from None
        raise _failed(way, f"{via}{_words(error)}") from None


def _nobody(way: Route, via: str) -> Unreachable:
    tried = [str(path) for path in way.identity_files] or ["the agent's and the default keys"]
    tried += ["a password"] if way.password is not None else []
    why = f"{via}the host lets nobody in as {way.user!r} with {', '.join(tried)}"
    return NotLetIn(
        way.name,
        f"{way.name} cannot be reached: {why}.",
        fix="Check ansible_user and its key or password (see ssh -v).",
    )


def _preferring(kinds: set[str]) -> Callable[..., paramiko.Transport]:
    """A transport that asks first for the kinds of host key that are known, as ssh does: a second one looks unknown."""
    import paramiko  # noqa: PLC0415

    def make(stream: socket.socket, **options: object) -> paramiko.Transport:
        transport = paramiko.Transport(stream, **options)  # type: ignore[arg-type]
        offered = transport.get_security_options()
        wanted = kinds | ({"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in kinds else set())
        offered.key_types = sorted(offered.key_types, key=lambda kind: kind not in wanted)
        return transport

    return make


def _check_key(way: Route, known: list[knownhosts.KnownKey], kind: str, key: bytes) -> None:
    """Raises Unreachable for a key that ssh would not accept under the same settings."""
    fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    same = [entry for entry in known if entry.key == key]
    for entry in same:
        if entry.revoked:
            raise _failed(way, f"its host key {fingerprint} is marked as revoked in {entry.path} line {entry.line}",
                          fix="Do not log in there before its key was replaced.")  # fmt: skip
    others = [entry for entry in known if entry.kind == kind and not entry.revoked]
    if same or way.strict == "no":
        return
    if others:
        entry = others[0]
        raise _failed(
            way, f"its host key has CHANGED: it shows {kind} {fingerprint}, but {entry.path} line {entry.line} has "
            "another one. Somebody may be listening in, or the host was made again",
            fix="If it was made again, remove the old key: "
            f"ssh-keygen -R {shlex.quote(way.trusted_as)} -f {shlex.quote(str(entry.path))}",
        )  # fmt: skip
    if way.strict == "accept-new":
        return
    target = way.known_hosts[0] if way.known_hosts else "~/.ssh/known_hosts"
    raise _failed(
        way, f"its host key {kind} {fingerprint} is not known",
        fix=f"Compare that fingerprint with the host's own, then: ssh-keyscan -p {way.port} {way.address} >> {target}",
    )  # fmt: skip


def _words(error: BaseException) -> str:
    """An error of the network or of paramiko in words, without its class."""
    text = getattr(error, "strerror", None) or str(error)
    if isinstance(error, EOFError) or not text:
        return "the connection was closed"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if "banner" in str(text) or "No existing session" in str(text):  # paramiko's word for a start that timed out
        return "nothing there answers as an SSH server in time"
    return str(text).splitlines()[0].rstrip(".")


def _failed(way: Route, why: str, fix: str = "Check that the host is up and that ssh reaches it.") -> Unreachable:
    return Unreachable(way.name, f"{way.name} cannot be reached: {why}.", fix=fix)
