"""Code beside the playbook, in roles and in collections, for every type of plugin."""

from __future__ import annotations

from tests.simulation.attacks import TOUCH, Attack, Bundle

FILTER = "class FilterModule:\n    def filters(self):\n        return {'NAME': lambda value: value}\n"
TEST = "class TestModule:\n    def tests(self):\n        return {'NAME': lambda value: True}\n"
LOOKUP = (
    "from ansible.plugins.lookup import LookupBase\nclass LookupModule(LookupBase):\n"
    "    def run(self, terms, variables=None, **kw):\n        return ['x']\n"
)
ACTION = (
    "from ansible.plugins.action import ActionBase\nclass ActionModule(ActionBase):\n"
    "    def run(self, tmp=None, task_vars=None):\n        return {'changed': False}\n"
)
CALLBACK = (
    "from ansible.plugins.callback import CallbackBase\nclass CallbackModule(CallbackBase):\n"
    "    CALLBACK_TYPE = 'notification'\n    CALLBACK_NAME = 'evil'\n"
)
STRATEGY = "from ansible.plugins.strategy.linear import StrategyModule as Base\nclass StrategyModule(Base):\n    pass\n"
CONNECTION = "from ansible.plugins.connection.local import Connection\n"
VARS = (
    "from ansible.plugins.vars import BaseVarsPlugin\nclass VarsModule(BaseVarsPlugin):\n"
    "    def get_vars(self, loader, path, entities):\n        return {}\n"
)


def beside(directory: str, code: str = "", play: str = "", *, name: str = "evil", bites: bool = False) -> Attack:
    """A plugin in a directory beside the playbook; ``play`` makes use of it."""
    return Attack(
        name=f"a plugin in {directory}", says=rf"refused-lookup .*plugins in {directory} were not loaded \({name}\.py",
        play=play, files={f"{directory}/{name}.py": TOUCH + code}, bites=bites,
    )  # fmt: skip


def unused(directory: str) -> Attack:
    """Of a type that only network devices or a running ansible would load."""
    return beside(directory)


def say(expression: str) -> str:
    return f'tasks: [{{debug: {{msg: "{{{{ {expression} }}}}"}}}}]'


BESIDE = Bundle(
    name="plugins",
    attacks=(
        beside("filter_plugins", FILTER.replace("NAME", "evil"), say("'x' | evil"), bites=True),
        beside("test_plugins", TEST.replace("NAME", "evil"), say("'x' is evil"), bites=True),
        beside("lookup_plugins", LOOKUP, say("lookup('evil')"), bites=True),
        beside("action_plugins", ACTION, "tasks: [{evil: {}}]", bites=True),
        beside("callback_plugins", CALLBACK, bites=True),
        beside("vars_plugins", VARS, bites=True),
        beside("strategy_plugins", STRATEGY, "strategy: evil_strategy\ntasks: [{debug: {msg: x}}]", name="evil_strategy",
               bites=True),
        beside("connection_plugins", CONNECTION, "vars: {ansible_connection: evil_way}\ntasks: [{debug: {msg: x}, "
               "delegate_to: localhost}]", name="evil_way"),
        beside("become_plugins", "from ansible.plugins.become.sudo import BecomeModule\n",
               "become: true\nbecome_method: evil_become\ntasks: [{debug: {msg: x}}]", name="evil_become", bites=True),
        beside("shell_plugins", "from ansible.plugins.shell.sh import ShellModule\n",
               "vars: {ansible_shell_type: evil_shell}\ntasks: [{command: 'true', check_mode: false}]", name="evil_shell"),
        beside("inventory_plugins", "from ansible.plugins.inventory import BaseInventoryPlugin as InventoryModule\n"),
        beside("cache_plugins", "from ansible.plugins.cache.memory import CacheModule\n"),
        unused("cliconf_plugins"),
        unused("httpapi_plugins"),
        unused("netconf_plugins"),
        unused("terminal_plugins"),
        unused("doc_fragments"),
        unused("module_utils"),
        Attack(
            name="a module in library", says="opaque-task .*local.library.evil_module",
            play="tasks: [{evil_module: {}, check_mode: false}]", bites=True,
            files={"library/evil_module.py": "#!/usr/bin/python\n" + TOUCH + "print('{\"changed\": false}')\n"},
        ),
        Attack(
            name="a module in ansible's place", says="opaque-task .*local.library.ping",
            play="tasks: [{ping: {}, check_mode: false}]", bites=True,
            files={"library/ping.py": "#!/usr/bin/python\n" + TOUCH + "print('{\"changed\": false}')\n"},
        ),
        Attack(
            name="a role's own filter", says=r"filter plugins in roles/r/filter_plugins were not loaded \(role_filter\.py",
            play="roles: [r]", bites=True,
            files={"roles/r/tasks/main.yml": "- debug: {msg: \"{{ 'x' | role_filter }}\"}\n",
                   "roles/r/filter_plugins/role_filter.py": TOUCH + FILTER.replace("NAME", "role_filter")},
        ),
        Attack(
            name="a role's own lookup", says=r"lookup plugins in roles/s/lookup_plugins were not loaded \(role_lookup\.py",
            play="roles: [s]", bites=True,
            files={"roles/s/tasks/main.yml": "- debug: {msg: \"{{ lookup('role_lookup') }}\"}\n",
                   "roles/s/lookup_plugins/role_lookup.py": TOUCH + LOOKUP},
        ),
        Attack(
            name="a role's own action", says=r"action plugins in roles/t/action_plugins were not loaded \(role_action\.py",
            play="roles: [t]", bites=True,
            files={"roles/t/tasks/main.yml": "- role_action: {}\n", "roles/t/action_plugins/role_action.py": TOUCH + ACTION},
        ),
        Attack(
            name="a role's own module", says="opaque-task .*local.library.role_module", play="roles: [u]", bites=True,
            files={"roles/u/tasks/main.yml": "- {role_module: {}, check_mode: false}\n",
                   "roles/u/library/role_module.py": "#!/usr/bin/python\n" + TOUCH + "print('{\"changed\": false}')\n"},
        ),
        Attack(
            name="a collection beside the playbook", says="the collections in collections were not used",
            play=say("'x' | evil.corp.col"), bites=True,
            files={"collections/ansible_collections/evil/corp/plugins/filter/col.py": TOUCH + FILTER.replace("NAME", "col")},
        ),
        Attack(
            name="a collection's package", says="the collections in collections were not used",
            play=say("lookup('evil.pack.look')"), bites=True,
            files={"collections/ansible_collections/evil/pack/plugins/lookup/look.py": LOOKUP,
                   "collections/ansible_collections/evil/pack/plugins/lookup/__init__.py": "",
                   "collections/ansible_collections/evil/pack/plugins/module_utils/helper.py": "",
                   "collections/ansible_collections/evil/pack/plugins/__init__.py": TOUCH},
        ),
        Attack(
            name="a collection's action", says="opaque-task .*evil.act.go", play="tasks: [{evil.act.go: {}}]", bites=True,
            files={"collections/ansible_collections/evil/act/plugins/action/go.py": TOUCH + ACTION,
                   "collections/ansible_collections/evil/act/plugins/modules/go.py": ""},
        ),
        Attack(
            name="a Python module beside the playbook", says="", play="tasks: [{debug: {msg: x}}]",
            files={f"{name}.py": TOUCH for name in ("yaml", "jinja2", "json", "ansible", "aisafe", "sitecustomize")},
        ),
    ),
)  # fmt: skip

BUNDLES = (BESIDE,)
