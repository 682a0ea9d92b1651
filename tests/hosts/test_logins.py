"""Every way into a host, and every way to become root there: a run that fails is undone, one that does not is confirmed.

`make test` takes a few of them, `make logins` all.
"""

from __future__ import annotations

import os
import re
import shlex
import site
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.test_shows import observe
from tests.story import ROOT, Workplace, workplace
from tests.testbed import Host, state
from tests.testbed.engine import docker
from tests.testbed.listing import differences

PLAY = """\
- hosts: monitored
  become: true
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "changed\\n", owner: root, mode: "0640"}
    - ansible.builtin.systemd_service: {name: prometheus-node-exporter, state: started, enabled: true}
    - ansible.builtin.uri: {url: "http://127.0.0.1:1/"}
      when: fails | default(false) | bool
"""
PASSWORD = "secret-pw"
BECOME = {
    "root": "ansible_user=root",
    "sudo": "ansible_user=deploy ansible_become_method=sudo",
    "sudo with a password": f"ansible_user=askpass ansible_become_method=sudo ansible_become_password={PASSWORD}",
    "doas": "ansible_user=nosudo ansible_become_method=community.general.doas",
    "doas with a password": "ansible_user=askpass ansible_become_method=community.general.doas "
    f"ansible_become_password={PASSWORD}",
    "su": "ansible_user=nosudo ansible_become_method=su ansible_become_password=root-pw",
}
PASSWORD_ALONE = "-o PubkeyAuthentication=no -o PreferredAuthentications=password"

thorough = pytest.mark.skipif(not os.environ.get("AISAFE_ALL_LOGINS"), reason="its own target: make logins")


def plain(host: Host, *, key: str | None = None, port: int | None = None, address: str = "", more: str = "") -> str:
    """What reaches a host, without who logs in there. ``key`` '' for none. ``more``: options of ssh."""
    key = str(host.key) if key is None else key
    options = f"{shlex.join(host.ssh_options())} -F none {more}".strip()
    file = f"ansible_ssh_private_key_file={key} " if key else ""
    return (
        f"web1 ansible_host={address or host.address} ansible_port={port or host.port} {file}"
        f'ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args="{options}"'
    )


def known(host: Host, *names: str, directory: Path) -> str:
    """Options for a file of known hosts in which ``names`` have the host's keys."""
    keys = [line.split(None, 1)[1] for line in state.known_hosts().read_text().splitlines()
            if line.startswith((host.address, f"[{host.address}]"))]  # fmt: skip
    file = directory / "known_hosts"
    file.write_text("".join(f"{name} {key}\n" for name in names for key in keys))
    return f"-o UserKnownHostsFile={file}"


def inner_address(host: Host) -> str:
    return docker(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", host.container
    ).stdout.strip()


def run_both(host: Host, place: Workplace, **environ: str) -> None:
    """A run that fails leaves no difference behind; one that does not is confirmed."""
    place.write("site.yml", PLAY)
    before = observe(host)
    undone = place.playbook("site.yml", "-e", "fails=true", **environ)
    said = undone.stdout + undone.stderr
    assert undone.returncode == 21, said
    assert differences(before, observe(host)) == []
    done = place.playbook("site.yml", **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "confirmed" in done.stderr
    assert host.run("systemctl is-active prometheus-node-exporter; stat -c %a /etc/motd").stdout.split() == [
        "active",
        "640",
    ]
    assert PASSWORD not in said + done.stdout + done.stderr


@pytest.mark.parametrize(
    "become", [pytest.param(name, marks=() if name == "sudo with a password" else thorough) for name in BECOME]
)
def test_become(host: Host, tmp_path: Path, become: str) -> None:
    if become.startswith("doas"):
        host.run("apt-get update -q && apt-get install -qy opendoas", timeout=300)
        host.write("/etc/doas.conf", "permit nopass nosudo\npermit askpass\n", mode=0o400)
    run_both(host, workplace(tmp_path / "work", [f"{plain(host)} {BECOME[become]}"]))


@thorough
def test_password(host: Host, tmp_path: Path) -> None:
    line = plain(host, key="", more=PASSWORD_ALONE)
    words = f"{BECOME['sudo with a password']} ansible_password={PASSWORD}"
    run_both(host, workplace(tmp_path / "work", [f"{line} {words}"]), SSH_AUTH_SOCK="")


@pytest.fixture
def agent(host: Host, tmp_path: Path) -> Iterator[str]:
    """The socket of an ssh-agent that holds the key."""
    socket = tmp_path / "agent"
    said = subprocess.run(["ssh-agent", "-a", socket], capture_output=True, text=True, check=True).stdout
    found = re.search(r"SSH_AGENT_PID=(\d+)", said)
    assert found
    environ = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    subprocess.run(["ssh-add", host.key], env=environ, capture_output=True, check=True)
    yield str(socket)
    subprocess.run(["ssh-agent", "-k"], env={**environ, "SSH_AGENT_PID": found[1]}, capture_output=True, check=True)


@thorough
def test_agent(host: Host, tmp_path: Path, agent: str) -> None:
    line = plain(host, key="", more="-o IdentitiesOnly=no -o IdentityFile=none").replace("-o IdentitiesOnly=yes", "")
    run_both(host, workplace(tmp_path / "work", [f"{line} {BECOME['sudo']}"]), SSH_AUTH_SOCK=agent)


def test_certificate(host: Host, tmp_path: Path) -> None:
    """The host trusts who signed, and no key of the user's own."""
    for name in ("authority", "own"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-s", tmp_path / "authority", "-I", "tester", "-n", "deploy", tmp_path / "own.pub"],
        check=True,
    )
    host.write("/etc/ssh/authority.pub", (tmp_path / "authority.pub").read_text())
    host.run(
        "echo 'TrustedUserCAKeys /etc/ssh/authority.pub' >/etc/ssh/sshd_config.d/authority.conf; systemctl reload ssh"
    )
    line = plain(host, key=str(tmp_path / "own"), more=f"-o CertificateFile={tmp_path / 'own-cert.pub'}")
    run_both(host, workplace(tmp_path / "work", [f"{line} {BECOME['sudo']}"]), SSH_AUTH_SOCK="")


def test_jump_host(hosts: Callable[[list[str]], list[Host]], tmp_path: Path) -> None:
    gate, target = hosts(["gate", "web1"])
    inside = inner_address(target)
    keys = known(gate, gate.address, inside, directory=tmp_path)
    config = tmp_path / "config"
    config.write_text(f"Host gate\n HostName {gate.address}\n User deploy\n IdentityFile {gate.key}\n"
                      f"Host *\n {keys.removeprefix('-o ').replace('=', ' ')}\n")  # fmt: skip
    line = plain(target, address=inside, more=f"-J gate {keys}").replace("-F none", f"-F {config}")
    line = line.replace(f"-o UserKnownHostsFile={state.known_hosts()}", "")
    run_both(target, workplace(tmp_path / "work", [f"{line} {BECOME['sudo']}"]))


@thorough
def test_alias_of_the_ssh_configuration(host: Host, tmp_path: Path) -> None:
    """The inventory has a name only; where and who it is stands in the configuration."""
    config = tmp_path / "config"
    options = " ".join(host.ssh_options()).split("-o ")[1:]
    config.write_text(f"Host shop\n HostName {host.address}\n Port {host.port}\n User deploy\n IdentityFile {host.key}\n"
                      + "".join(f" {option.strip().replace('=', ' ')}\n" for option in options))  # fmt: skip
    line = f'shop ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args="-F {config}" ansible_become_method=sudo'
    run_both(host, workplace(tmp_path / "work", [line]))


@thorough
def test_another_port(host: Host, tmp_path: Path) -> None:
    host.run("printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/port.conf; systemctl restart ssh")
    inside = inner_address(host)
    line = plain(host, address=inside, port=2222, more=known(host, f"[{inside}]:2222", directory=tmp_path))
    line = line.replace(f"-o UserKnownHostsFile={state.known_hosts()}", "")
    run_both(host, workplace(tmp_path / "work", [f"{line} {BECOME['sudo']}"]))


@pytest.fixture
def address6(host: Host) -> Iterator[str]:
    """The host's address in a network of its own that has IPv6."""
    network = f"{host.container}-six"
    part = os.getpid() % 250
    subnets = ("--subnet", f"10.213.{part}.0/24", "--subnet", f"fd00:a15a:fe:{part:x}::/64")
    docker("network", "create", "--ipv6", *subnets, network)
    try:
        docker("network", "connect", network, host.container)
        form = f'{{{{(index .NetworkSettings.Networks "{network}").GlobalIPv6Address}}}}'
        yield docker("inspect", "--format", form, host.container).stdout.strip()
        docker("network", "disconnect", network, host.container)
    finally:
        docker("network", "rm", network)


def test_ipv6(host: Host, tmp_path: Path, address6: str) -> None:
    line = plain(host, address=address6, more=known(host, address6, directory=tmp_path))
    line = line.replace(f"-o UserKnownHostsFile={state.known_hosts()}", "")
    run_both(host, workplace(tmp_path / "work", [f"{line} {BECOME['sudo']}"]))


@thorough
def test_paramiko(host: Host, tmp_path: Path) -> None:
    """The play goes over ansible's connection plugin of that name; it knows hosts by the user's own file only."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text(state.known_hosts().read_text())
    line = (
        f"web1 ansible_connection=paramiko_ssh ansible_host={host.address} ansible_port={host.port} "
        f"ansible_ssh_private_key_file={host.key} ansible_python_interpreter=/usr/bin/python3 {BECOME['sudo']}"
    )
    run_both(host, workplace(tmp_path / "work", [line]), HOME=str(home))


@thorough
def test_local(host: Host, tmp_path: Path) -> None:
    """aisafe runs on the host that it guards."""
    if host.run("python3 -c 'import sys; print(*sys.version_info[:2])'").stdout.split() != [
        *map(str, sys.version_info[:2])
    ]:
        pytest.skip("what is compiled for this Python does not run with the host's")
    packages = Path(site.getsitepackages()[0])
    left_out = ("ansible_collections", "__pycache__", "kubernetes_validate", "mypy*")
    pack = ["tar", "-C", packages, *(f"--exclude={name}" for name in left_out), "-c", ".", "-C", ROOT, "aisafe"]
    unpack = ["docker", "exec", "--interactive", host.container, "sh", "-c", "mkdir /opt/own && tar -C /opt/own -x"]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        subprocess.run(unpack, stdin=packed.stdout, check=True, timeout=300)
    assert packed.returncode == 0
    for name, main in (
        ("aisafe-playbook", "aisafe.entry import playbook_main"),
        ("ansible-playbook", "ansible.cli.playbook import main"),
    ):
        text = f"#!/usr/bin/python3\nimport sys\nsys.path.insert(0, '/opt/own')\nfrom {main} as main\nmain()\n"
        host.write(f"/usr/local/bin/{name}", text, mode=0o755)
    host.run("mkdir -p /root/play/home")
    host.write("/root/play/site.yml", PLAY)
    host.write("/root/play/inventory.ini", "[monitored]\nlocalhost ansible_connection=local\n")
    own = "HOME=/root/play/home AISAFE_LINT=off PYTHONPATH=/opt/own PYTHONDONTWRITEBYTECODE=1"
    aside = f"cd /root/play; {own} aisafe-playbook -i inventory.ini site.yml"
    host.run("python3 -m compileall -q /opt/own", check=False, timeout=300)
    before = observe(host)
    undone = host.run(f"{aside} -e fails=true", check=False, timeout=300)
    assert undone.returncode == 21, undone.stdout + undone.stderr
    left = [item for item in differences(before, observe(host)) if "/root/play" not in item]  # the controller's own
    assert left == []
    done = host.run(aside, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
