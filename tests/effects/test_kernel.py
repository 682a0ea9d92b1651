from __future__ import annotations

from aisafe.effects.api import LiveFile
from tests.effects.scenes import directory, predicted, regular, run

SWAPPINESS = "/proc/sys/vm/swappiness"
CONF = "/etc/sysctl.conf"


def kinds(effects: object) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, one.certainty) for one in effects]  # type: ignore[attr-defined]


def test_sysctl_in_its_file_and_in_the_kernel() -> None:
    host = predicted({CONF: b"vm.swappiness=10\n", SWAPPINESS: b"10\n", "/proc/sys/kernel/x": b""})
    assert (
        run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": 10, "sysctl_set": True}).changed is False
    )
    result = run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": "60", "sysctl_set": True})
    assert kinds(result.effects) == [("file", CONF, "certain"), ("sysctl", "vm.swappiness", "certain")]
    assert [one.reversible for one in result.effects] == [True, False]
    assert (
        run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": "60", "sysctl_set": True}).changed is False
    )
    assert run(host, "ansible.posix.sysctl", {"name": "no.such", "value": "1", "reload": False}).changed is True


def test_sysctl_whose_value_now_cannot_be_read() -> None:
    host = predicted({CONF: b"vm.swappiness=10\n"})
    [effect] = run(host, "ansible.posix.sysctl", {"name": "vm.swappiness", "value": "10"}).effects
    assert (effect.certainty, effect.why) == ("possible", "which value the kernel has now")


def test_modprobe() -> None:
    files = {
        "/proc/modules": b"overlay 100 1 - Live 0x0\n",
        "/lib/modules/6.1/modules.builtin": b"kernel/net/ipv6.ko\n",
    }
    folders = {"/etc/modules-load.d": directory("/etc/modules-load.d", "overlay.conf"),
               "/etc/modules-load.d/overlay.conf": regular("/etc/modules-load.d/overlay.conf", b"overlay\n"),
               "/etc/modprobe.d": directory("/etc/modprobe.d")}  # fmt: skip
    host = predicted({**files, **folders}, os={"id": "debian", "kernel": "6.1"})
    assert run(host, "community.general.modprobe", {"name": "overlay", "persistent": "present"}).changed is False
    assert run(host, "community.general.modprobe", {"name": "ipv6"}).changed is False
    result = run(host, "community.general.modprobe", {"name": "br-netfilter", "persistent": "present"})
    assert kinds(result.effects) == [
        ("command", "modprobe br-netfilter", "certain"), ("file", "/etc/modules-load.d/br-netfilter.conf", "certain")
    ]  # fmt: skip
    assert host.file("/etc/modules-load.d/br-netfilter.conf").content == b"br-netfilter\n"
    assert run(host, "community.general.modprobe", {"name": "br-netfilter", "persistent": "present"}).changed is False
    assert (
        run(host, "community.general.modprobe", {"name": "overlay", "state": "absent", "persistent": "absent"}).changed
        is True
    )
    assert host.file("/etc/modules-load.d/overlay.conf").content == b"#overlay\n"


def test_selinux() -> None:
    host = predicted(
        {"/etc/selinux/config": b"# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n", "/sys/fs/selinux/enforce": b"1"}
    )
    assert run(host, "ansible.posix.selinux", {"state": "enforcing", "policy": "targeted"}).changed is False
    result = run(host, "ansible.posix.selinux", {"state": "permissive", "policy": "targeted"})
    assert kinds(result.effects) == [
        ("file", "/etc/selinux/config", "certain"),
        ("sysctl", "selinux permissive", "certain"),
    ]
    assert host.file("/etc/selinux/config").content == b"# x\nSELINUX=permissive\nSELINUXTYPE=targeted\n"
    assert "Policy is required" in run(host, "ansible.posix.selinux", {"state": "enforcing"}).failed


def test_selinux_booleans_ports_and_contexts() -> None:
    store = "/var/lib/selinux/targeted/active"
    contexts = "/etc/selinux/targeted/contexts/files/file_contexts.local"
    host = predicted({
        "/sys/fs/selinux/booleans/httpd_can_network_connect": b"1 1", f"{store}/booleans.local": b"httpd_can_network_connect=1\n",
        f"{store}/ports.local": b"portcon tcp 8080 system_u:object_r:http_port_t:s0\n",
        contexts: b"/srv/www(/.*)?    system_u:object_r:httpd_sys_content_t:s0\n",
    })  # fmt: skip
    boolean = {"name": "httpd_can_network_connect", "state": True, "persistent": True}
    assert run(host, "ansible.posix.seboolean", boolean).changed is False
    assert run(host, "ansible.posix.seboolean", {**boolean, "state": False}).effects[0].certainty == "certain"
    port = {"ports": "8080", "proto": "tcp", "setype": "http_port_t"}
    assert run(host, "community.general.seport", port).changed is False
    assert run(host, "community.general.seport", {**port, "ports": "9090"}).changed is None
    context = {"target": "/srv/www(/.*)?", "setype": "httpd_sys_content_t"}
    assert run(host, "community.general.sefcontext", context).changed is False
    assert run(host, "community.general.sefcontext", {**context, "target": "/x"}).changed is None


def test_a_module_list_that_cannot_be_read() -> None:
    host = predicted({"/proc/modules": LiveFile(path="/proc/modules", kind="unseen", reason="permission denied")})
    assert run(host, "community.general.modprobe", {"name": "x"}).changed is None
