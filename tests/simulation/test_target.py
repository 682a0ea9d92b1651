from __future__ import annotations

import pytest

from aisafe.errors import AnsibleError
from aisafe.model import Connection
from tests.simulation.conftest import Site

INVENTORY = """
[web]
plain
full ansible_host=192.0.2.1 ansible_port=2222 ansible_user=deploy ansible_password=s3cret ansible_ssh_private_key_file=~/key ansible_ssh_common_args='-o ProxyJump=gate' ansible_ssh_extra_args='-v' ansible_python_interpreter=/usr/bin/python3.9 ansible_become=true ansible_become_method=su ansible_become_user=admin ansible_become_password=b3come ansible_ssh_host_key_checking=false ansible_ssh_timeout=33
templated ansible_host="{{ inventory_hostname }}.example.org" ansible_user="{{ who }}"
near ansible_connection=local
[web:vars]
who=me
[other]
far
"""  # noqa: E501


def connection(
    site: Site, name: str, *argv: str, play: str = "hosts: web", environ: dict[str, str] | None = None
) -> Connection:
    site.write("hosts", INVENTORY)
    site.write("site.yml", f"- {{{play}, gather_facts: false, tasks: []}}\n")
    return site.target("-i", "hosts", *argv, "site.yml", environ=environ).connections[name]


def test_inventory_variables(site: Site) -> None:
    full = connection(site, "full")
    assert full == Connection(
        host="full", address="192.0.2.1", port=2222, user="deploy", password="s3cret",
        private_key_file=f"{site.path.parent}/home/key", common_args="-o ProxyJump=gate",
        extra_args="-C -o ControlMaster=auto -o ControlPersist=60s -v", host_key_checking=False, timeout=33,
        python="/usr/bin/python3.9", become_method="su", become_user="admin", become_password="b3come",
        become_exe="su", become_flags="",
    ) or full.become_flags is None  # fmt: skip


def test_templates_and_local(site: Site) -> None:
    assert connection(site, "templated").address == "templated.example.org"
    assert connection(site, "templated").user == "me"
    assert connection(site, "near").connection == "local"


def test_defaults(site: Site) -> None:
    plain = connection(site, "plain")
    assert (plain.address, plain.port, plain.user, plain.become_method) == ("plain", None, None, "")
    assert (plain.host_key_checking, plain.timeout, plain.python) == (True, 10, None)


def test_command_line(site: Site) -> None:
    plain = connection(
        site, "plain", "-u", "cli", "--private-key", "/k", "--ssh-common-args=-o X=y", "--ssh-extra-args=-4", "-b",
        "--become-method", "su", "--become-user", "op", "-T", "7",
    )  # fmt: skip
    assert (plain.user, plain.private_key_file, plain.common_args, plain.timeout) == ("cli", "/k", "-o X=y", 7)
    assert plain.extra_args.endswith(" -4")
    assert (plain.become_method, plain.become_user) == ("su", "op")
    assert connection(site, "plain", "-c", "local").connection == "local"


def test_play_keywords(site: Site) -> None:
    plain = connection(site, "plain", play="hosts: web, remote_user: p, port: 23, become: true, become_user: op")
    assert (plain.user, plain.port, plain.become_method, plain.become_user) == ("p", 23, "sudo", "op")
    assert connection(site, "full", play="hosts: web, remote_user: p").user == "deploy"


def test_configuration_and_environment(site: Site) -> None:
    site.write(
        "ansible.cfg",
        "[defaults]\nremote_user = c\nhost_key_checking = false\nprivate_key_file = keys/k\ntimeout = 21\n"
        "[privilege_escalation]\nbecome = true\nbecome_user = root\n[ssh_connection]\nssh_common_args = -o A=b\n",
    )
    plain = connection(site, "plain")
    assert (plain.user, plain.host_key_checking, plain.timeout) == ("c", False, 21)
    assert (plain.private_key_file, plain.common_args, plain.become_method) == (f"{site.path}/keys/k", "-o A=b", "sudo")
    (site.path / "ansible.cfg").unlink()
    plain = connection(site, "plain", environ=site.environ(ANSIBLE_HOST_KEY_CHECKING="False", ANSIBLE_REMOTE_USER="e"))
    assert (plain.host_key_checking, plain.user) == (False, "e")


def test_become_of_a_task_counts(site: Site) -> None:
    site.write("hosts", INVENTORY)
    site.write("site.yml", "- {hosts: plain, gather_facts: false, tasks: [{block: [{command: x, become: true}]}]}\n")
    assert site.target("-i", "hosts", "site.yml").connections["plain"].become_method == "sudo"


def test_asked_passwords(site: Site) -> None:
    site.write("hosts", INVENTORY)
    site.write("site.yml", "- {hosts: web, become: true, gather_facts: false, tasks: []}\n")
    found = site.target(
        "-i", "hosts", "-k", "-K", "site.yml", connection_password="conn", become_password="bec"
    ).connections
    assert (found["plain"].password, found["plain"].become_password) == ("conn", "bec")
    assert (found["full"].password, found["full"].become_password) == ("s3cret", "b3come")


def test_hosts_of_all_plays_after_limit(site: Site) -> None:
    site.write("hosts", INVENTORY)
    site.write(
        "site.yml",
        """
        - {hosts: plain, gather_facts: false, tasks: []}
        - {hosts: "{{ which }}", gather_facts: false, tasks: [{command: x, delegate_to: far}]}
        - {hosts: localhost, gather_facts: false, tasks: []}
        """,
    )
    target = site.target("-i", "hosts", "-e", "which=near", "site.yml")
    assert sorted(target.connections) == ["far", "near", "plain"]
    assert target.implicit_localhost
    assert sorted(site.target("-i", "hosts", "-e", "which=near", "--limit", "plain", "site.yml").connections) == [
        "far",
        "plain",
    ]


@pytest.mark.parametrize(
    ("play", "needs"),
    [
        ("hosts: all, tasks: []", True),
        ("hosts: all, gather_facts: false, tasks: []", False),
        ("hosts: all, gather_facts: false, tasks: [{setup: {}}]", True),
        ("hosts: all, gather_facts: false, tasks: [{include_tasks: x.yml}]", True),
    ],
)
def test_needs_facts(site: Site, play: str, needs: bool) -> None:
    site.write("site.yml", f"- {{{play}}}\n")
    assert site.target("-i", "h1,", "site.yml").needs_facts is needs


def test_a_connection_variable_that_cannot_be_worked_out(site: Site) -> None:
    site.write("hosts", 'h1 ansible_host="{{ nosuch }}"\n')
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: []}\n")
    with pytest.raises(AnsibleError, match=r"ansible_host of host h1 cannot be worked out.*'nosuch' is undefined"):
        site.target("-i", "hosts", "site.yml")


def test_the_options_of_a_plugin_that_a_collection_brings(site: Site) -> None:
    site.write(
        "hosts",
        "box ansible_connection=community.docker.docker ansible_docker_host=box-1 ansible_docker_user=deploy "
        "ansible_docker_extra_args=--context=other ansible_docker_timeout=44\n"
        "plain ansible_connection=community.docker.docker\n",
    )
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: []}\n")
    found = site.target("-i", "hosts", "site.yml").connections
    box, plain = found["box"], found["plain"]
    assert (box.address, box.user, box.extra_args, box.timeout) == ("box-1", "deploy", "--context=other", 44)
    assert (plain.address, plain.user, plain.extra_args) == ("plain", None, "")


def loaded(site: Site, tasks: str, **environ: str) -> tuple[str, ...]:
    site.write("site.yml", f"- hosts: all\n  tasks:\n{tasks}")
    site.write("more.yml", "- ansible.builtin.debug: {msg: more}\n")
    with site.simulation(("-i", "h1,", "site.yml"), {**site.environ(), **environ}) as simulation:
        simulation.target()
        return simulation.loaded


@pytest.mark.parametrize(
    ("tasks", "plain"),
    [
        ("    - ansible.builtin.ping:\n    - import_tasks: more.yml\n", True),
        ("    - absent.collection.module: {}\n", False),
        ("    - import_tasks: \"{{ lookup('pipe', 'echo more.yml') }}\"\n", False),
        ('    - import_tasks: "{{ ansible_facts.nodename }}.yml"\n', False),
    ],
)
def test_what_ansible_itself_would_load(site: Site, tasks: str, plain: bool) -> None:
    """ansible-lint is told so, and then does not try: nothing that is refused, absent or unknown may count."""
    try:
        found = loaded(site, tasks)
    except AnsibleError:
        found = ()
    assert found == ((str(site.path / "site.yml"),) if plain else ())


def test_output_of_the_controller_does_not_matter_for_loading(site: Site) -> None:
    assert loaded(site, "    - ansible.builtin.ping:\n", ANSIBLE_NOCOWS="1", ANSIBLE_STDOUT_CALLBACK="yaml")
