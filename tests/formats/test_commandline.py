from __future__ import annotations

import shlex

import pytest

from aisafe.formats.commandline import executed, masked, program_name


@pytest.mark.parametrize(
    ("line", "real"),
    [
        ("/usr/bin/agent --a", "/usr/bin/agent --a"),
        ("/bin/sh -c 'exec /opt/agent --a'", "/opt/agent --a"),
        ("sh -ec 'cd /x && A=1 exec nice -n 5 /opt/agent --a'", "/opt/agent --a"),
        ("/usr/bin/env -i A=1 B=2 agent", "agent"),
        ("python3 -u /opt/agent/app.py --port 1", "/opt/agent/app.py --port 1"),
        ("python3.11 -m http.server 80", "http.server 80"),
        ("java -Xmx1g -cp /a -jar /opt/x.jar --p", "/opt/x.jar --p"),
        ("sudo -u nobody -- agent -x", "agent -x"),
        ("timeout -k 5 60 agent", "agent"),
        ("tini -- docker-entrypoint.sh", "docker-entrypoint.sh"),
        ("gosu redis redis-server", "redis-server"),
        ("/bin/busybox httpd -f -p 80", "busybox-httpd -f -p 80"),
        ("httpd -f -p 80", "busybox-httpd -f -p 80"),
        ("httpd -DFOREGROUND -f /etc/httpd.conf", "httpd -DFOREGROUND -f /etc/httpd.conf"),
        ("bash /opt/run.sh x", "/opt/run.sh x"),
        ("node --inspect server.js", "server.js"),
    ],
)
def test_looks_through(line: str, real: str) -> None:
    found = executed(tuple(shlex.split(line)))
    assert shlex.join(found.argv) == real
    assert found.sure == (" && " not in line)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/local/bin/my-agent", "my_agent"),
        ("/opt/agent/app.py", "agent"),
        ("/opt/agent/bin/server", "agent"),
        ("/usr/bin/python3", ""),
        ("/bin/sh", ""),
        ("/app/main.py", ""),
        ("/opt/tool-1.2.3.jar", "tool"),
        ("tool-linux-amd64", "tool"),
        ("/entrypoint.sh", ""),
    ],
)
def test_program_name(path: str, name: str) -> None:
    assert program_name(path) == name


@pytest.mark.parametrize(
    "line", ["x --password=hunter2", "x --api-key hunter2", "x postgres://u:hunter2@db/x", "x --token hunter2"]
)
def test_secrets_are_masked(line: str) -> None:
    assert "hunter2" not in " ".join(masked(tuple(line.split())))
    assert masked(tuple(line.split()))[0] == "x"
