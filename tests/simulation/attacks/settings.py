"""What ansible.cfg of the working directory, the environment and the project's own settings can bring in."""

from __future__ import annotations

from tests.simulation.attacks import PROGRAM, TOUCH, Attack, Bundle
from tests.simulation.attacks.plugins import ACTION, CALLBACK, FILTER, STRATEGY, VARS, say

CONFIGURATION = """\
[defaults]
callback_plugins = cfg/callback
callbacks_enabled = cfg_callback
strategy_plugins = cfg/strategy
strategy = cfg_strategy
action_plugins = cfg/action
filter_plugins = cfg/filter
vars_plugins = cfg/vars
log_path = CANARY
cowpath = cfg/cow.sh
fact_caching = jsonfile
fact_caching_connection = cfg/cache
local_tmp = cfg/tmp
retry_files_enabled = true
stdout_callback = cfg_stdout
transport = smart
[ssh_connection]
ssh_executable = cfg/ssh.sh
[inventory]
cache = true
cache_plugin = jsonfile
cache_connection = cfg/inventory-cache
[persistent_connection]
control_path_dir = cfg/pc
"""

FILE = Bundle(
    name="ansible.cfg",
    attacks=(
        Attack(name="log_path and caches in ansible.cfg", bites=True,
               says="assumption .*defaults.log_path.*fact_caching.*local_tmp",
               files={"ansible.cfg": CONFIGURATION}),
        Attack(name="a callback of ansible.cfg", bites=True, says="assumption .*callback_plugins.*callbacks_enabled",
               files={"cfg/callback/cfg_callback.py": TOUCH + CALLBACK.replace("'evil'", "'cfg_callback'")}),
        Attack(name="an output of ansible.cfg", bites=True, says="assumption .*stdout_callback",
               files={"cfg/callback/cfg_stdout.py": TOUCH + "from ansible.plugins.callback.default import CallbackModule as D"
                      "\nclass CallbackModule(D):\n    CALLBACK_NAME = 'cfg_stdout'\n"}),
        Attack(name="a strategy of ansible.cfg", bites=True, says="assumption .*strategy_plugins",
               files={"cfg/strategy/cfg_strategy.py": TOUCH + STRATEGY}),
        Attack(name="an action of ansible.cfg", bites=True, says="assumption .*action_plugins",
               play="tasks: [{debug: {msg: x}}]", files={"cfg/action/debug.py": TOUCH + ACTION}),
        Attack(name="a filter of ansible.cfg", bites=True,
               says=r"refused-lookup .*filter plugin cfg/filter/cfg_filter\.py was not loaded.* trust: \[cfg/filter/cfg_filt",
               play=say("'x' | cfg_filter"),
               files={"cfg/filter/cfg_filter.py": TOUCH + FILTER.replace("NAME", "cfg_filter")}),
        Attack(name="variables of ansible.cfg", bites=True, says="refused-lookup .*vars_plugins: plugins that set variables",
               files={"cfg/vars/cfg_vars.py": TOUCH + VARS}),
        Attack(name="a cow of ansible.cfg", says="assumption .*cowpath", bites=True, files={"cfg/cow.sh": PROGRAM}),
        Attack(name="an ssh of ansible.cfg", says="", files={"cfg/ssh.sh": PROGRAM}),
    ),
)  # fmt: skip

ENVIRONMENT = Bundle(
    name="environment",
    environ={
        "ANSIBLE_CALLBACK_PLUGINS": "env/callback", "ANSIBLE_CALLBACKS_ENABLED": "env_callback",
        "ANSIBLE_FILTER_PLUGINS": "env/filter", "ANSIBLE_STRATEGY_PLUGINS": "env/strategy",
        "ANSIBLE_STRATEGY": "env_strategy", "ANSIBLE_ACTION_PLUGINS": "env/action", "ANSIBLE_LOG_PATH": "CANARY",
        "ANSIBLE_COW_PATH": "env/cow.sh", "ANSIBLE_LIBRARY": "env/library", "ANSIBLE_COLLECTIONS_PATH": "env/collections",
        "ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": "env/cache",
    },
    attacks=(
        Attack(name="ANSIBLE_LOG_PATH", bites=True, says="assumption .*ANSIBLE_LOG_PATH"),
        Attack(name="ANSIBLE_CALLBACK_PLUGINS", bites=True, says="assumption .*ANSIBLE_CALLBACK_PLUGINS",
               files={"env/callback/env_callback.py": TOUCH + CALLBACK.replace("'evil'", "'env_callback'")}),
        Attack(name="ANSIBLE_FILTER_PLUGINS", bites=True, says=r"filter plugin env/filter/env_filter\.py was not loaded",
               play=say("'x' | env_filter"),
               files={"env/filter/env_filter.py": TOUCH + FILTER.replace("NAME", "env_filter")}),
        Attack(name="ANSIBLE_STRATEGY_PLUGINS", bites=True, says="assumption .*ANSIBLE_STRATEGY_PLUGINS",
               files={"env/strategy/env_strategy.py": TOUCH + STRATEGY}),
        Attack(name="ANSIBLE_ACTION_PLUGINS", bites=True, says="assumption .*ANSIBLE_ACTION_PLUGINS",
               play="tasks: [{debug: {msg: x}}]", files={"env/action/debug.py": TOUCH + ACTION}),
        Attack(name="ANSIBLE_COW_PATH", bites=True, says="assumption .*ANSIBLE_COW_PATH", files={"env/cow.sh": PROGRAM}),
        Attack(name="ANSIBLE_COLLECTIONS_PATH", bites=True, says="the filter env.col.one is not installed or not trusted",
               play=say("'x' | env.col.one"),
               files={"env/collections/ansible_collections/env/col/plugins/filter/one.py":
                      TOUCH + FILTER.replace("NAME", "one")}),
    ),
)  # fmt: skip

VAULT = Bundle(
    name="vault script of ansible.cfg", fails=True,
    attacks=(
        Attack(name="a vault script of ansible.cfg", bites=True,
               says=r"is a program, and it was not run.* trust: \[pw\.sh\]",
               files={"ansible.cfg": "[defaults]\nvault_password_file = pw.sh\n", "pw.sh": PROGRAM + "echo x\n"}),
    ),
)  # fmt: skip
IDENTITY = Bundle(
    name="vault identity of ansible.cfg", fails=True,
    attacks=(
        Attack(name="a vault client of ansible.cfg", bites=True,
               says=r"is a program, and it was not run.* trust: \[pw-client\]",
               files={"ansible.cfg": "[defaults]\nvault_identity_list = prod@pw-client\n", "pw-client": PROGRAM + "echo x\n"}),
    ),
)  # fmt: skip
NAMED = Bundle(
    name="vault script on the command line", fails=True, argv=("--vault-password-file", "pw.sh"),
    attacks=(
        Attack(name="a vault script of the project", bites=True, says=r"is a program.* trust: \[pw\.sh\]",
               files={"pw.sh": PROGRAM + "echo x\n"}),
    ),
)  # fmt: skip
BECOME = Bundle(
    name="become password script", fails=True, argv=("--become-password-file", "pw.sh"),
    attacks=(
        Attack(name="a become password script", bites=True, says=r"is a program.* trust: \[pw\.sh\]",
               files={"pw.sh": PROGRAM + "echo x\n"}),
    ),
)  # fmt: skip

BUNDLES = (FILE, ENVIRONMENT, VAULT, IDENTITY, NAMED, BECOME)
