"""A host with something of everything on it, and a play that changes all of that and then fails."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path

from tests.story import Workplace
from tests.testbed import Host
from tests.testbed.listing import Listing
from tests.undo.runner import ARMED, Controller, compare, observe, true, until, workplace

PREPARE = r"""
mkdir -p /etc/shop/dir /opt/data; echo one >/etc/shop/file; ln /etc/shop/file /etc/shop/hard
ln -s file /etc/shop/link; echo x >/opt/data/x
chattr +i /opt/data/x; setfacl -m u:deploy:r /etc/shop/file; touch -d '2020-01-01 00:00:00.123456789' /etc/shop/dir
printf 'server { listen 8075; return 200 old; }\n' >/etc/nginx/conf.d/shop.conf; systemctl enable --now nginx
cat >/etc/systemd/system/shop.service <<END
[Service]
ExecStart=/usr/bin/python3 -m http.server 8070
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload; systemctl enable --now shop
docker network create --subnet 10.77.0.0/24 shopnet; docker volume create data
docker run -d --name web --restart always --network shopnet --network-alias w -p 8077:80 -v data:/data \
  busybox:1.36 sh -c 'mkdir -p /w; echo hi >/w/index.html; httpd -f -p 80 -h /w'
docker exec web sh -c 'echo d >/data/d; echo layer >/etc/layer'
iptables -A INPUT -p tcp --dport 9999 -j DROP; mkdir -p /root/p/DEBIAN /root/p/usr/bin; cd /root
printf 'Package: bench\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: bench\n' >p/DEBIAN/control
echo x >p/usr/bin/bench; dpkg-deb -Zgzip -b p bench.deb
"""
PLAY = r"""
- hosts: all
  gather_facts: false
  tasks:
    - copy: {dest: /etc/shop/file, content: "changed\n", mode: "0600"}
    - file: {path: /etc/shop/dir, state: absent}
    - shell: chattr -i /opt/data/x && rm /opt/data/x && echo new >/etc/shop/new
    - user: {name: shop, create_home: true}
    - copy: {dest: /etc/nginx/conf.d/shop.conf, content: "server { listen 8075; return 200 new; }\n"}
    - systemd_service: {name: nginx, state: restarted}
    - replace: {path: /etc/systemd/system/shop.service, regexp: "8070", replace: "8071"}
    - systemd_service: {name: shop, state: restarted, daemon_reload: true}
    - apt: {deb: /root/bench.deb}
    - shell: iptables -F INPUT; sysctl -w net.core.somaxconn=1234
    - shell: docker rm -f web; docker network rm shopnet; docker volume rm data
    - community.docker.docker_container:
        {name: other, image: "busybox:1.36", command: sleep 10000, ports: ["8077:80"], restart_policy: always}
    - shell: (setsid sh -c 'while true; do date >>/etc/late; sleep 0.1; done' >/dev/null 2>&1 &); touch /run/last
    - command: /usr/bin/python3 -c "import time; time.sleep(2); raise SystemExit(3)"
"""
SERVES = (
    "curl -fs localhost:8075 | grep -q old",
    "curl -fs localhost:8070 >/dev/null",
    "curl -fs localhost:8077 | grep -q hi",
    "docker exec web cat /etc/layer /data/d",
)
WAIT_FOR_STEP = """
import sys, time
end = time.monotonic() + 900
while time.monotonic() < end:
    try:
        if sys.argv[1] in open("/var/lib/aisafe/pending/state.json").read():
            sys.exit(0)
    except OSError:
        pass
    time.sleep(0.003)
sys.exit(1)
"""
BUSY = "pgrep -f '[a]gent.* serve|[a]gent.pyz rollback'"
DEADLINE = 20


class Bench:
    """A prepared host, and what it looked like then."""

    def __init__(
        self, host: Host, directory: Path, *, prepare: str = PREPARE, serves: tuple[str, ...] = SERVES
    ) -> None:
        self.host, self.place, self._serves = host, workplace(directory, host), serves
        self.place.write("play.yml", PLAY)
        host.run(["bash", "-euc", prepare], timeout=900)
        self.serves()
        self.before: Listing = observe(host)

    def start(self, *words: str, place: Workplace | None = None) -> Controller:
        return Controller(place or self.place, f"--aisafe-deadline={DEADLINE}", *words, "play.yml")

    def serves(self) -> None:
        for line in self._serves:
            until(lambda line=line: true(self.host, line), line, 60)  # type: ignore[misc]

    def settled(self) -> None:
        """Nothing is armed, and nothing of the agent is at work any more."""
        end = time.monotonic() + 300
        while not true(self.host, f"! {ARMED} && ! {{ {BUSY}; }}"):
            if time.monotonic() > end:
                log = self.host.run(
                    "journalctl --no-pager -u 'aisafe-*' | tail -20; ls /var/lib/aisafe/pending/"
                ).stdout
                raise AssertionError(f"still armed, or at work:\n{log}")
            time.sleep(0.3)

    def left(self) -> list[str]:
        """Differences from before, once everything has come to rest and serves."""
        self.settled()
        self.serves()
        found = compare(self.before, self.host)
        held = self.host.run(
            "ls -d /var/lib/aisafe/runs/*/is-armed /var/lib/aisafe/paused.json 2>/dev/null || true"
        ).stdout
        return found + [f"left: {line}" for line in held.split()]

    def in_background(self, script: str) -> subprocess.Popen[bytes]:
        """A script that runs on the host beside everything; it is to end by itself."""
        return subprocess.Popen(
            ["docker", "exec", self.host.container, "bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def step_is(self, name: str) -> str:
        """A line for sh that returns as soon as the rollback is at this step, and 1 when that never comes."""
        wanted = f'"step": "{name}"'
        return f"python3 -c {shlex.quote(WAIT_FOR_STEP)} {shlex.quote(wanted)}"
