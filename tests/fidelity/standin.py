"""Stands in for a server that Debian does not have: `standin.py NAME VERSION WORDS…` on a test host.

It is given what the real program is given, listens where that program's manual says that it does then, answers 200 to
whatever it is asked, and never looks at the product. Each server's rule has its source. The servers are written in Go,
whose net.Listen takes 0.0.0.0 for all addresses of both families (pkg.go.dev/net, Listen).
"""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

Address = tuple[str, int]
CHECKS = {"version", "v", "V", "validate", "check-syntax", "verify-config", "config.verify", "modules", "fmt"}
"""Options and verbs after which such a program says something and ends."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nready\n"


def main(words: list[str]) -> int:
    name, version, *rest = words
    if CHECKS & {word.lstrip("-").partition("=")[0] for word in rest}:
        print(f"{name} version {version}")
        return 0
    held = [listen(*address) for address in SERVERS[name](rest)]
    threads = [threading.Thread(target=serve, args=(each,)) for each in held]
    for thread in threads:
        thread.start()
    return 0


def listen(host: str, port: int) -> socket.socket:
    every = host in ("", "0.0.0.0", "::")
    if every:
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def serve(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(ANSWER)


def option(words: list[str], name: str) -> str:
    """The value of ``--name=value`` or ``-name value``."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        found, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and found == name:
            return value if equals else following
    return ""


def configuration(path: str) -> dict[str, Any]:
    import yaml

    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file) or {}


def endpoint(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def grafana(http: int) -> Callable[[list[str]], Iterator[Address]]:
    """The block `server` of Loki, Promtail, Mimir and Tempo (grafana.com/docs, Configure Loki: server)."""

    def addresses(words: list[str]) -> Iterator[Address]:
        server = configuration(option(words, "config.file")).get("server", {})
        yield server.get("http_listen_address", ""), int(server.get("http_listen_port", http))
        yield server.get("grpc_listen_address", ""), int(server.get("grpc_listen_port", 9095))

    return addresses


def mimir(words: list[str]) -> Iterator[Address]:
    """Its rings are kept in memberlist unless told otherwise (grafana.com/docs/mimir, Configure hash rings)."""
    yield from grafana(8080)(words)
    yield "", int(configuration(option(words, "config.file")).get("memberlist", {}).get("bind_port", 7946))


def tempo(words: list[str]) -> Iterator[Address]:
    """A single binary without memberlist members keeps its rings in memory (cmd/tempo/main.go, loadConfig)."""
    yield from grafana(3200)(words)
    yield from receivers(configuration(option(words, "config.file")).get("distributor", {}).get("receivers", {}))


def receivers(config: dict[str, Any]) -> Iterator[Address]:
    """Only protocols that are named, at localhost unless told otherwise (opentelemetry-collector, receiver/otlpreceiver)."""
    for receiver in (config[name] for name in config if name.partition("/")[0] == "otlp"):
        protocols = (receiver or {}).get("protocols") or {}
        for protocol, port in (("grpc", 4317), ("http", 4318)):
            if protocol in protocols:
                yield endpoint((protocols[protocol] or {}).get("endpoint", f"127.0.0.1:{port}"))


def otelcol(words: list[str]) -> Iterator[Address]:
    """Its own metrics are at 127.0.0.1:8888 (opentelemetry.io/docs/collector/internal-telemetry)."""
    config = configuration(option(words, "config"))
    yield from receivers(config.get("receivers", {}))
    metrics = ((config.get("service") or {}).get("telemetry") or {}).get("metrics") or {}
    if metrics.get("level") != "none":
        yield endpoint(metrics.get("address", "127.0.0.1:8888"))


def alloy(words: list[str]) -> Iterator[Address]:
    """grafana.com/docs/alloy, The run command."""
    yield endpoint(option(words, "server.http.listen-addr") or "127.0.0.1:12345")


def grafana_server(words: list[str]) -> Iterator[Address]:
    """grafana.com/docs/grafana, Configure Grafana: server."""
    with open(option(words, "config"), encoding="utf-8") as file:
        block = re.search(r"^\[server\]\n((?:(?!\[).*\n?)*)", file.read(), re.MULTILINE)
    values = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", block[1] if block else "", re.MULTILINE))
    yield values.get("http_addr", ""), int(values.get("http_port") or 3000)


def blackbox_exporter(words: list[str]) -> Iterator[Address]:
    """github.com/prometheus/exporter-toolkit, web.listen-address."""
    yield endpoint(option(words, "web.listen-address") or ":9115")


SERVERS: dict[str, Callable[[list[str]], Iterator[Address]]] = {
    "loki": grafana(3100), "promtail": grafana(80), "mimir": mimir, "tempo": tempo, "alloy": alloy,
    "otelcol-contrib": otelcol, "grafana": grafana_server, "blackbox_exporter": blackbox_exporter,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
