"""Tasks that act on the controller, wait for somebody, or want another way of running than is foreseen."""

from __future__ import annotations

from tests.simulation.attacks import PROGRAM, Attack, Bundle


def way(name: str, host: str, says: str, variable: str, *, files: dict[str, str] | None = None) -> Attack:
    """A variable of the inventory that names what runs on the way to the host."""
    return Attack(name=name, says=says, files={f"host_vars/{host}.yml": variable + "\n", **(files or {})})


UNGUARDED = "unguarded-host .*runs on the controller itself"
NOW = "check_mode: false"

BUNDLES = (
    Bundle(
        name="controller",
        attacks=(
            Attack(name="local_action", bites=True, says=f"{UNGUARDED}|local_action",
                   play=f"tasks: [{{local_action: command touch CANARY, {NOW}}}]"),
            Attack(name="delegate_to localhost", bites=True, says=UNGUARDED,
                   play=f"tasks: [{{command: touch CANARY, delegate_to: localhost, {NOW}}}]"),
            Attack(name="delegate_to 127.0.0.1", bites=True, says=UNGUARDED,
                   play=f"tasks: [{{command: touch CANARY, delegate_to: 127.0.0.1, {NOW}}}]"),
            Attack(name="connection local", bites=True, says=UNGUARDED,
                   play=f"connection: local\ntasks: [{{command: touch CANARY, {NOW}}}]"),
            Attack(name="ansible_connection local", bites=True, says=UNGUARDED,
                   play=f"vars: {{ansible_connection: local}}\ntasks: [{{command: touch CANARY, {NOW}}}]"),
            Attack(name="a host added with a local connection", bites=True, says="unguarded-host .*sneaky",
                   play="tasks:\n"
                        "  - add_host: {name: sneaky, ansible_connection: local}\n"
                        f"  - {{command: touch CANARY, delegate_to: sneaky, {NOW}}}"),
            Attack(name="a template in ansible_connection", bites=True, says="the lookup pipe can run",
                   play="vars: {ansible_connection: \"{{ lookup('pipe', 'touch CANARY; echo local') }}\"}\n"
                        "tasks: [{command: 'true'}]"),
            Attack(name="a template in the interpreter", says="the lookup pipe can run",
                   play="vars: {ansible_python_interpreter: \"{{ lookup('pipe', 'touch CANARY') }}\"}\n"
                        "tasks: [{ping: {}}]"),
            Attack(name="a program as ssh", says="",
                   play="vars: {ansible_ssh_executable: ./ssh.sh}\ntasks: [{ping: {}}]", files={"ssh.sh": PROGRAM}),
            Attack(name="a shell of another kind", says="",
                   play="vars: {ansible_shell_executable: ./shell.sh}\ntasks: [{ping: {}}]", files={"shell.sh": PROGRAM}),
            Attack(name="a script", bites=True, says=UNGUARDED,
                   play=f"connection: local\ntasks: [{{script: run.sh, {NOW}}}]", files={"files/run.sh": PROGRAM}),
            Attack(name="async with poll", bites=True, says=UNGUARDED,
                   play=f"connection: local\ntasks: [{{command: touch CANARY, async: 30, poll: 1, {NOW}}}]"),
            Attack(name="fetch to the controller", says="",
                   play="tasks: [{fetch: {src: /etc/hostname, dest: CANARY, flat: true}}]"),
            Attack(name="a role from elsewhere", says="",
                   files={"roles/requirements.yml": "- src: git+http://127.0.0.1:9/evil.git\n",
                          "requirements.yml": "collections: [{name: 'http://127.0.0.1:9/evil.tar.gz', type: url}]\n"}),
        ),
    ),
    Bundle(name="absent modules", attacks=(
            Attack(name="a module's name with a path", says="opaque-task|resolve",
                   play="tasks: [{action: {module: evil.path.module, x: ../../run.sh}}]"),
            Attack(name="a collection's module that is absent", says="opaque-task .*evil.corp.absent",
                   play="tasks: [{evil.corp.absent: {}}]"),
    )),
    Bundle(
        name="ways to the hosts", inventory="w1,w2,w3,w4,w5,w6,w7,w8,w9", connects=True,
        attacks=(
            way("a program as the interpreter", "w1", "w1: ansible_python_interpreter is .* it was not run",
                "ansible_python_interpreter: /srv/interpreter.sh"),
            way("a command in the interpreter", "w2", "w2: ansible_python_interpreter is .* it was not run",
                "ansible_python_interpreter: /usr/bin/python3; touch CANARY;"),
            way("a program as become_exe", "w3", "w3: become_exe .* is not sudo: it was not run",
                "{ansible_become: true, ansible_become_exe: ./become.sh}", files={"become.sh": PROGRAM}),
            way("a command in become_flags", "w4", "w4: the flag 'touch' for sudo might run something else",
                "{ansible_become: true, ansible_become_flags: 'touch CANARY'}"),
            way("a program as ProxyCommand", "w5", "w5: its ProxyCommand .* is a program that the project names",
                "ansible_ssh_common_args: '-o ProxyCommand=\"touch CANARY\"'"),
            way("a ProxyCommand in a file", "w6", "w6: its ProxyCommand .* is a program that the project names",
                "ansible_ssh_extra_args: -F ssh.cfg", files={"ssh.cfg": "Host *\n  ProxyCommand touch CANARY\n"}),
            way("a program in Match exec", "w7", "w7: .* runs a program to choose its settings",
                "ansible_ssh_extra_args: -F match.cfg", files={"match.cfg": "Match exec \"touch CANARY\"\n  User x\n"}),
            way("a local command of ssh", "w8", "w8: the ssh option '-o localcommand' is not understood",
                "ansible_ssh_extra_args: -o PermitLocalCommand=yes -o LocalCommand='touch CANARY'"),
            way("an endless file of known hosts", "w9", "w9 would run|w9: ",
                "ansible_ssh_extra_args: -o UserKnownHostsFile=/dev/zero"),
        ),
    ),
    Bundle(name="waiting", attacks=(
            Attack(name="a prompt", says="", play="vars_prompt: [{name: answer, prompt: What, private: false}]\n"
                   "tasks: [{debug: {msg: '{{ answer }}'}}]"),
            Attack(name="a pause without an end", says="", play="tasks: [{pause: {}}, {pause: {minutes: 100000}}]"),
            Attack(name="a wait without an end", says="", play="tasks: [{wait_for: {port: 1, timeout: 999999}}]"),
            Attack(name="a retry without an end", says="",
                   play="tasks: [{command: 'false', register: r, until: r.rc == 0, retries: 1000000, delay: 1000000}]"),
            Attack(name="a debugger", says="assumption .*nobody uses its debugger", play="debugger: always\ntasks: [{command: 'true'}]"),
            Attack(name="a loop that pauses", says="", play="tasks: [{debug: {msg: x}, loop: [1, 2], "
                   "loop_control: {pause: 99999}}]"),
            Attack(name="meta tasks", says="", play="tasks: [{meta: refresh_inventory}, {meta: clear_facts}, "
                   "{meta: reset_connection}, {meta: flush_handlers}]"),
    )),
)  # fmt: skip
