"""Configuration files of servers, each by forms that their documentation shows."""

# ruff: noqa: E501  lines of configuration files, as they are

from __future__ import annotations

import pytest

from tests.formats.test_listenflags import of

NGINX = "/etc/nginx/nginx.conf"
A2 = "/etc/apache2/apache2.conf"
CADDY = "/etc/caddy/Caddyfile"
PG = "/etc/postgresql/15/main/postgresql.conf"
BIND9 = "/etc/bind/named.conf"


@pytest.mark.parametrize(
    ("line", "files", "sockets"),
    [
        (
            "nginx",
            {
                NGINX: "http { server { listen 80 default_server; listen [::]:80 ipv6only=off; listen unix:/run/x; "
                "location / { return 200 'a { b'; } } }"
            },
            "0.0.0.0:80/tcp [::]:80/tcp",
        ),
        (
            "nginx",
            {
                NGINX: "http { include conf.d/*.conf; }",
                "/etc/nginx/conf.d/a.conf": "include sub/b.conf;",
                "/etc/nginx/sub/b.conf": 'server { listen "localhost:8080" ssl http2; listen 443 quic reuseport; }',
            },
            "127.0.0.1:8080/tcp 0.0.0.0:443/udp",
        ),
        (
            "nginx",
            {NGINX: "stream { server { listen 53 udp; listen 12345-12347; } }\nmail { server { listen 25; } }"},
            "0.0.0.0:53/udp 0.0.0.0:12345/tcp 0.0.0.0:12346/tcp 0.0.0.0:12347/tcp 0.0.0.0:25/tcp",
        ),
        ("nginx", {NGINX: "http { server { listen 127.0.0.1:80; } server { listen 80; } }"}, "0.0.0.0:80/tcp"),
        (
            "nginx",
            {
                NGINX: 'http { upstream b { server 10.0.0.1:81; } server { content_by_lua_block { a = "}" }\n'
                " listen 82; set $x ${y}; } }"
            },
            "0.0.0.0:82/tcp",
        ),
        (
            "apache2 -k start",
            {
                A2: "IncludeOptional mods-enabled/*.load\nInclude ports.conf\nIncludeOptional sites-enabled/*.conf",
                "/etc/apache2/mods-enabled/ssl.load": "LoadModule ssl_module /usr/lib/x.so",
                "/etc/apache2/ports.conf": "Listen 80\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"
                "<IfModule mod_gnutls.c>\nListen 444\n</IfModule>\n",
                "/etc/apache2/sites-enabled/a.conf": "Define P 8443\nListen 127.0.0.1:${P} https\nListen [::1]:81\n",
            },
            "[::]:80/tcp [::]:443/tcp 127.0.0.1:8443/tcp [::1]:81/tcp",
        ),
        (
            "httpd",
            {
                "/etc/httpd/conf/httpd.conf": 'ServerRoot "/etc/httpd"\nListen 8080\nIncludeOptional conf.d/*.conf',
                "/etc/httpd/conf.d/ssl.conf": "<IfModule !mod_nss.c>\nListen 443 https\n</IfModule>",
            },
            "[::]:8080/tcp [::]:443/tcp",
        ),
        (
            "haproxy -f /h.cfg",
            {
                "/h.cfg": "global\n  stats socket /run/x mode 660\n  stats socket ipv4@127.0.0.1:9999 level admin\n"
                "frontend a\n  bind :8000-8001,[::1]:81 ssl\n  bind quic4@:443\n  bind :::82 v6only\n"
                "listen stats\n  bind 10.0.0.1:8404 # x\nlisten old 127.0.0.1:83\n"
                "backend b\n  server s 10.0.0.9:80\n"
            },
            "127.0.0.1:9999/tcp 0.0.0.0:8000/tcp 0.0.0.0:8001/tcp [::1]:81/tcp 0.0.0.0:443/udp [::]:82/tcp "
            "10.0.0.1:8404/tcp 127.0.0.1:83/tcp",
        ),
        (
            "caddy run --config /etc/caddy/Caddyfile",
            {CADDY: ":8080 {\n  respond hi\n}\n"},
            "[::]:8080/tcp 127.0.0.1:2019/tcp",
        ),
        (
            "caddy run",
            {CADDY: "{\n  admin off\n}\n(snip) {\n}\nexample.org, www.example.org {\n import snip\n}\n"},
            "[::]:80/tcp [::]:443/tcp [::]:443/udp",
        ),
        (
            "caddy run",
            {
                CADDY: "{\n  admin :2020\n  http_port 81\n auto_https disable_redirects\n}\nhttp://a.b {\n bind 127.0.0.1\n}\n"
                "https://c.d:8443 {\n}\nimport sites/*\n",
                "/etc/caddy/sites/x": "localhost {\n}\n",
            },
            "127.0.0.1:81/tcp [::]:8443/tcp [::]:443/tcp [::]:8443/udp [::]:443/udp [::]:2020/tcp",
        ),
        (
            "caddy run",
            {CADDY: "example.com\nreverse_proxy 127.0.0.1:9000\n"},
            "[::]:80/tcp [::]:443/tcp [::]:443/udp 127.0.0.1:2019/tcp",
        ),
        (
            "traefik",
            {"/etc/traefik/traefik.yml": "entryPoints:\n  web: {address: ':80'}\n  dns: {address: ':53/udp'}\n"},
            "[::]:80/tcp [::]:53/udp",
        ),
        (
            "traefik --entryPoints.metrics.address=127.0.0.1:8082",
            {
                "/etc/traefik/traefik.toml": '[entryPoints.web]\naddress = ":81"\n[entryPoints.secure]\naddress = "[::1]:443"\n'
            },
            "[::]:81/tcp [::1]:443/tcp 127.0.0.1:8082/tcp",
        ),
        (
            "otelcol --config /o.yaml",
            {
                "/o.yaml": "receivers: {otlp: {protocols: {http: {endpoint: '0.0.0.0:4318'}, grpc: }}, hostmetrics: {}, zipkin: {}}\n"
                "exporters: {debug: {}, prometheus: {endpoint: '127.0.0.1:9464'}}\nextensions: {health_check: {}, pprof: {}}\n"
                "service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp, hostmetrics], exporters: [debug]}}}\n"
            },
            "127.0.0.1:8888/tcp [::]:4318/tcp 127.0.0.1:4317/tcp 127.0.0.1:13133/tcp",
        ),
        (
            "otelcol-contrib --config=/o.yaml",
            {
                "/o.yaml": "receivers: {otlp/two: {protocols: {grpc: {endpoint: '127.0.0.1:5317'}}}}\n"
                "service: {pipelines: {logs: {receivers: [otlp/two]}}, telemetry: {metrics: {level: none}}}\n"
            },
            "127.0.0.1:5317/tcp",
        ),
        (
            "redis-server /r.conf",
            {"/r.conf": "include /s.conf\nport 7000\n", "/s.conf": 'bind 127.0.0.1 "-::1"\ntls-port 7001\n'},
            "127.0.0.1:7000/tcp [::1]:7000/tcp 127.0.0.1:7001/tcp [::1]:7001/tcp",
        ),
        ("redis-server /r.conf", {"/r.conf": "port 0\n"}, ""),
        (
            "pg_ctlcluster --skip-systemctl-redirect 15-main start",
            {
                PG: "#port = 1\nport = 5433\nlisten_addresses = 'localhost, 10.0.0.1'\ninclude_dir = 'conf.d'\n",
                "/etc/postgresql/15/main/conf.d/a.conf": "port = 5434 # x\n",
            },
            "127.0.0.1:5434/tcp [::1]:5434/tcp 10.0.0.1:5434/tcp",
        ),
        ("postgres -D /data", {"/data/postgresql.conf": "listen_addresses = '*'\n"}, "0.0.0.0:5432/tcp [::]:5432/tcp"),
        ("postgres -D /data", {"/data/postgresql.conf": "listen_addresses = ''\n"}, ""),
        (
            "mariadbd",
            {
                "/etc/mysql/my.cnf": "[client]\nport=1\n!includedir /etc/mysql/conf.d/\n",
                "/etc/mysql/conf.d/a.cnf": "[mariadb]\nbind-address = 10.0.0.1,::1 # x\n[mysqld]\nport=3307\n",
            },
            "10.0.0.1:3307/tcp [::1]:3307/tcp",
        ),
        ("mysqld", {"/etc/mysql/my.cnf": "[mysqld]\nskip_networking\n"}, ""),
        (
            "mysqld",
            {"/etc/mysql/my.cnf": "[mysqld]\nmysqlx-bind-address=127.0.0.1\n"},
            "[::]:3306/tcp 127.0.0.1:33060/tcp",
        ),
        (
            "mosquitto -c /m.conf",
            {"/m.conf": "listener 1884 127.0.0.1\nlistener 9001\nprotocol websockets\nlistener 0 /run/x\n"},
            "127.0.0.1:1884/tcp [::]:9001/tcp",
        ),
        ("mosquitto -c /m.conf", {"/m.conf": "persistence true\n"}, "127.0.0.1:1883/tcp [::1]:1883/tcp"),
        (
            "unbound",
            {
                "/etc/unbound/unbound.conf": 'include-toplevel: "/etc/unbound/unbound.conf.d/*.conf"\n',
                "/etc/unbound/unbound.conf.d/a.conf": "server:\n  interface: 10.0.0.1@5353\n  interface: ::1\nremote-control:\n"
                "  control-enable: yes\n  control-interface: /run/u\n",
            },
            "10.0.0.1:5353/tcp [::1]:53/tcp 10.0.0.1:5353/udp [::1]:53/udp",
        ),
        (
            "dnsmasq",
            {
                "/etc/dnsmasq.conf": "port=5353 # x\nconf-dir=/etc/dnsmasq.d,.bak\ninterface=eth0\n",
                "/etc/dnsmasq.d/a": "dhcp-range=10.0.0.2,10.0.0.9\n",
                "/etc/dnsmasq.d/b.bak": "port=9\n",
            },
            "0.0.0.0:5353/tcp [::]:5353/tcp 0.0.0.0:5353/udp [::]:5353/udp 0.0.0.0:67/udp",
        ),
        (
            "dnsmasq",
            {"/etc/dnsmasq.conf": "bind-interfaces\nlisten-address=127.0.0.1,10.0.0.1\n"},
            "127.0.0.1:53/tcp 10.0.0.1:53/tcp 127.0.0.1:53/udp 10.0.0.1:53/udp",
        ),
        (
            "named -u bind",
            {
                BIND9: 'include "/etc/bind/named.conf.options";\ncontrols { inet 127.0.0.1 port 954 allow { any; }; };\n',
                "/etc/bind/named.conf.options": "options { // x { \n listen-on port 5353 { 10.0.0.1; }; listen-on-v6 { none; }; };",
            },
            "10.0.0.1:5353/tcp 10.0.0.1:5353/udp 127.0.0.1:954/tcp",
        ),
        (
            "postfix start",
            {
                "/etc/postfix/master.cf": "smtp      inet  n       -       y       -       -       smtpd\n"
                "pickup    unix  n       -       y       60      1       pickup\n"
                "127.0.0.1:10025 inet n - y - - smtpd\n#submission inet n - y - - smtpd\n",
                "/etc/postfix/main.cf": "inet_interfaces = loopback-only\ninet_protocols = ipv4\n",
            },
            "127.0.0.1:25/tcp 127.0.0.1:10025/tcp",
        ),
        (
            "dovecot",
            {
                "/etc/dovecot/dovecot.conf": "!include_try /usr/share/dovecot/protocols.d/*.protocol\n!include conf.d/*.conf\n"
                "listen = 10.0.0.1\n",
                "/usr/share/dovecot/protocols.d/imapd.protocol": "protocols = $protocols imap\n",
                "/etc/dovecot/conf.d/10-master.conf": "service imap-login {\n  inet_listener imap {\n    port = 0\n  }\n"
                "  inet_listener imaps {\n    #port = 993\n  }\n}\n",
            },
            "10.0.0.1:993/tcp",
        ),
        (
            "rsyslogd -n",
            {
                "/etc/rsyslog.conf": 'module(load="imudp")\ninput(type="imudp" port="514" address="127.0.0.1")\n'
                "$IncludeConfig /etc/rsyslog.d/*.conf\n",
                "/etc/rsyslog.d/a.conf": "$ModLoad imtcp\n$InputTCPServerRun 10514\n#$UDPServerRun 9\n",
            },
            "127.0.0.1:514/udp 0.0.0.0:10514/tcp [::]:10514/tcp",
        ),
        (
            "snmpd -f",
            {"/etc/snmp/snmpd.conf": "agentaddress 127.0.0.1,[::1]:162,tcp:10.0.0.1:161\n"},
            "127.0.0.1:161/udp [::1]:162/udp 10.0.0.1:161/tcp",
        ),
        (
            "chronyd",
            {
                "/etc/chrony/chrony.conf": "pool x\nconfdir /etc/chrony/conf.d\n",
                "/etc/chrony/conf.d/a.conf": "allow 10/8\n",
            },
            "127.0.0.1:323/udp [::1]:323/udp 0.0.0.0:123/udp [::]:123/udp",
        ),
        (
            "loki -config.file=/l.yml",
            {"/l.yml": "server: {http_listen_port: 3101, http_listen_address: 127.0.0.1, grpc_listen_port: 0}"},
            "127.0.0.1:3101/tcp",
        ),
        (
            "mongod --config /m",
            {"/m": "net:\n  port: 27018\n  bindIp: 127.0.0.1,10.0.0.1\n"},
            "127.0.0.1:27018/tcp 10.0.0.1:27018/tcp",
        ),
        (
            "elasticsearch",
            {
                "/etc/elasticsearch/elasticsearch.yml": "http.port: 9201\nhttp.host: 127.0.0.1\ntransport:\n  port: 9301\n"
            },
            "127.0.0.1:9201/tcp 127.0.0.1:9301/tcp",
        ),
        (
            "vault server -config=/etc/vault.d/vault.hcl",
            {
                "/etc/vault.d/vault.hcl": 'ui = true # x\nlistener "tcp" {\n  address = "0.0.0.0:8300"\n  cluster_address = "10.0.0.1:8301"\n}\n'
            },
            "10.0.0.1:8301/tcp [::]:8300/tcp",
        ),
        (
            "dockerd",
            {
                "/etc/docker/daemon.json": '{"hosts": ["unix:///run/d", "tcp://127.0.0.1:2375"], "metrics-addr": "127.0.0.1:9323"}'
            },
            "127.0.0.1:2375/tcp 127.0.0.1:9323/tcp",
        ),
        (
            "influxd -config /i.conf",
            {
                "/i.conf": '[http]\nbind-address = ":8087"\n[[udp]]\nenabled = true\nbind-address = ":8089"\n'
                'bind-address = "x"\n'.replace('bind-address = "x"\n', "")
            },
            "[::]:8087/tcp 127.0.0.1:8088/tcp [::]:8089/udp",
        ),
        (
            "telegraf --config /t.conf",
            {
                "/t.conf": '[[inputs.statsd]]\nservice_address = ":8125"\n[[outputs.prometheus_client]]\n'
                'listen = "127.0.0.1:9273"\n[[inputs.socket_listener]]\n'
                'service_address = "tcp://:8094"\n'
            },
            "127.0.0.1:9273/tcp [::]:8125/udp [::]:8094/tcp",
        ),
        (
            "rabbitmq-server",
            {"/etc/rabbitmq/rabbitmq.conf": "listeners.tcp.default = 5673\nmanagement.tcp.port = 15673\n"},
            "[::]:5673/tcp 0.0.0.0:25672/tcp [::]:15673/tcp",
        ),
        (
            "rabbitmq-server",
            {"/etc/rabbitmq/rabbitmq.conf": "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:5671\n"},
            "0.0.0.0:25672/tcp 127.0.0.1:5671/tcp",
        ),
        ("tor", {"/etc/tor/torrc": "SocksPort 9150\nORPort 9001\n"}, "127.0.0.1:9150/tcp [::]:9001/tcp"),
        (
            "wg-quick up wg0",
            {"/etc/wireguard/wg0.conf": "[Interface]\nListenPort = 51821\n[Peer]\nListenPort = 1\n"},
            "[::]:51821/udp",
        ),
        ("zigbee2mqtt", {"/opt/zigbee2mqtt/data/configuration.yaml": "frontend:\n  port: 8081\n"}, "[::]:8081/tcp"),
        (
            "hass --config /h",
            {"/h/configuration.yaml": "http:\n  server_port: 8124\nx: !include y.yaml\n"},
            "[::]:8124/tcp",
        ),
    ],
)
def test_configuration_files(line: str, files: dict[str, str], sockets: str) -> None:
    found = of(line, files)
    assert (sorted(map(str, found.sockets)), found.known) == (sorted(sockets.split()), True), found.why


@pytest.mark.parametrize(
    ("line", "files", "sockets", "why"),
    [
        ("nginx", {NGINX: "http { server { listen 80; "}, "0.0.0.0:80/tcp [::]:80/tcp", "is not closed"),
        ("nginx", {NGINX: "http { server { listen example.org:80; } }"}, "", "example.org"),
        ("haproxy -f /h.cfg", {"/h.cfg": "frontend a\n bind :80\n bind $X\n"}, "", "not a plain address"),
        (
            "haproxy -f /h.cfg",
            {"/h.cfg": "frontend a\n bind :80\npeers p\n peer a 10.0.0.1:1024\n"},
            "0.0.0.0:80/tcp",
            "peers",
        ),
        ("apache2", {A2: "Listen 80\nListen ${PORT}\n"}, "[::]:80/tcp", "variable"),
        ("caddy run", {CADDY: "{$SITE} {\n}\n"}, "[::]:80/tcp 127.0.0.1:2019/tcp", "environment"),
        (
            "named",
            {BIND9: "options { };"},
            "127.0.0.1:53/tcp [::]:53/tcp 127.0.0.1:53/udp [::]:53/udp 127.0.0.1:953/tcp [::1]:953/tcp",
            "each address of the host",
        ),
        ("dnsmasq", {"/etc/dnsmasq.conf": "bind-interfaces\n"}, "", "interfaces, which are not known"),
        (
            "loki -config.file=/l.yml",
            {"/l.yml": "server: ["},
            "[::]:3100/tcp [::]:9095/tcp",
            "could not be read as yaml",
        ),
        ("loki -config.file=/l.yml", {"/l.yml": "server: {http_listen_port: '${P}'}"}, "[::]:9095/tcp", "P}"),
        ("openvpn --config server.conf", {}, "[::]:1194/udp", "not a whole path"),
    ],
)
def test_what_is_not_understood_is_never_certain(line: str, files: dict[str, str], sockets: str, why: str) -> None:
    found = of(line, files)
    assert not found.known
    assert sorted(map(str, found.sockets)) == sorted(sockets.split())
    assert why in found.why


def test_ipv6_only_is_kept() -> None:
    sockets = of("haproxy -f /h", {"/h": "frontend a\n bind :::82 v6only\n bind :::83\n"}).sockets
    assert [item.ipv6_only for item in sockets] == [True, False]
    both = of("nginx", {NGINX: "http { server { listen [::]:80 ipv6only=off; listen [::]:81; } }"}).sockets
    assert [(item.port, item.ipv6_only) for item in both] == [(80, False), (81, True)]


def test_evidence_names_the_line() -> None:
    found = of("haproxy -f /h", {"/h": "frontend a\n bind :82\n bind :83\n"})
    assert found.evidence == ("bind :82 in /h:2", "bind :83 in /h:3")


def test_a_yaml_bomb_is_not_read() -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    assert of("loki -config.file=/l.yml", {"/l.yml": bomb}).known
    deep = "a: " + "[" * 200 + "]" * 200
    assert not of("loki -config.file=/l.yml", {"/l.yml": deep}).known


def test_a_receiver_that_is_not_known_leaves_the_collector_open() -> None:
    text = "receivers: {carbon: {}}\nservice: {pipelines: {metrics: {receivers: [carbon]}}}\n"
    found = of("otelcol --config /o.yaml", {"/o.yaml": text})
    assert not found.known
    assert "carbon" in found.why
