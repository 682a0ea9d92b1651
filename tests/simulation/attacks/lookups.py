"""Lookups that run code, write, reach out or bring secrets, from every place where a template may stand."""

from __future__ import annotations

from tests.simulation.attacks import Attack, Bundle

PIPE = "{{ lookup('pipe', 'touch CANARY') }}"
SAYS = "refused-lookup .*the lookup pipe can run code"


def pipe(name: str, play: str, *, files: dict[str, str] | None = None) -> Attack:
    return Attack(name=name, says=SAYS, play=play, files=files or {}, bites=True)


RUN = Bundle(
    name="lookups",
    attacks=(
        pipe("pipe in an argument", f'tasks: [{{debug: {{msg: "{PIPE}"}}}}]'),
        pipe("pipe by its full name", "tasks: [{debug: {msg: \"{{ lookup('ansible.builtin.pipe', 'touch CANARY') }}\"}}]"),
        pipe("pipe as query", "tasks: [{debug: {msg: \"{{ query('pipe', 'touch CANARY') }}\"}}]"),
        pipe("pipe as q", "tasks: [{debug: {msg: \"{{ q('pipe', 'touch CANARY') }}\"}}]"),
        pipe("with_pipe", 'tasks: [{debug: {msg: "{{ item }}"}, with_pipe: ["touch CANARY"]}]'),
        pipe("pipe in when", "tasks: [{debug: {msg: x}, when: \"lookup('pipe', 'touch CANARY') == 'x'\"}]"),
        pipe("pipe in loop", "tasks: [{debug: {msg: x}, loop: \"{{ query('pipe', 'touch CANARY') }}\"}]"),
        pipe("pipe in until", "tasks: [{debug: {msg: x}, register: r, until: \"lookup('pipe', 'touch CANARY') == ''\", "
                              "retries: 1, delay: 0}]"),
        pipe("pipe in failed_when", "tasks: [{debug: {msg: x}, failed_when: \"lookup('pipe', 'touch CANARY') == 'x'\"}]"),
        pipe("pipe in changed_when", "tasks: [{debug: {msg: x}, changed_when: \"lookup('pipe', 'touch CANARY') == 'x'\"}]"),
        pipe("pipe in play vars", f'vars: {{evil: "{PIPE}"}}\ntasks: [{{debug: {{msg: "{{{{ evil }}}}"}}}}]'),
        pipe("pipe in a block's vars", f'tasks: [{{vars: {{evil: "{PIPE}"}}, block: [{{debug: {{msg: "{{{{ evil }}}}"}}}}]}}]'),
        pipe("pipe in a vars file", 'vars_files: [pipe-vars.yml]\ntasks: [{debug: {msg: "{{ in_vars_file }}"}}]',
             files={"pipe-vars.yml": f'in_vars_file: "{PIPE}"\n'}),
        pipe("pipe in include_vars", 'tasks: [{include_vars: pipe-included.yml}, {debug: {msg: "{{ included }}"}}]',
             files={"pipe-included.yml": f'included: "{PIPE}"\n'}),
        pipe("pipe in group_vars", 'tasks: [{debug: {msg: "{{ in_group_vars }}"}}]',
             files={"group_vars/all/pipe.yml": f'in_group_vars: "{PIPE}"\n'}),
        pipe("pipe in host_vars", 'tasks: [{debug: {msg: "{{ in_host_vars }}"}}]',
             files={"host_vars/h1/pipe.yml": f'in_host_vars: "{PIPE}"\n'}),
        pipe("pipe in role defaults", 'roles: [defaulted]',
             files={"roles/defaulted/defaults/main.yml": f'in_defaults: "{PIPE}"\n',
                    "roles/defaulted/tasks/main.yml": '- debug: {msg: "{{ in_defaults }}"}\n'}),
        pipe("pipe in a template", 'tasks: [{template: {src: pipe.j2, dest: CANARY-dest}}]',
             files={"templates/pipe.j2": PIPE + "\n"}),
        pipe("pipe in an included template", 'tasks: [{template: {src: outer.j2, dest: CANARY-dest}}]',
             files={"templates/outer.j2": "{% include 'inner.j2' %}\n", "templates/inner.j2": PIPE + "\n"}),
        pipe("pipe in a looked up template", "tasks: [{debug: {msg: \"{{ lookup('template', 'looked.j2') }}\"}}]",
             files={"templates/looked.j2": PIPE + "\n"}),
        pipe("pipe behind lookup vars", f"vars: {{indirect: \"{PIPE}\"}}\ntasks: [{{debug: {{msg: \"{{{{ lookup('vars', 'indirect') }}}}\"}}}}]"),
        pipe("pipe in first_found", "tasks: [{debug: {msg: \"{{ lookup('first_found', [lookup('pipe', 'touch CANARY')], "
                                    "errors='ignore') }}\"}}]"),
        pipe("pipe in a task name", f'tasks: [{{name: "x {PIPE}", debug: {{msg: x}}}}]'),
        pipe("pipe in environment", f'tasks: [{{command: "true", check_mode: false, environment: {{A: "{PIPE}"}}}}]'),
        pipe("pipe in set_fact", f'tasks: [{{set_fact: {{fact: "{PIPE}"}}}}, {{debug: {{msg: "{{{{ fact }}}}"}}}}]'),
        pipe("pipe in add_host", f'tasks: [{{add_host: {{name: added, variable: "{PIPE}"}}}}]'),
        pipe("pipe in group_by", f'tasks: [{{group_by: {{key: "g{PIPE}"}}}}]'),
        pipe("pipe in assert", "tasks: [{assert: {that: \"lookup('pipe', 'touch CANARY') == ''\"}}]"),
        pipe("pipe in delegate_to", f'tasks: [{{debug: {{msg: x}}, delegate_to: "{PIPE}localhost"}}]'),
        pipe("pipe in include_tasks", f'tasks: [{{include_tasks: "{PIPE}included-tasks.yml"}}]',
             files={"included-tasks.yml": "- debug: {msg: x}\n"}),
        pipe("pipe in a nested map filter", "tasks: [{debug: {msg: \"{{ ['touch CANARY'] | map('extract', "
             "{'touch CANARY': lookup('pipe', 'touch CANARY')}) | list }}\"}}]"),
        Attack(name="lines", says="the lookup lines can run", bites=True,
               play="tasks: [{debug: {msg: \"{{ query('lines', 'touch CANARY') }}\"}}]"),
        Attack(name="password", says="the lookup password can run", bites=True,
               play="tasks: [{debug: {msg: \"{{ lookup('password', 'CANARY') }}\"}}]"),
        Attack(name="url", says="the lookup url can run code or reach out", bites=True,
               play="tasks: [{debug: {msg: \"{{ lookup('url', 'URL') }}\"}}]"),
        Attack(name="unvault", says="the lookup unvault can run",
               play="tasks: [{debug: {msg: \"{{ lookup('unvault', '/etc/shadow') }}\"}}]"),
    ),
)  # fmt: skip

SECRETS = Bundle(
    name="secrets",
    environ={"DEPLOY_TOKEN": "hunter2-token", "AISAFE_PLAIN": "plain-word"},
    attacks=(
        Attack(name="env of a secret", says="would bring the environment variable DEPLOY_TOKEN into the forecast",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('env', 'DEPLOY_TOKEN') }}\"}}]"),
        Attack(name="file of shadow", says="would bring the private file /etc/shadow",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('file', '/etc/shadow') | hash }}\"}}]"),
        Attack(name="with_file of shadow", says="would bring the private file /etc/shadow",
               play='tasks: [{copy: {content: x, dest: "/srv/{{ item }}"}, with_file: [/etc/shadow]}]'),
        Attack(name="file of the environment", says="would bring the private file /proc/self/environ",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('file', '/proc/self/environ') }}\"}}]"),
        Attack(name="csvfile of shadow", says="the lookup csvfile would bring the private file /etc/shadow",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('csvfile', 'root file=/etc/shadow delimiter=:') }}\"}}]"),
        Attack(name="ini of a private file", says="the lookup ini would bring the private file",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('ini', 'a section=b file=OUTSIDE') }}\"}}]"),
        Attack(name="template of shadow", says="the lookup template would bring the private file /etc/shadow",
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('template', '/etc/shadow') | hash }}\"}}]"),
        Attack(name="file behind a link", says="would bring the private file",
               make=lambda project: (project / "innocent.txt").symlink_to("/etc/shadow"),
               play="tasks: [{copy: {content: x, dest: \"/srv/{{ lookup('file', 'innocent.txt') | hash }}\"}}]"),
    ),
)  # fmt: skip

BUNDLES = (RUN, SECRETS)
