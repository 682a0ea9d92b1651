"""Where proxies send what they get."""

from __future__ import annotations

import pytest

from aisafe.formats.serverconfig import Reader
from aisafe.formats.upstreams import upstreams
from tests.formats.test_sshdconfig import reader


@pytest.mark.parametrize(
    ("program", "files", "expected"),
    [
        (
            "nginx",
            {
                "/etc/nginx/nginx.conf": "http {\n include conf.d/*.conf;\n include /etc/nginx/sites-enabled/*;\n}\n",
                "/etc/nginx/conf.d/a.conf": "upstream app {\n  server 127.0.0.1:3000 weight=2;\n  server [::1]:3001;\n}\n",
                "/etc/nginx/sites-enabled/b": "server {\n  listen 80; server_name x;\n  location / { proxy_pass http://app; }\n"
                "  location /f { fastcgi_pass 127.0.0.1:9000; }\n # proxy_pass http://127.0.0.1:1;\n}\n",
            },
            ["127.0.0.1:3000", "[::1]:3001", "app", "127.0.0.1:9000"],
        ),
        (
            "haproxy",
            {"/etc/haproxy/haproxy.cfg": "backend b\n  server one 10.0.0.1:80 check\n  server two 127.0.0.1:81\n"},
            ["10.0.0.1:80", "127.0.0.1:81"],
        ),
        (
            "apache",
            {"/etc/apache2/apache2.conf": 'ProxyPass "/" "http://localhost:8080/"\n'},
            ["localhost:8080"],
        ),
        ("caddy", {"/etc/caddy/Caddyfile": "x.org {\n  reverse_proxy localhost:3000\n}\n"}, ["localhost:3000"]),
        ("sleep", {}, []),
    ],
)
def test_places(program: str, files: dict[str, str], expected: list[str]) -> None:
    assert [item.place for item in upstreams(program, reader(files))] == expected


def test_the_evidence_names_file_and_line() -> None:
    (item,) = upstreams("haproxy", reader({"/etc/haproxy/haproxy.cfg": "backend b\n  server one 127.0.0.1:80\n"}))
    assert item.where == "server one 127.0.0.1:80 in /etc/haproxy/haproxy.cfg:2"
    assert upstreams("nginx", Reader()) == ()
