"""The guard on real hosts: what a run did is undone, as an outside observer sees it (tests/testbed/listing.py)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from aisafe.transport import payload
from tests.testbed import Host
from tests.testbed.listing import differences, observe
from tests.undo.fate import booted

AGENT = "/var/lib/aisafe/bin/agent-test.pyz"
SHELL = "/var/lib/aisafe/bin/sh"
PATIENCE = 180.0
"""Seconds until a rollback must have ended, on a machine that is busy."""

# Of a wide run: caches that apt keeps outside of the promise, and the log it writes (see scope.SHELLS and scope.LOOSE).
UNCOVERED = ("/var/log", "/var/cache", "/var/lib/apt/lists")


@dataclass
class Guarded:
    """A host, and the agent's answers there."""

    host: Host

    def install(self) -> None:
        self.host.run(f"mkdir -p -m 711 /var/lib/aisafe; mkdir -p -m 755 /var/lib/aisafe/bin; base64 -d >{AGENT}",
                      input=base64.b64encode(payload.agent().data).decode())  # fmt: skip

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        """The answer, or the error with its code."""
        line = json.dumps({"id": 1, "op": op, "args": args})
        done = self.host.run(["python3", "-I", "-B", AGENT, "serve"], input=line + "\n", timeout=300)
        last = json.loads(done.stdout.splitlines()[-1])
        answer: dict[str, Any] = last.get("ok") or last["error"]
        return answer

    def arm(self, run: str = "r1", **args: Any) -> dict[str, Any]:
        holder = {"user": "ann", "controller": "desk", "command": "ansible-playbook site.yml"}
        return self.ask("arm", **{"run": run, "deadline": 120, "holder": holder, **args})

    def armed(self, run: str = "r1", **args: Any) -> dict[str, Any]:
        answer = self.arm(run, **args)
        assert "entries" in answer, answer
        return answer

    def ended(self, run: str = "r1") -> dict[str, Any]:
        """How the rollback ended."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            story = self.ask("status", run=run)["run"]
            if story["state"] in ("rolled-back", "rollback-incomplete"):
                return dict(story)
            time.sleep(0.3)
        log = self.host.run("journalctl --no-pager -u 'aisafe-*' | tail -30", check=False).stdout
        raise AssertionError(f"{story}\n{log}")

    def undone(self, run: str = "r1") -> dict[str, Any]:
        assert self.ask("rollback", run=run, reason="test")["state"] == "rolling-back"
        story = self.ended(run)
        assert (story["state"], story["residue"]) == ("rolled-back", [])
        return story


@pytest.fixture
def guarded(host: Host) -> Guarded:
    guarded = Guarded(host)
    guarded.install()
    guarded.armed("first")  # installs what stays
    assert guarded.ask("confirm", run="first")["state"] == "confirmed"
    return guarded


@pytest.fixture
def watched(guarded: Guarded) -> Callable[..., Callable[[], list[str]]]:
    """Look now; the function that comes back tells what differs then."""

    def look(*uncovered: str) -> Callable[[], list[str]]:
        exclude = ("/var/log", "/var/cache", *uncovered)
        before = observe(guarded.host, exclude=exclude)
        return lambda: differences(before, observe(guarded.host, exclude=exclude))

    return look


FILES = r"""
mkdir -p /opt/agent; cd /opt/agent; echo a >a; ln a b; ln a c; ln -s a l; echo im >im; chattr +i im; echo acl >acl
setfacl -m u:www-data:r acl; mkdir d; setfacl -d -m u:www-data:rx d; mkfifo p; echo same >size; touch -d 2020-01-01 size
setfattr -n user.x -v 1 a; mkdir imd; echo z >imd/z; chattr +i imd; echo deep >d/deep
printf x >"$(printf '/etc/bad\377name')"
"""
FILES_CHANGED = r"""
cd /opt/agent; chattr -i im imd; echo changed >>im; rm imd/z b; echo b >b; rm -r d l; ln -s other l; setfacl -b acl
echo sAme >size; touch -d 2020-01-01 size; setfattr -n user.x -v 2 a; rm p; mkdir p; touch p/x
chmod 4755 c; chown www-data c
mkdir -p new/deep/er; echo 1 >new/deep/er/f; chattr +i new/deep/er/f /opt/agent; echo y >>/etc/hosts; rm /etc/bad*
mkdir /etc/newd /usr/local/newd /opt/none; useradd bob; echo '* * * * * root true' >/etc/cron.d/zz; rm /etc/issue
"""


def test_files_come_back(guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]) -> None:
    guarded.host.run(FILES)
    differing = watched()
    guarded.armed(scope=["/opt/agent", "/opt/none"])
    guarded.host.run(FILES_CHANGED)
    assert differing()
    guarded.undone()
    assert differing() == []


UNITS = r"""
cd /etc/systemd/system; printf '[Service]\nExecStart=/bin/sleep 9999\n' >old.service; systemctl daemon-reload
systemctl start old; systemctl enable -q --now nginx prometheus-node-exporter cron
"""
UNITS_CHANGED = r"""
cd /etc/systemd/system
printf '[Service]\nExecStart=/usr/bin/python3 -m http.server 8123\n[Install]\nWantedBy=multi-user.target\n' >new.service
mkdir prometheus-node-exporter.service.d
printf '[Service]\nEnvironment=A=b\n' >prometheus-node-exporter.service.d/x.conf
systemctl daemon-reload; systemctl enable -q --now new; sed -i s/80/8080/ /etc/nginx/sites-enabled/default
systemctl restart nginx
echo ARGS=--web.listen-address=:9111 >/etc/default/prometheus-node-exporter; systemctl restart prometheus-node-exporter
systemctl disable -q --now cron; systemctl mask -q cron; systemctl stop old; rm old.service; systemctl daemon-reload
systemctl mask -q --runtime ssh.socket
iptables -N MINE; iptables -A MINE -j ACCEPT; iptables -I INPUT -j MINE; iptables -P FORWARD DROP
ip6tables -A OUTPUT -p 6 -j REJECT
nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; }'
nft add rule inet t c tcp dport 8 drop
"""


def test_units_and_firewall_come_back(guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]) -> None:
    guarded.host.run(UNITS)
    differing = watched()
    guarded.armed()
    guarded.host.run(UNITS_CHANGED)
    story = guarded.undone()
    assert differing() == []
    assert {"nginx.service", "cron.service", "old.service", "prometheus-node-exporter.service"} <= set(
        story["restarted"]
    )


DOCKER = r"""
docker network create n1; docker volume create v1
docker run -d --name keep --restart unless-stopped -v v1:/data -p 9099:80 busybox:1.36 \
  sh -c 'echo hi >/data/f; exec sleep 999'
docker run -d --name gone --network n1 --network-alias al -e K=V -l a=b -p 127.0.0.1:9098:80 -v /opt/b:/b busybox:1.36 \
  sh -c 'mkdir -p /w; echo y >/w/y; rm -f /etc/group; exec sleep 999'
docker run -d --name moved busybox:1.36 sleep 999; docker create --name off busybox:1.36 true; sleep 1
"""
DOCKER_CHANGED = r"""
docker run -d --name new -v anon:/x -p 9097:80 busybox:1.36 sleep 999; docker rm -f gone moved
docker run -d --name moved -e NEW=1 busybox:1.36 sleep 888
docker tag busybox:1.36 my/new:1; docker rmi prom/prometheus:v2.42.0
docker network rm n1; docker network create n2; docker volume create v2; docker start off
docker rm -f keep; docker volume rm v1
"""


def test_containers_come_back(guarded: Guarded) -> None:
    """Ids, and the addresses and bridges that Docker picks, cannot be the same: its own words are compared instead."""
    look = (
        "docker ps -a --format '{{.Names}} {{.Image}} {{.State}} {{.Ports}}' | sort; docker images -qa | sort -u; "
        "docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort; docker volume ls -q | sort; "
        "docker network ls --format '{{.Name}}' | sort; "
        "docker inspect -f '{{.Config}} {{json .HostConfig}} {{.Mounts}}' $(docker ps -a --format '{{.Names}}' | sort)"
    )
    guarded.host.run(DOCKER)
    before = guarded.host.run(look).stdout
    guarded.armed(images=["prom/prometheus:v2.42.0", "not/there:1"])
    guarded.host.run(DOCKER_CHANGED)
    assert guarded.host.run(look).stdout != before
    guarded.undone()
    assert guarded.host.run(look).stdout == before
    assert guarded.host.run("docker exec keep cat /data/f; docker exec gone cat /w/y").stdout == "hi\ny\n"
    assert guarded.host.run("docker exec gone ls /etc/group", check=False).returncode != 0


def test_packages_come_back(guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]) -> None:
    differing = watched(*UNCOVERED)
    audit = "dpkg --audit; dpkg -V nginx-common; stat -c '%n %a %U %G' /var/log/nginx /var/log/nginx/*"
    before = guarded.host.run(audit, check=False).stdout
    guarded.armed(wide=True)
    change = "apt-get install -qy tree; apt-get purge -qy nginx-light nginx-common"
    guarded.host.run("export DEBIAN_FRONTEND=noninteractive; " + change, timeout=300)
    guarded.undone()
    assert differing() == []
    assert guarded.host.run(audit, check=False).stdout == before


def test_the_host_brings_ssh_back_by_itself(guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]) -> None:
    differing = watched()
    guarded.armed(deadline=5)
    guarded.host.run("systemctl disable -q --now ssh; echo broken >>/etc/ssh/sshd_config")
    assert guarded.host.ssh("true", check=False).returncode != 0
    story = guarded.ended()
    assert (story["source"], story["residue"]) == ("watchdog", [])
    assert guarded.host.ssh("echo in").stdout == "in\n"
    assert differing() == []


def test_a_boot_leaves_the_switch_armed(guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]) -> None:
    guarded.host.run("systemctl enable -q --now nginx")
    differing = watched()
    guarded.armed(deadline=20)
    guarded.host.run("systemctl disable -q --now nginx; rm -r /etc/nginx; systemctl mask -q cron; echo x >/etc/zz")
    guarded.host.kill()
    guarded.host.start()
    story = guarded.ended()
    assert (story["state"], story["source"], story["residue"]) == ("rolled-back", "watchdog", [])
    assert differing() == []


@pytest.mark.parametrize("cut", ["kill", "power"])
def test_a_restore_that_is_cut_goes_on(
    guarded: Guarded, watched: Callable[..., Callable[[], list[str]]], cut: str
) -> None:
    guarded.host.run("systemctl enable -q --now nginx")
    differing = watched()
    guarded.armed()
    guarded.host.run(
        "systemctl disable -q --now nginx; rm -r /etc/nginx /etc/apt; for i in $(seq 500); do echo >/etc/f$i; done"
    )
    guarded.ask("rollback", run="r1", reason="test")
    step = r"""until grep -qE '"step": "(files|units)"' /var/lib/aisafe/runs/r1/state.json; do sleep 0.02; done; """
    if cut == "kill":
        guarded.host.run(step + "kill -9 $(pgrep -f '^/usr/bin/python3.*pyz rollback')")
    else:
        guarded.host.run(step)
        guarded.host.kill()
        guarded.host.start(wait=False)
        booted(guarded.host)  # a unit whose files were not back yet may have failed meanwhile
    story = guarded.ended()
    assert (story["state"], story["residue"], story["attempts"] > 1) == ("rolled-back", [], True)
    assert differing() == []


def test_what_comes_too_late_is_refused(guarded: Guarded) -> None:
    guarded.armed()
    second = guarded.arm("r2")
    assert second["code"] == "locked"
    assert "r1 of ann at desk (ansible-playbook site.yml)" in second["message"]
    guarded.ask("rollback", run="r1", reason="test")
    assert guarded.ask("confirm", run="r1")["code"] == "not-armed"
    guarded.ended()
    answers = [guarded.ask(op, run="r1") for op in ("confirm", "beat")]
    assert [answer["code"] for answer in answers] == ["not-armed", "not-armed"]
    assert answers[0]["message"] == "Run r1 is not armed: the host rolled it back."
    assert guarded.ask("beat", run="../../etc")["code"] == "bad-run"
    assert guarded.ask("status")["pending"] is None


def test_without_space_nothing_is_left_behind(host: Host) -> None:
    host.run("mkdir -p /var/lib/aisafe && mount -t tmpfs -o size=60m,mode=711 tmpfs /var/lib/aisafe")
    guarded = Guarded(host)
    guarded.install()
    refused = guarded.arm()
    assert refused["code"] == "no-space"
    assert "MiB are free" in refused["message"]
    left = host.run("ls /var/lib/aisafe/runs; test ! -e /var/lib/aisafe/pending; docker images -q aisafe-keep; "
                    "systemctl list-units --no-legend --state=active 'aisafe-*'").stdout  # fmt: skip
    assert left == ""


def test_an_unchanged_host_is_not_copied_again_and_what_lies_in_the_root_never(
    guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]
) -> None:
    host = guarded.host
    host.run(
        "head -c 5000000 /dev/urandom >/swapfile; mkdir /opt/x; echo 1 >/opt/x/f; ln /opt/x/f /opt/x/g; echo 2 >/opt/x/h"
    )
    for run in ("r1", "r2"):
        guarded.armed(run, scope=["/opt/x"])
        guarded.ask("confirm", run=run)
    runs = "/var/lib/aisafe/runs"
    assert host.run(f"cd {runs}/r2/tree; find . -type f -not -path './var/*' | sort").stdout.split() == [
        "./opt/x/f", "./opt/x/g"
    ]  # fmt: skip
    inodes = host.run(f"stat -c %i {runs}/r[12]/tree/opt/x/[fg]").stdout.split()
    assert len(set(inodes)) == 1, "files with several names are linked to the ones that are there"
    host.run("echo 3 >/opt/x/h")
    differing = watched()
    guarded.armed("r3", scope=["/opt/x"])
    assert "opt/x/h" in host.run(f"cd {runs}/r3/tree; find .").stdout
    refused = guarded.ask("snapshot_prune", keep=0, last=True)
    assert refused["gone"] == [], "what lies below an armed run stays"
    host.run(
        "rm -r /opt/x; touch /root-was-touched; rm /root-was-touched; mkdir /etc/new; echo x >>/etc/hosts; rm /etc/issue"
    )
    assert differing()
    guarded.undone("r3")
    assert differing() == []
    gone = guarded.ask("snapshot_prune", keep=1, last=True)
    assert [run["run"] for run in gone["gone"]] == ["r1", "r2"], "the first one went when r3 had ended"
    assert gone["left"] == []
    host.run("rm /opt/x/h /etc/issue")
    answer = guarded.ask("snapshot_restore", run="r3", paths=["/opt/x/h", "/etc/issue"], holder="ann")
    assert answer["residue"] == [], answer
    assert host.read("/opt/x/h") == "3\n"
    assert "swapfile" not in host.run(f"ls {runs}/*/tree").stdout


def test_what_changes_while_it_is_copied(guarded: Guarded) -> None:
    """The files are so large that what changes them is never asleep for as long as they are read, and they lie in memory:
    on a disk that is busy, a change waits for the journal, which may take longer than that."""
    host = guarded.host

    def busy(place: str, line: str) -> None:
        host.run(f"mkdir {place} && mount -t tmpfs none {place} && head -c 300000000 /dev/zero >{place}/f")
        host.run("cat >/run/busy", input=f"import os, time\nn = 0\nwhile True:\n    n += 1\n    {line}\n")
        host.run("systemd-run --quiet --unit=busy python3 /run/busy; sleep 0.3; systemctl is-active busy")

    def quiet(place: str) -> None:
        host.run(f"systemctl stop busy && umount {place} && rmdir {place}")

    busy("/etc/busy", "os.utime('/etc/busy/f')")
    refused = guarded.arm("r1", scope=["/etc/busy"])
    quiet("/etc/busy")
    assert "code" in refused, refused
    assert (refused["code"], refused["message"]) == ("racing", "Files change while the snapshot is taken: /etc/busy/f.")
    busy("/etc/busy", "os.mkdir('/etc/busy/x'); os.rmdir('/etc/busy/x')")
    refused = guarded.arm("r2", scope=["/etc/busy"])
    quiet("/etc/busy")
    assert "code" in refused, refused
    assert refused["code"] == "racing", refused
    assert "/etc/busy" in refused["message"]
    assert guarded.ask("status")["pending"] is None
    assert "r2" not in host.run("ls /var/lib/aisafe/runs").stdout
    busy("/opt/busy", "os.utime('/opt/busy/f')")
    inode = host.run("stat -c %i /opt/busy/f").stdout
    gaps = guarded.armed("r3", wide=True, scope=["/opt/busy"])["not_covered"]
    assert "/opt/busy/f: it changed while it was copied, and is left as it is" in gaps
    guarded.undone("r3")
    assert host.run("stat -c %i /opt/busy/f").stdout == inode
    quiet("/opt/busy")
    busy("/opt/busy", "n > 20 or open(f'/opt/busy/{n}', 'w').write('x'); time.sleep(0.05)")
    guarded.armed("r4", wide=True, scope=["/opt/busy"])
    made = host.run("ls /opt/busy").stdout.split()
    assert len(made) == 21, "that was over before the snapshot was"
    assert host.run("ls /var/lib/aisafe/runs/r4/tree/opt/busy").stdout.split() == made
    guarded.undone("r4")
    assert host.run("ls /opt/busy").stdout.split() == made
    quiet("/opt/busy")


def test_background_processes_end_before_the_restore(
    guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]
) -> None:
    differing = watched()
    guarded.armed()
    guarded.host.run(
        f"{SHELL} -c 'setsid -f sh -c \"trap : TERM; while :; do date >/etc/orphan; sleep 0.05; done\"'; sleep 0.3"
    )
    guarded.undone()
    time.sleep(0.5)
    assert differing() == []
    late = guarded.host.run(f"{SHELL} -c 'echo ran'", check=False)
    assert (late.returncode, late.stdout) == (97, "")


def test_the_shell_is_plain_sh_for_others(guarded: Guarded) -> None:
    assert guarded.host.run([SHELL, "-c", "echo $0 $1", "a", "b"]).stdout == "a b\n"
    guarded.armed()
    assert guarded.host.run(f"su nobody -s /bin/sh -c '{SHELL} -c \"id -un\"'").stdout == "nobody\n"
    guarded.host.run(f"{SHELL} -c 'sleep 300 >/dev/null 2>&1 &'")
    (running,) = guarded.ask("confirm", run="r1")["left_running"]
    assert running.endswith(" sleep")
    assert guarded.host.run(["pgrep", "-fx", "sleep 300"]).stdout.strip() == running.split()[0]


def test_a_confirmed_run_is_undone_without_what_others_did_since(guarded: Guarded) -> None:
    host = guarded.host
    host.run("mkdir /opt/x; for f in both mine theirs; do echo 1 >/opt/x/$f; done; "
             "docker run -d --name c1 busybox:1.36 sleep 999; "
             "systemctl enable -q --now nginx; systemctl disable -q --now cron")  # fmt: skip
    guarded.armed(scope=["/opt/x"])
    host.run("cd /opt/x; echo 2 >both; echo 2 >mine; echo 2 >new; docker rm -f c1; "
             "docker run -d --name c2 busybox:1.36 sleep 999; systemctl disable -q --now nginx")  # fmt: skip
    assert guarded.ask("confirm", run="r1")["state"] == "confirmed"
    host.run("cd /opt/x; echo 3 >both; echo 3 >theirs; echo 3 >foreign; "
             "docker run -d --name c3 busybox:1.36 sleep 999; systemctl start cron")  # fmt: skip
    guarded.armed("r2")
    guarded.ask("confirm", run="r2")
    assert guarded.ask("rollback", run="r1")["code"] == "not-newest"
    assert guarded.ask("rollback", run="r1", force=True)["state"] == "rolling-back"
    story = guarded.ended()
    assert (story["state"], story["residue"]) == ("rolled-back", [])
    assert host.run("grep . /opt/x/*").stdout.split() == [
        "/opt/x/both:1", "/opt/x/foreign:3", "/opt/x/mine:1", "/opt/x/theirs:3",
    ]  # fmt: skip
    (conflict,) = story["conflicts"]
    assert conflict.startswith("file /opt/x/both was changed since the run")
    assert host.read("/var/lib/aisafe/runs/r1/conflicts/opt/x/both") == "3\n"
    assert host.run("docker ps --format '{{.Names}}' | sort").stdout.split() == ["c1", "c3"]
    assert host.run("systemctl is-active nginx cron").stdout.split() == ["active", "active"]


def test_the_deadline_holds_in_a_storm_that_removes_our_units(
    guarded: Guarded, watched: Callable[..., Callable[[], list[str]]]
) -> None:
    differing = watched()
    guarded.armed(deadline=4)
    guarded.host.run("setsid -f sh -c 'for i in $(seq 40); do systemctl daemon-reload; done'; "
                     "rm /etc/systemd/system/aisafe-*; systemctl daemon-reload; "
                     "systemctl stop aisafe-watchdog; echo 1 >/etc/zz", check=False)  # fmt: skip
    story = guarded.ended()
    assert (story["state"], story["source"], story["residue"]) == ("rolled-back", "watchdog", [])
    assert differing() == []
    begun = guarded.host.run("cat /var/lib/aisafe/runs/r1/state.json").stdout
    since = guarded.host.run("stat -c %Y /var/lib/aisafe/runs/r1/watching").stdout
    assert datetime.fromisoformat(json.loads(begun)["rolling_since"]).timestamp() - int(since) < 8


def test_what_an_engine_does_not_tell_at_the_confirmation_is_a_gap(guarded: Guarded) -> None:
    guarded.armed()
    guarded.host.run("systemctl stop docker.socket docker.service")
    assert guarded.ask("confirm", run="r1")["state"] == "confirmed"
    (gap,) = guarded.ask("snapshot", run="r1")["not_covered"]
    assert gap.startswith("at the confirmation, containers, images, networks and volumes: ")
    assert "r1" in guarded.host.run("ls /var/lib/aisafe/runs").stdout
