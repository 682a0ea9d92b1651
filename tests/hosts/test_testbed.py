"""The test bed keeps its promises: hosts are real, pristine and apart, and the observer sees what changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.testbed import Host, TestbedError, fleet, inventory, recipe, state
from tests.testbed.containers import parse_firewall
from tests.testbed.engine import docker
from tests.testbed.listing import differences, observe
from tests.testbed.pool import _abandoned, _started

ROOT = Path(__file__).parents[2]


def lines_about(found: list[str], start: str) -> list[str]:
    return [line for line in found if line.startswith(start)]


def test_a_host_has_systemd_ssh_and_a_docker_engine(host: Host) -> None:
    assert host.run("systemctl is-system-running").stdout.strip() == "running"
    assert host.ssh("hostname; id -un").stdout.split() == ["web1", "root"]
    tags = host.run(["docker", "image", "ls", "--format={{.Repository}}:{{.Tag}}"]).stdout.split()
    assert sorted(tags) == sorted(recipe.INNER_IMAGES)
    for unit in ("nginx", "prometheus", "prometheus-node-exporter"):
        assert host.run(["systemctl", "is-active", unit], check=False).stdout.strip() == "inactive"
        assert host.run(["systemctl", "is-enabled", unit], check=False).stdout.strip() == "disabled"


def test_the_users_have_the_rights_that_they_are_named_for(host: Host) -> None:
    assert host.ssh("sudo -n id -un", user="deploy").stdout == "root\n"
    assert host.ssh("sudo -n true", user="nosudo", check=False).returncode != 0
    assert host.ssh("sudo -n true", user="askpass", check=False).returncode != 0
    assert host.ssh("sudo -S id -un", user="askpass", input="secret-pw\n").stdout == "root\n"
    assert host.ssh("su -c 'id -un'", user="nosudo", input="root-pw\n").stdout == "root\n"


def test_packages_install_and_published_containers_answer(host: Host) -> None:
    host.run("apt-get install -y tree", timeout=300)
    assert host.run("tree --version").stdout.startswith("tree v")
    host.run("mkdir /srv/www && echo hello >/srv/www/index.html")
    host.run("docker run -d -p 8080:80 -v /srv/www:/www busybox:1.36 httpd -f -h /www")
    host.run("docker run -d -p 9090:9090 prom/prometheus:v2.42.0")
    host.run("docker run -d -p 9100:9100 prom/node-exporter:v1.5.0")
    get = "curl -s --retry 20 --retry-delay 1 --retry-all-errors -o /dev/null -w '%{http_code}' http://localhost"
    assert host.run("curl -s --retry 9 --retry-all-errors http://localhost:8080/").stdout == "hello\n"
    assert host.run(f"{get}:9090/-/ready").stdout.endswith("200")
    assert host.run(f"{get}:9100/metrics").stdout == "200"


@pytest.mark.parametrize(
    ("image", "port", "command"),
    [
        ("prom/prometheus:v2.42.0", "9090/tcp", "/bin/prometheus"),
        ("prom/node-exporter:v1.5.0", "9100/tcp", "/bin/node_exporter"),
    ],
)
def test_inner_images_say_what_the_images_upstream_say(host: Host, image: str, port: str, command: str) -> None:
    config = json.loads(host.run(["docker", "image", "inspect", image]).stdout)[0]["Config"]
    assert config["ExposedPorts"] == {port: {}}
    assert config["Entrypoint"] == [command]


def test_a_reboot_keeps_the_disk_and_starts_what_is_enabled(host: Host) -> None:
    host.run("systemctl enable --now nginx && touch /run/lost /srv/kept && echo '192.0.2.1 other' >>/etc/hosts")
    first = host.read("/proc/sys/kernel/random/boot_id")
    before = observe(host)
    host.reboot()
    assert host.read("/proc/sys/kernel/random/boot_id") != first
    assert host.run("test -e /srv/kept && test ! -e /run/lost; curl -sf localhost | head -1").stdout != ""
    assert differences(before, observe(host)) == []


def test_a_power_cut_ends_everything_at_once(host: Host) -> None:
    first = host.read("/proc/sys/kernel/random/boot_id")
    host.kill()
    with pytest.raises(TestbedError, match="web1"):
        host.run("true")
    host.start()
    assert host.read("/proc/sys/kernel/random/boot_id") != first


def test_a_host_can_reboot_itself(host: Host) -> None:
    first = host.read("/proc/sys/kernel/random/boot_id")
    host.ssh("reboot", check=False)
    end = time.monotonic() + 30
    while host.run(["cat", "/proc/sys/kernel/random/boot_id"], check=False).stdout in ("", first):
        assert time.monotonic() < end
        time.sleep(0.1)
    host.wait_ready()


def test_several_hosts_at_once_are_apart(hosts, tmp_path: Path) -> None:
    made = hosts(4)
    assert [host.name for host in made] == ["web1", "web2", "web3", "web4"]
    assert len({host.address for host in made}) == len({host.run("cat /etc/machine-id").stdout for host in made}) == 4
    made[0].write("/srv/mine", "x\n", mode=0o600)
    assert made[0].run("stat -c %a /srv/mine").stdout == "600\n"
    assert all(host.run("test -e /srv/mine", check=False).returncode == 1 for host in made[1:])
    path = tmp_path / "hosts.ini"
    path.write_text(inventory(made))
    ansible = Path(sys.executable).with_name("ansible")
    if not ansible.exists():
        pytest.skip("ansible is not installed beside this Python")
    done = subprocess.run([ansible, "-i", path, "all", "-m", "ping"], capture_output=True, text=True, check=False)
    assert done.stdout.count("pong") == 4, done.stdout + done.stderr


def test_a_host_made_again_is_pristine_at_the_same_address(host: Host) -> None:
    owner = host.container.removesuffix("-web1").removeprefix(f"aisafe-{state.namespace()}-")
    host.run("touch /srv/old; docker run -d --name old busybox:1.36 sleep 1000")
    again = fleet.fresh("web1", owner=owner)
    assert again == host
    assert again.run("ls /srv; docker ps --all --quiet").stdout == ""


def test_two_processes_may_remove_the_same_host(host: Host) -> None:
    with ThreadPoolExecutor(2) as both:
        assert any(both.map(fleet.remove_container, [host.container] * 2))
    assert fleet.remove_container(host.container) is False


def test_a_failed_unit_is_named(host: Host) -> None:
    host.write("/etc/systemd/system/broken.service", "[Service]\nExecStart=/bin/false\n")
    host.run("systemctl start broken.service", check=False)
    with pytest.raises(TestbedError, match=r"booted with failed units: broken\.service"):
        host.wait_ready()


def test_a_foreign_container_is_left_alone(hosts) -> None:
    name = f"aisafe-{state.namespace()}-foreign{os.getpid()}"
    docker("create", f"--name={name}", recipe.tag(), "true")
    try:
        with pytest.raises(TestbedError, match="is not the test bed's"):
            fleet.remove_container(name)
        assert docker("inspect", "--type=container", name, check=False).returncode == 0
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.mark.parametrize("name", ["", "../x", "-a", "Web1", "a" * 41, "a b"])
def test_a_name_that_no_host_can_have_is_refused(name: str) -> None:
    with pytest.raises(TestbedError, match="cannot be a host's name"):
        fleet.container_name(name)


def test_a_host_cannot_set_the_clock_of_this_machine(host: Host) -> None:
    assert "not permitted" in host.run("date --set=2001-01-01", check=False).stderr


def test_the_observer_sees_no_change_where_there_is_none(host: Host) -> None:
    before = observe(host)
    host.ssh("true")
    host.run("systemctl restart docker")
    assert differences(before, observe(host)) == []


def test_the_observer_names_what_changed(host: Host) -> None:
    host.run("systemctl start nginx; docker run -d --name keep -p 8081:80 busybox:1.36 httpd -f")
    before = observe(host)
    host.run(
        "echo x >/etc/new; chmod 600 /etc/hosts; ln -sfn /nowhere /etc/localtime; touch '/srv/a\nb';"
        "chattr +i '/srv/a\nb';"
        "setfacl -m u:deploy:r /etc/fstab; printf . >>/usr/bin/less; setcap cap_net_raw+ep /usr/bin/less;"
        'm=$(stat -c %y /etc/issue); sed -i s/Debian/Dabian/ /etc/issue; touch -d "$m" /etc/issue;'
        "systemctl enable cron nginx; systemctl stop nginx;"
        "iptables -A INPUT -p tcp --dport 99 -j DROP; iptables -A DOCKER-USER -s 192.0.2.1 -j DROP;"
        "nft add table inet t;"
        "docker stop -t 0 keep; docker run -d --name new busybox:1.36 sleep 1000; docker tag busybox:1.36 mine:1;"
        "docker network create n1; docker volume create v1; useradd someone; mount -t tmpfs tmpfs /mnt"
    )
    found = differences(before, observe(host))
    for start in (
        "file /etc/new: added",
        "file /etc/hosts: mode 644 -> 600",
        "file /etc/localtime: target",
        "file /srv/a\nb: added",
        "file /etc/fstab: xattrs",
        "file /usr/bin/less: xattrs",
        "file /usr/bin/less: sha256",
        "file /etc/issue: sha256",
        "unit nginx.service: removed",
        "unit file nginx.service: disabled",
        "listening tcp 0.0.0.0:80: removed (was nginx)",
        "firewall ipv4 filter INPUT rules: added",
        "firewall ipv4 filter DOCKER-USER rules: with -A DOCKER-USER -s 192.0.2.1/32 -j DROP",
        "nft table inet t: added",
        "container keep: state Status running -> exited",
        "container new: added",
        "image mine:1: added",
        "network n1: added",
        "volume v1: added",
        "user someone: added",
        "group someone: added",
        "mount /mnt: added",
    ):
        assert lines_about(found, start), f"{start}\nnot in\n" + "\n".join(found)
    assert len(lines_about(found, "file /etc/issue: ")) == 1, "same size and mtime: the hash alone tells"
    assert "flags=i" in lines_about(found, "file /srv/a\nb: added")[0]


def test_a_dead_engine_is_not_an_empty_one(host: Host) -> None:
    before = observe(host)
    host.run("systemctl stop docker.socket docker.service")
    found = differences(before, observe(host))
    assert "does not answer" in lines_about(found, "docker engine:")[0]


def test_what_the_tool_installs_for_good_can_be_left_out(host: Host) -> None:
    before, all_before = observe(host), observe(host, ignore_own=False)
    host.run(
        "mkdir -p /var/lib/aisafe/runs; cd /etc/systemd/system; printf '[Service]\nExecStart=/bin/true\n[Install]\n"
        "WantedBy=multi-user.target\n' >aisafe-boot.service; systemctl enable --now aisafe-boot.service"
    )
    assert differences(before, observe(host)) == []
    assert lines_about(differences(all_before, observe(host, ignore_own=False)), "file /var/lib/aisafe: added")
    host.run("touch /etc/systemd/system/other.service")
    assert lines_about(differences(before, observe(host)), "file /etc/systemd/system/other.service: added")


def test_docker_rules_compare_by_meaning_and_others_by_place() -> None:
    rule = "-A DOCKER -d {0}/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT\n"
    first = parse_firewall("*filter\n" + rule.format("172.17.0.2"), "", "", {"172.17.0.2": "(web)"})
    second = parse_firewall("*filter\n" + rule.format("172.17.0.9"), "", "", {"172.17.0.9": "(web)"})
    assert first == second
    twice = parse_firewall("*filter\n" + 2 * rule.format("172.17.0.9"), "", "", {"172.17.0.9": "(web)"})
    assert differences(first, twice) == [
        "docker rule ipv4 filter -A DOCKER -d (web)/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT: "
        "1 times -> 2 times"
    ]
    order = ["-A INPUT -s 192.0.2.1 -j DROP\n", "-A INPUT -j ACCEPT\n"]
    text = ["*filter\n" + "".join(order), "*filter\n" + "".join(reversed(order))]
    assert "in another order" in differences(*(parse_firewall(part, "", "", {}) for part in text))[0]


def test_sources_of_other_vendors_stay_out_and_mirrors_stay() -> None:
    text = "# x\nTypes: deb\n# y\nURIs: http://m.example/debian\nSuites: trixie trixie-updates\nComponents: main\n"
    foreign = "\nTypes: deb\nURIs: https://vendor.example\nSuites: nodistro\nComponents: main\n"
    assert recipe._deb822(text + foreign, "trixie") == [
        "deb http://m.example/debian bookworm main",
        "deb http://m.example/debian bookworm-updates main",
    ]
    line = (
        "deb [signed-by=/x] http://m.example/debian trixie-security main\ndeb-src http://m.example/debian trixie main\n"
    )
    assert recipe._one_line(line, "trixie") == ["deb http://m.example/debian bookworm-security main"]


def test_only_hosts_of_ended_processes_are_abandoned() -> None:
    child = subprocess.Popen(["sleep", "60"])
    owner = f"p{child.pid}x{_started(child.pid)}-7"
    assert not _abandoned(owner)
    child.kill()
    child.wait()
    assert _abandoned(owner)
    assert not _abandoned("")


def in_namespace(name: str, place: Path) -> subprocess.CompletedProcess[str]:
    """The network of a namespace, asked in a process of its own: here the next test's hosts boot in the background."""
    asked = "from tests.testbed import state; print(state.network())"
    environ = {**os.environ, "XDG_CACHE_HOME": str(place), "AISAFE_TESTBED_NS": name}
    return subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_namespaces_get_networks_of_their_own(tmp_path: Path) -> None:
    assert len({in_namespace(f"n{number}", tmp_path).stdout for number in range(12)}) == 12
    assert in_namespace("n3", tmp_path).stdout == in_namespace("n3", tmp_path).stdout
    assert "AISAFE_TESTBED_NS" in in_namespace("Not/Good", tmp_path).stderr
