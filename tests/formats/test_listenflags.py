from __future__ import annotations

import shlex

import pytest

from aisafe.formats.listenflags import Listening, listening
from aisafe.formats.serverconfig import Reader


def of(line: str, files: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> Listening:
    table = files or {}

    def names(directory: str) -> tuple[str, ...]:
        return tuple(path.rpartition("/")[2] for path in table if path.rpartition("/")[0] == directory)

    return listening(tuple(shlex.split(line)), environment or {}, read=Reader(text=table.get, names=names))


@pytest.mark.parametrize(
    ("line", "sockets"),
    [
        ("/usr/bin/prometheus-node-exporter", "[::]:9100/tcp"),
        ("node_exporter --web.listen-address=127.0.0.1:9101", "127.0.0.1:9101/tcp"),
        ("node_exporter --web.listen-address :9101", "[::]:9101/tcp"),
        ("node_exporter --web.listen-address=:1 --web.listen-address=127.0.0.1:2", "[::]:1/tcp 127.0.0.1:2/tcp"),
        ("anything --web.listen-address=0.0.0.0:9090", "0.0.0.0:9090/tcp"),
        ("anything --port 9090", "[::]:9090/tcp"),
        ("anything --host 127.0.0.1 --port=9090", "127.0.0.1:9090/tcp"),
        ("anything -listen-address :81", "[::]:81/tcp"),
        ("anything --bind [::1]:82", "[::1]:82/tcp"),
        ("anything --http.address=0.0.0.0:1 --addr :2", "0.0.0.0:1/tcp [::]:2/tcp"),
        ("sshd -D -p 2222", "0.0.0.0:2222/tcp [::]:2222/tcp"),
        ("python3 -m http.server 8080 --bind 127.0.0.1", "127.0.0.1:8080/tcp"),
        ("gunicorn -b 0.0.0.0:81 app:app", "0.0.0.0:81/tcp"),
        ("redis-server --port 7000 --bind 0.0.0.0", "0.0.0.0:7000/tcp"),
        ("minio server /data --console-address :9001", "[::]:9000/tcp [::]:9001/tcp"),
        ("etcd --listen-client-urls=http://0.0.0.0:2379,http://127.0.0.1:4001 --listen-peer-urls http://127.0.0.1:1",
         "[::]:2379/tcp 127.0.0.1:4001/tcp 127.0.0.1:1/tcp"),  # Go: 0.0.0.0 is both families
        ("prometheus --web.listen-address=0.0.0.0:9999", "[::]:9999/tcp"),
        ("alertmanager --cluster.listen-address=", "[::]:9093/tcp"),
        ("traefik --entrypoints.web.address=:81", "[::]:81/tcp"),
        ("nc -lk -p 5000", "[::]:5000/tcp"),
        ("nc -lu 127.0.0.1 5000", "127.0.0.1:5000/udp"),
        ("nc example.org 80", ""),
        ("socat TCP-LISTEN:80,fork TCP:10.0.0.1:80", "0.0.0.0:80/tcp"),
        ("socat UDP6-LISTEN:81,bind=[::1] STDOUT", "[::1]:81/udp"),
        ("dockerd -H fd:// --containerd=/run/x", ""),
        ("env UPTIME_KUMA_PORT=81 uptime-kuma", "[::]:81/tcp"),
    ],
)  # fmt: skip
def test_known_sockets(line: str, sockets: str) -> None:
    found = of(line)
    assert " ".join(map(str, found.sockets)) == sockets
    assert found.known


@pytest.mark.parametrize(
    "line",
    [
        "anything",
        "anything -p 8080",
        "mysqldump --host=db.example --port=3306",
        "curl --url http://127.0.0.1:80",
        "sh -c 'a; b'",
        "nc -l",
    ],
)
def test_nothing_is_not_known(line: str) -> None:
    found = of(line)
    assert (found.sockets, found.known) == ((), False)
    assert found.why


def test_evidence_names_the_flag() -> None:
    assert of("prometheus --web.listen-address=:1").evidence == ("--web.listen-address=:1",)
    assert of("prometheus").evidence == ("default of prometheus",)


def test_environment_then_flags_win_over_files() -> None:
    files = {"/etc/grafana/grafana.ini": "[server]\nhttp_port = 3001\n;http_addr = x\n[other]\nhttp_port = 9\n"}
    assert [str(socket) for socket in of("grafana-server", files).sockets] == ["[::]:3001/tcp"]
    moved = of("grafana-server", files, {"GF_SERVER_HTTP_PORT": "3002"})
    assert [str(socket) for socket in moved.sockets] == ["[::]:3002/tcp"]
    assert moved.evidence == ("GF_SERVER_HTTP_PORT in the environment",)


def test_a_file_that_cannot_be_read_or_understood_leaves_it_open() -> None:
    found = of("envoy -c /etc/envoy.yml", {"/etc/envoy.yml": "static_resources: {}"})
    assert not found.known
    assert "/etc/envoy.yml" in found.why
    unread = listening(("nginx",), {})
    assert (len(unread.sockets), unread.known) == (2, False)
    assert not of("redis-server /etc/other.conf").known


@pytest.mark.parametrize(
    ("line", "files", "sockets"),
    [
        ("nginx", {"/etc/nginx/nginx.conf": "http { include /etc/nginx/conf.d/*.conf; }",
                   "/etc/nginx/conf.d/b.conf": "server { listen 81; listen [::]:81; }\n"
                                               "server{listen 127.0.0.1:82 ssl;}",
                   "/etc/nginx/conf.d/a.txt": "server { listen 99; }"},
         "0.0.0.0:81/tcp [::]:81/tcp 127.0.0.1:82/tcp"),
        ("nginx", {"/etc/nginx/nginx.conf": "http { # listen 5;\n server { server_name x; } }\n"
                                          "stream { server { listen 53 udp; } }"},
         "0.0.0.0:80/tcp 0.0.0.0:53/udp"),
        ("nginx -c /x.conf", {"/x.conf": "events {}"}, ""),
        ("haproxy -f /h.cfg", {"/h.cfg": "frontend a\n  bind *:80\n  bind :81,127.0.0.1:82 ssl\n  bind /run/x\n"},
         "0.0.0.0:80/tcp 0.0.0.0:81/tcp 127.0.0.1:82/tcp"),
        ("sshd -D", {"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nListenAddress 10.0.0.1\n"
                                             "Match User x\nPort 9\n",
                     "/etc/ssh/sshd_config.d/a.conf": "Port 2200\nPort 2201\n"},
         "10.0.0.1:2200/tcp 10.0.0.1:2201/tcp"),
        ("sshd -D", {"/etc/ssh/sshd_config": "Port 2200 # comment\n"}, "0.0.0.0:2200/tcp [::]:2200/tcp"),
        ("redis-server /etc/redis/redis.conf", {"/etc/redis/redis.conf": "port 6380\nbind 127.0.0.1 -::1\n"},
         "127.0.0.1:6380/tcp [::1]:6380/tcp"),
        ("vsftpd /etc/vsftpd.conf", {"/etc/vsftpd.conf": "listen_port=2121\n"}, "[::]:2121/tcp"),
    ],
)  # fmt: skip
def test_configuration_files(line: str, files: dict[str, str], sockets: str) -> None:
    found = of(line, files)
    assert (" ".join(map(str, found.sockets)), found.known) == (sockets, True), found.why


def test_an_include_that_cannot_be_listed_leaves_it_open() -> None:
    read = Reader(text={"/etc/nginx/nginx.conf": "http { include sites/*; }"}.get, names=lambda path: None)
    found = listening(("nginx",), {}, read=read)
    assert not found.known
    assert "sites/*" in found.why


def test_what_a_start_script_adds_to_the_configuration_is_read() -> None:
    assert of("mosquitto").known
    assert of("dnsmasq", {"/etc/dnsmasq.d/README": ""}).known
    found = of("dnsmasq", {"/etc/dnsmasq.d/home.conf": "port=5353"})
    assert found.known
    assert {socket.port for socket in found.sockets} == {5353}
    old = of("dnsmasq", {"/etc/dnsmasq.d/home.conf.dpkg-old": "port=5353"})
    assert {socket.port for socket in old.sockets} == {53}
