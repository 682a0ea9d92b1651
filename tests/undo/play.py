"""Random plays over modules that aisafe models: the same seed gives the same play.

Every block of tasks stands for itself, so that a play is shrunk by leaving some out. Names and ports are drawn from small
pools, so that blocks meet on the same file, unit, container or account.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import yaml

from tests.undo.case import UNFORESEEN

Task = dict[str, Any]
Block = list[Task]

PLACES = (
    "/etc/shop",
    "/opt/shop",
    "/srv/shop",
    "/usr/local/etc",
    "/root/shop",
    "/home/deploy/shop",
    "/etc/default",
    "/var/lib/shop",
)
NAMES = ("a", "b.conf", "c d", "e.service", "ü")
UNITS = ("nginx", "cron", "prometheus-node-exporter", "shop-a", "shop-b")
ACCOUNTS = ("shop", "nosudo", "deploy", "www-data", "fresh")
PACKAGES = ("less", "acl", "attr", "curl", "tree", "nginx-light", "prometheus-node-exporter")
CONTAINERS = ("web", "db", "job")
NETWORKS = ("one", "two", "three")
VOLUMES = ("data", "logs", "idle")
SETTINGS = ("net.core.somaxconn", "net.ipv4.tcp_keepalive_time", "net.ipv4.ip_default_ttl", "net.ipv4.tcp_syncookies")

PREPARE = r"""
mkdir -p /etc/shop/sub /opt/shop /srv/shop /root/shop /home/deploy/shop /var/lib/shop
for d in /etc/shop /opt/shop /srv/shop /root/shop /home/deploy/shop /var/lib/shop; do
  echo "$d" >$d/a; printf 'x=1\ny=2\n' >$d/b.conf; ln -s a $d/link
done
ln /etc/shop/a /etc/shop/hard; chmod 600 /opt/shop/a; setfacl -m u:deploy:r /srv/shop/a; chown -R deploy /home/deploy/shop
touch -d '2020-01-01 00:00:00.123456789' /etc/shop/b.conf /etc/shop/sub; chattr +i /root/shop/a
truncate -s 1M /var/lib/shop/holes
useradd -m shop; echo '1 1 * * * true' | crontab -u shop -; systemctl enable --now nginx
for u in a b; do
  printf '[Service]\nExecStart=/bin/sleep 100000\n[Install]\nWantedBy=multi-user.target\n' >/etc/systemd/system/shop-$u.service
done
systemctl daemon-reload; systemctl enable --now shop-a
docker network create --subnet 10.77.0.0/24 one; docker network create two; docker volume create data; docker volume create idle
docker run --rm -v idle:/v -v data:/w busybox:1.36 sh -c 'echo 1 >/v/1; echo 2 >/w/2'
docker run -d --name web --restart always --network one --network-alias w -p 8070:80 -v data:/data busybox:1.36 httpd -f -p 80
docker run -d --name db --network two -e A=1 busybox:1.36 sleep 100000; docker exec db touch /written
docker create --name job busybox:1.36 true
iptables -A INPUT -p tcp --dport 9999 -j DROP; sysctl -qw net.core.somaxconn=3000
"""


def generate(seed: int) -> list[Block]:
    """Four to twelve blocks."""
    chance = random.Random(seed)
    return [chance.choice(BLOCKS)(chance) for _ in range(chance.randint(4, 12))]


def playbook(blocks: list[Block]) -> str:
    """The play of these blocks; what fails in between is passed over, and its last task fails unforeseen."""
    tasks = [{**task, "ignore_errors": True} for block in blocks for task in block]
    return yaml.safe_dump(
        [{"hosts": "all", "gather_facts": False, "tasks": [*tasks, UNFORESEEN["command"]]}], sort_keys=False
    )


def _path(chance: random.Random) -> str:
    return f"{chance.choice(PLACES)}/{chance.choice(NAMES)}"


def _copy(chance: random.Random) -> Block:
    task: Task = {"dest": _path(chance), "content": f"random {chance.random()}\n" * chance.randint(0, 40)}
    if chance.random() < 0.5:
        task["mode"] = chance.choice(("0600", "0644", "0755", "4755", "0640"))
    if chance.random() < 0.3:
        task["owner"] = chance.choice(("root", "deploy", "www-data"))
    task["backup"] = chance.random() < 0.2
    return [{"copy": task}]


def _template(chance: random.Random) -> Block:
    return [{"template": {"src": "t.j2", "dest": _path(chance)}, "vars": {"value": str(chance.random())}}]


def _state(chance: random.Random) -> Block:
    state = chance.choice(("absent", "directory", "touch", "link", "hard"))
    task: Task = {"path": _path(chance), "state": state, "force": True}
    if state in ("link", "hard"):
        task["src"] = "/etc/shop/b.conf"
    if state == "directory":  # a file may be in its way
        return [{"file": {"path": task["path"], "state": "absent"}}, {"file": {**task, "mode": "0750"}}]
    if state == "hard":
        return [{"file": {"path": task["path"], "state": "absent"}}, {"file": task}]
    return [{"file": task}]


def _line(chance: random.Random) -> Block:
    path = f"{chance.choice(PLACES)}/{chance.choice(('b.conf', 'new.conf'))}"
    kind = chance.choice(("lineinfile", "blockinfile", "ini"))
    if kind == "ini":
        return [
            {"community.general.ini_file": {"path": path, "section": "s", "option": "o", "value": str(chance.random())}}
        ]
    key = "line" if kind == "lineinfile" else "block"
    return [{kind: {"path": path, key: f"x={chance.random()}", "create": True}}]


def _tree(chance: random.Random) -> Block:
    return [
        {"file": {"path": chance.choice(PLACES[:6]), "state": "absent"}},
        {"file": {"path": "/etc/shop", "state": "directory"}},
    ]


def _attributes(chance: random.Random) -> Block:
    path = f"{chance.choice(PLACES[:3])}/a"
    return [{"shell": chance.choice((
        f"test ! -f {path} || setfattr -n user.x -v {chance.randint(1, 9)} {path}", f"test ! -f {path} || chattr +i {path}",
        f"test ! -f {path} || setfacl -m u:www-data:rw {path}", f"test ! -f {path} || touch -d 2001-01-01 {path}",
        "cp --sparse=never /var/lib/shop/holes /var/lib/shop/full", "chattr -i /root/shop/a; echo more >>/root/shop/a",
    ))}]  # fmt: skip


def _unit(chance: random.Random) -> Block:
    name = chance.choice(UNITS)
    if name.startswith("shop") and chance.random() < 0.6:
        text = f"[Service]\nExecStart=/bin/sleep {chance.randint(1000, 9999)}\n[Install]\nWantedBy=multi-user.target\n"
        return [
            {"copy": {"dest": f"/etc/systemd/system/{name}.service", "content": text}},
            {"systemd_service": {"name": name, "state": "restarted", "enabled": True, "daemon_reload": True}},
        ]
    if chance.random() < 0.3:
        drop = f"/etc/systemd/system/{name}.service.d"
        return [
            {"file": {"path": drop, "state": "directory"}},
            {"copy": {"dest": f"{drop}/x.conf", "content": f"[Service]\nNice={chance.randint(1, 9)}\n"}},
            {"systemd_service": {"name": name, "state": "restarted", "daemon_reload": True}},
        ]
    state = chance.choice(("started", "stopped", "restarted"))
    return [{"systemd_service": {"name": name, "state": state, "enabled": chance.random() < 0.5}}]


def _package(chance: random.Random) -> Block:
    return [
        {
            "apt": {
                "name": chance.choice(PACKAGES),
                "state": chance.choice(("present", "absent")),
                "purge": chance.random() < 0.5,
            }
        }
    ]


def _account(chance: random.Random) -> Block:
    name = chance.choice(ACCOUNTS)
    if name in ("shop", "fresh") and chance.random() < 0.4:
        return [{"user": {"name": name, "state": "absent", "remove": True, "force": True}}]
    return [
        {"group": {"name": "extra"}},
        {"user": {"name": name, "groups": ["extra"], "append": True, "shell": chance.choice(("/bin/sh", "/bin/bash"))}},
    ]


def _cron(chance: random.Random) -> Block:
    task: Task = {"name": "job", "minute": str(chance.randint(0, 59)), "hour": "3", "job": "true"}
    if chance.random() < 0.5:
        return [{"cron": {**task, "user": chance.choice(("root", "deploy"))}}]
    return [{"cron": {**task, "cron_file": chance.choice(("one", "two")), "user": "root"}}]


def _setting(chance: random.Random) -> Block:
    value = str(chance.randint(1, 3) if "syncookies" in (name := chance.choice(SETTINGS)) else chance.randint(20, 200))
    return [
        {"ansible.posix.sysctl": {"name": name, "value": "1" if "syncookies" in name else value, "sysctl_set": True}}
    ]


def _firewall(chance: random.Random) -> Block:
    rule: Task = {
        "chain": chance.choice(("INPUT", "FORWARD")),
        "protocol": "tcp",
        "jump": chance.choice(("DROP", "ACCEPT")),
    }
    rule |= {"destination_port": str(chance.choice((9999, 9998, 9997))), "action": chance.choice(("append", "insert"))}
    return [{"iptables": {**rule, "state": chance.choice(("present", "absent"))}}]


def _container(chance: random.Random) -> Block:
    name = chance.choice(CONTAINERS)
    state = chance.choice(("started", "started", "absent", "stopped"))
    task: Task = {"name": name, "state": state}
    if state != "absent":
        task |= {"image": "busybox:1.36", "command": f"sleep {chance.randint(1000, 9999)}"}
        if chance.random() < 0.5:
            task["volumes"] = [f"{chance.choice(VOLUMES)}:/v"]
        if chance.random() < 0.5:
            task["env"] = {"A": str(chance.random())}
        if chance.random() < 0.3:
            task["restart_policy"] = "always"
    else:
        task["keep_volumes"] = chance.random() < 0.5
    return [{"community.docker.docker_container": task}]


def _network(chance: random.Random) -> Block:
    name = chance.choice(NETWORKS)
    if chance.random() < 0.4:
        return [{"community.docker.docker_network": {"name": name, "state": "absent", "force": True}}]
    return [
        {"community.docker.docker_network": {"name": name}},
        {"shell": f"docker network connect --alias x {name} {chance.choice(CONTAINERS)} || true"},
    ]


def _volume(chance: random.Random) -> Block:
    name = chance.choice(VOLUMES)
    if chance.random() < 0.5:
        return [{"shell": f"docker volume rm -f {name} || true"}]
    return [{"community.docker.docker_volume": {"name": name}}]


BLOCKS: tuple[Callable[[random.Random], Block], ...] = (
    _copy, _copy, _template, _state, _state, _line, _line, _tree, _attributes, _unit, _unit, _unit, _package, _account, _cron,
    _setting, _firewall, _container, _container, _network, _volume,
)  # fmt: skip
