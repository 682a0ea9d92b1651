"""Canaries: what plain ``ansible-playbook --check`` sets off, the simulation must not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aisafe.errors import AisafeError, AnsibleError, UsageError
from aisafe.simulation.safety import Trust
from tests.simulation.conftest import Site

TOUCH = "import pathlib; pathlib.Path({path!r}).touch()\n"

CODE = {
    "filter_plugins": "class FilterModule:\n    def filters(self):\n        return {'evil': lambda value: value}\n",
    "test_plugins": "class TestModule:\n    def tests(self):\n        return {'evil': lambda value: True}\n",
    "lookup_plugins": "from ansible.plugins.lookup import LookupBase\nclass LookupModule(LookupBase):\n    def run(self, terms, variables=None, **kw):\n        return ['x']\n",  # noqa: E501
    "callback_plugins": "from ansible.plugins.callback import CallbackBase\nclass CallbackModule(CallbackBase):\n    CALLBACK_TYPE = 'notification'\n    CALLBACK_NAME = 'evil'\n",  # noqa: E501
    "action_plugins": "from ansible.plugins.action import ActionBase\nclass ActionModule(ActionBase):\n    def run(self, tmp=None, task_vars=None):\n        return {'changed': False}\n",  # noqa: E501
    "vars_plugins": "from ansible.plugins.vars import BaseVarsPlugin\nclass VarsModule(BaseVarsPlugin):\n    def get_vars(self, loader, path, entities):\n        return {}\n",  # noqa: E501
    "strategy_plugins": "from ansible.plugins.strategy.linear import StrategyModule as Base\nclass StrategyModule(Base):\n    pass\n",  # noqa: E501
    "connection_plugins": "from ansible.plugins.connection.local import Connection as Base\nclass Connection(Base):\n    transport = 'evil'\n",  # noqa: E501
    "inventory_plugins": "from ansible.plugins.inventory import BaseInventoryPlugin\nclass InventoryModule(BaseInventoryPlugin):\n    NAME = 'evil'\n",  # noqa: E501
    "become_plugins": "from ansible.plugins.become.sudo import BecomeModule\n",
    "cache_plugins": "from ansible.plugins.cache.memory import CacheModule\n",
    "library": "#!/usr/bin/python\nprint('{}')\n",
    "module_utils": "x = 1\n",
}


def canary(site: Site, name: str) -> Path:
    return site.path.parent / f"canary-{name}"


def plant(site: Site, directory: str, code: str | None = None, name: str = "evil.py") -> None:
    kind = directory.rpartition("/")[2]
    text = "from __future__ import annotations\n" + TOUCH.format(path=str(canary(site, directory.replace("/", "-"))))
    site.write(f"{directory}/{name}", text + (CODE[kind] if code is None else code))


def sung(site: Site) -> list[str]:
    return sorted(path.name for path in site.path.parent.glob("canary-*"))


def check(site: Site, *argv: str) -> subprocess.CompletedProcess[str]:
    """What ansible itself does with it."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "--check", *argv],
        cwd=site.path,
        env=site.environ(ANSIBLE_DEVEL_WARNING="0", ANSIBLE_PYTHON_INTERPRETER=sys.executable),
        capture_output=True,
        text=True,
        check=False,
    )


PLAYBOOK = """
- hosts: all
  gather_facts: false
  ignore_errors: true
  vars:
    piped: "{{{{ lookup('ansible.builtin.pipe', 'touch {base}-pipe') }}}}"
    later: "{{{{ lookup('pipe', 'touch {base}-vars') }}}}"
  tasks:
    - {{name: piped, copy: {{content: "{{{{ piped }}}}", dest: /a}}}}
    - {{name: lines, copy: {{content: "{{{{ query('lines', 'touch {base}-lines') }}}}", dest: /b}}}}
    - {{name: password, copy: {{content: "{{{{ lookup('password', '{base}-password') }}}}", dest: /c}}}}
    - {{name: with, file: {{path: "/d/{{{{ item }}}}"}}, with_pipe: ["touch {base}-with"]}}
    - {{name: when, debug: {{msg: x}}, when: "lookup('pipe', 'touch {base}-when') == 'x'"}}
    - {{name: own filter, copy: {{content: "{{{{ 'x' | evil }}}}", dest: /e}}}}
    - {{name: own test, debug: {{msg: x}}, when: "'x' is evil"}}
    - {{name: own lookup, copy: {{content: "{{{{ lookup('evil') }}}}", dest: /f}}}}
    - {{name: own action, evil: {{}}}}
    - {{name: last, copy: {{content: x, dest: /last}}}}
"""


def test_canaries_beside_the_playbook(site: Site) -> None:
    for directory in CODE:
        plant(site, directory)
    plant(site, "library", name="other.py")
    site.write("site.yml", PLAYBOOK.format(base=canary(site, "x")))
    real = check(site, "-i", "localhost,", "-c", "local", "site.yml")
    set_off = sung(site)
    assert {"canary-filter_plugins", "canary-callback_plugins", "canary-action_plugins", "canary-x-pipe"} <= set(
        set_off
    ), real
    for path in site.path.parent.glob("canary-*"):
        path.unlink()
    seen = site.foresee(None)
    assert sung(site) == []
    assert seen.forecast.complete
    assert seen.calls()[-1] == ("last", "certain")
    refused = " ".join(message for _, message in seen.notes("refused-plugin"))
    for directory in CODE:
        if directory not in ("library", "module_utils"):
            assert directory in refused, directory
    assert {message.split()[2] for _, message in seen.notes("refused-lookup")} == {"pipe", "lines", "password", "evil"}
    assert "⟦" in seen.args("piped")["content"]
    assert "⟦" in seen.args("own filter")["content"]
    assert ("own action", "opaque") in seen.calls()
    assert not [note for note in seen.notes("predicted-failure") if "evil" in note[1]]


def test_an_own_action_stands_before_ansibles(site: Site) -> None:
    plant(site, "action_plugins", name="copy.py")
    plant(site, "library", name="template.py")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: theirs, copy: {content: x, dest: /a}}
            - {name: really, ansible.builtin.copy: {content: x, dest: /b}}
            - {name: module, template: {src: nothing, dest: /c}}
        """
    )
    assert [effect.name for effect in seen.effects()][:2] == ["local.action_plugins.copy", "ansible.builtin.copy"]
    assert seen.calls()[:2] == [("theirs", "opaque"), ("really", "certain")]
    assert sung(site) == []


def test_role_collection_and_template(site: Site) -> None:
    for directory in ("roles/r/filter_plugins", "roles/r/lookup_plugins", "roles/r/library"):
        plant(site, directory)
    for kind in ("filter", "lookup", "modules", "action", "module_utils"):
        plant(site, f"collections/ansible_collections/evil/corp/plugins/{kind}", code=CODE["filter_plugins"])
    site.write(
        "collections/ansible_collections/evil/corp/plugins/__init__.py", TOUCH.format(path=str(canary(site, "init")))
    )
    site.write("collections/ansible_collections/evil/corp/__init__.py", TOUCH.format(path=str(canary(site, "init2"))))
    site.write("templates/t.j2", f"{{{{ lookup('pipe', 'touch {canary(site, 'template')}') }}}} known\n")
    site.write("roles/r/tasks/main.yml", "- {name: role, copy: {content: \"{{ 'x' | evil }}\", dest: /r}}\n")
    seen = site.foresee(
        """
        - hosts: all
          gather_facts: false
          roles: [r]
          tasks:
            - {name: collection, copy: {content: "{{ 'x' | evil.corp.evil }}", dest: /a}}
            - {name: looked, copy: {content: "{{ lookup('evil.corp.evil') }}", dest: /b}}
            - {name: module, evil.corp.evil: {a: 1}}
            - {name: template, template: {src: t.j2, dest: /t}}
        """
    )
    assert sung(site) == []
    assert seen.forecast.complete
    assert ("module", "opaque") in seen.calls()
    assert seen.detail("template")["source"][0][1].endswith("⟧ known")


def test_configuration_of_the_working_directory(site: Site) -> None:
    plant(site, "evil/callback_plugins")
    plant(site, "evil/strategy_plugins", name="linear.py")
    plant(site, "evil/action_plugins", name="debug.py")
    plant(site, "evil/vars_plugins")
    site.write("inventory.sh", f"#!/bin/sh\ntouch {canary(site, 'inventory')}\necho '{{}}'\n", 0o755)
    site.write(
        "ansible.cfg",
        """
        [defaults]
        inventory = inventory.sh
        callback_plugins = evil/callback_plugins
        callbacks_enabled = evil
        strategy_plugins = evil/strategy_plugins
        action_plugins = evil/action_plugins
        vars_plugins_enabled = evil, host_group_vars
        vars_plugins = evil/vars_plugins
        log_path = canary-log
        fact_caching = jsonfile
        fact_caching_connection = cache
        [inventory]
        enable_plugins = script, evil, host_list
        """,
    )
    site.write("site.yml", "- {hosts: all, gather_facts: false, tasks: [{debug: {msg: x}}]}\n")
    check(site, "site.yml")
    assert {"canary-evil-callback_plugins", "canary-inventory"} <= set(sung(site))
    for path in site.path.parent.glob("canary-*"):
        path.unlink()
    (site.path / "canary-log").unlink(missing_ok=True)
    shutil.rmtree(site.path / "cache", ignore_errors=True)
    with pytest.raises(AnsibleError, match=r"inventory\.sh is a program, and it was not run") as caught:
        site.foresee(None, hosts="")
    assert "trust: [inventory.sh]" in caught.value.fix
    seen = site.foresee(None)
    assert seen.forecast.complete
    told = " ".join(message for _, message in seen.notes())
    for key in ("callbacks_enabled", "strategy_plugins", "log_path", "fact_caching", "vars_plugins_enabled"):
        assert key in told, key
    assert sung(site) == []
    assert not (site.path / "canary-log").exists()
    assert not (site.path / "cache").exists()


INVENTORY = '#!/bin/sh\ntouch CANARY\necho \'{"g": {"hosts": ["fromscript"]}}\'\n'
PLAY = "- {hosts: all, gather_facts: false, tasks: []}\n"


@pytest.mark.parametrize("place", ["inventory.sh", "inventories/prod/hosts.sh"])
def test_an_inventory_program_runs_when_it_is_trusted(site: Site, place: str) -> None:
    path = canary(site, "inventory")
    script = site.write(place, INVENTORY.replace("CANARY", str(path)), 0o755)
    site.write("inventories/prod/static", "[web]\nh2\n")
    named = str(script if place == "inventory.sh" else script.parent)
    with pytest.raises(AnsibleError, match="is a program, and it was not run") as caught:
        site.foresee(PLAY, hosts=named)
    assert caught.value.fix == f"If it is yours, write in .aisafe.yml: trust: [{place}]."
    assert sung(site) == []
    seen = site.foresee(PLAY, hosts=named, trust=[script])
    assert "fromscript" in seen.target.connections
    assert sung(site) == ["canary-inventory"]


def test_an_inventory_plugin_runs_when_it_and_its_source_are_trusted(site: Site) -> None:
    code = (
        "from __future__ import annotations\nimport subprocess\n"
        "from ansible.plugins.inventory import BaseInventoryPlugin\n"
        "class InventoryModule(BaseInventoryPlugin):\n    NAME = 'mine'\n"
        "    def verify_file(self, path):\n        return path.endswith('mine.yml')\n"
        "    def parse(self, inventory, loader, path, cache=True):\n"
        "        inventory.add_host(subprocess.run(['echo', 'fromplugin'], capture_output=True, text=True)"
        ".stdout.strip())\n"
    )
    plugin = site.write("inventory_plugins/mine.py", code)
    source = site.write("mine.yml", "plugin: mine\n")
    site.write("ansible.cfg", "[defaults]\ninventory_plugins = inventory_plugins\n")
    with pytest.raises(AnsibleError):
        site.foresee(PLAY, hosts=str(source))
    with pytest.raises(AnsibleError, match="runs the plugin mine") as caught:
        site.foresee(PLAY, hosts=str(source), trust=[plugin.parent])
    assert "trust: [mine.yml]" in caught.value.fix
    seen = site.foresee(PLAY, hosts=str(source), trust=[plugin.parent, source])
    assert list(seen.target.connections) == ["fromplugin"]


def test_plugins_that_only_read_need_no_trust(site: Site) -> None:
    site.write("hosts.ini", "[web]\nh1 place=here\n")
    site.write("more.yml", "plugin: constructed\nstrict: true\ngroups:\n  near: place == 'here'\n")
    play = "- {hosts: near, gather_facts: false, tasks: []}\n"
    assert list(site.foresee(play, "-i", "more.yml", hosts="hosts.ini").target.connections) == ["h1"]


def test_a_password_script_of_the_project_needs_trust(site: Site) -> None:
    text = f"#!/bin/sh\ntouch {canary(site, 'vault')}\necho secret\n"
    script = site.write("pass.sh", text, 0o755)
    site.write("site.yml", PLAY)
    site.write("ansible.cfg", "[defaults]\nvault_password_file = pass.sh\n")
    outside = script.rename(site.path.parent / "mine.sh")
    site.write("pass.sh", text, 0o755)
    for words in ([], ["--vault-password-file", str(script)], ["--vault-id", f"a@{script}"]):
        with pytest.raises(UsageError, match="is a program, and it was not run") as caught:
            site.target("-i", "h1,", *words, "site.yml")
        assert "trust: [pass.sh]" in caught.value.fix
    assert sung(site) == []
    site.target("-i", "h1,", "site.yml", trust=[script])
    assert sung(site) == ["canary-vault"]
    canary(site, "vault").unlink()
    (site.path / "ansible.cfg").unlink()
    site.target("-i", "h1,", "--vault-password-file", str(outside), "site.yml")
    assert sung(site) == ["canary-vault"]


@pytest.mark.parametrize(
    "trick",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}",
        "{{ lipsum.__globals__['os'].popen('touch CANARY').read() }}",
        "{{ lookup('template', 'inner.j2') }}",
        "{{ lookup('vars', 'indirect') }}",
        "{{ query('first_found', ['site.yml'], errors='ignore') and lookup('unvault', 'site.yml') }}",
        "{{ lookup('url', 'http://127.0.0.1:9/') }}",
        "{{ ('touch CANARY' | extract({'touch CANARY': lookup('pipe', 'touch CANARY')})) }}",
    ],
)
def test_template_tricks(site: Site, trick: str) -> None:
    path = canary(site, "trick")
    site.write("templates/inner.j2", f"{{{{ lookup('pipe', 'touch {path}') }}}}")
    site.write("t.j2", trick.replace("CANARY", str(path)))
    seen = site.foresee(
        f"""
        - hosts: all
          gather_facts: false
          vars: {{indirect: "{{{{ lookup('pipe', 'touch {path}') }}}}"}}
          tasks:
            - {{name: it, template: {{src: t.j2, dest: /t}}, ignore_errors: true}}
            - {{name: last, copy: {{content: x, dest: /last}}}}
        """
    )
    assert sung(site) == []
    assert seen.forecast.complete
    assert seen.calls()[-1][0] == "last"


def test_local_action_prompt_and_module_on_the_controller(site: Site) -> None:
    path = canary(site, "local")
    seen = site.foresee(
        f"""
        - hosts: all
          gather_facts: false
          vars_prompt: [{{name: answer, prompt: What}}]
          tasks:
            - {{name: local, local_action: command touch {path}}}
            - {{name: delegated, shell: touch {path}, delegate_to: localhost, register: out}}
            - {{name: used, copy: {{content: "{{{{ out.stdout }}}} {{{{ answer }}}}", dest: /a}}}}
        - hosts: localhost
          gather_facts: false
          tasks:
            - {{name: play, command: touch {path}}}
        """
    )
    assert sung(site) == []
    assert len(seen.notes("unguarded-host")) == 3
    assert seen.target.implicit_localhost
    assert "answer" in seen.args("used")["content"]
    assert seen.forecast.hosts["h1"].coverage.opaque == 2


def test_connection_local_runs_nothing(site: Site) -> None:
    path = canary(site, "connection")
    site.foresee(f"- {{hosts: all, connection: local, tasks: [{{command: touch {path}}}]}}\n")
    assert sung(site) == []


def test_modules_of_the_working_directory_are_not_imported(site: Site) -> None:
    for name in ("yaml", "jinja2", "ansible", "json", "sitecustomize"):
        site.write(f"{name}.py", TOUCH.format(path=str(canary(site, name))))
    seen = site.foresee("- {hosts: all, gather_facts: false, tasks: [{name: a, copy: {content: x, dest: /a}}]}\n")
    assert seen.calls() == [("a", "certain")]
    assert sung(site) == []


def test_trusted_plugins_do_what_they_do_in_the_run(site: Site) -> None:
    path = canary(site, "run")
    work = f"__import__('subprocess').run(['touch', {str(path)!r}])"
    site.write(
        "filter_plugins/mine.py",
        f"class FilterModule:\n    def filters(self):\n        return {{'evil': lambda value: value + str({work}.returncode)}}\n",
    )
    site.write(
        "lookup_plugins/mine.py", CODE["lookup_plugins"].replace("return ['x']", f"{work}; return ['looked up']")
    )
    play = """
        - hosts: all
          gather_facts: false
          tasks:
            - {name: a, copy: {content: "{{ 'x' | evil }}", dest: /a}}
            - {name: b, copy: {content: "{{ lookup('mine') }}", dest: /b}}
            - {name: c, copy: {content: "{{ lookup('pipe', 'touch CANARY') }}", dest: /c}, ignore_errors: true}
        """.replace("CANARY", str(canary(site, "pipe")))
    seen = site.foresee(play)
    assert sung(site) == []
    fixes = " ".join(note.fix for note in seen.forecast.notes)
    assert "trust: [filter_plugins]" in fixes
    assert "trust: [lookup_plugins]" in fixes
    seen = site.foresee(play, trust=[site.path / "filter_plugins", site.path / "lookup_plugins" / "mine.py"])
    assert seen.args("a")["content"] == "x0"
    assert seen.args("b")["content"] == "looked up"
    assert sung(site) == ["canary-run"]


def test_collections_beside_the_playbook_are_used_when_trusted(site: Site) -> None:
    top = "collections/ansible_collections/my/corp"
    site.write(f"{top}/plugins/filter/mine.py", CODE["filter_plugins"].replace("'evil'", "'mine'"))
    site.write(f"{top}/roles/r/tasks/main.yml", "- {name: in role, copy: {content: x, dest: /r}}\n")
    play = (
        "- {hosts: all, gather_facts: false, roles: [my.corp.r], "
        "tasks: [{name: a, copy: {content: \"{{ 'x' | my.corp.mine }}\", dest: /a}}]}\n"
    )
    with pytest.raises(AnsibleError, match=r"my\.corp\.r"):
        site.foresee(play)
    seen = site.foresee(play, trust=[site.path / "collections"])
    assert seen.calls() == [("my.corp.r : in role", "certain"), ("a", "certain")]
    assert seen.args("a")["content"] == "x"


def test_trust_sees_through_links(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "good" / "link").symlink_to(tmp_path / "bad")
    trust = Trust([tmp_path / "other"], named=[tmp_path / "good"])
    assert str(tmp_path / "good" / "a.py") in trust
    assert str(tmp_path / "good" / "link" / "a.py") not in trust
    assert str(tmp_path / "goodish" / "a.py") not in trust
    assert str(tmp_path / "other" / "a.py") in trust
    assert not trust.named(str(tmp_path / "other" / "a.py"))
    assert trust.named(str(tmp_path / "good" / "a.py"))
    assert trust.reaches_into(str(tmp_path))


def test_limits(site: Site) -> None:
    site.write("t.j2", "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}")
    seen = site.foresee(
        "- {hosts: all, gather_facts: false, tasks: [{name: a, template: {src: t.j2, dest: /a}}]}\n", time_limit=15
    )
    assert not seen.forecast.complete
    assert "took longer than 15 seconds" in seen.notes("stopped")[0][1]
    seen = site.foresee(
        "- {hosts: all, gather_facts: false, tasks: [{copy: {content: \"{{ 'x' * 2000000000 }}\", dest: /a}}]}\n",
        memory_limit=600 * 1024**2,
    )
    assert not seen.forecast.complete or seen.forecast.hosts["h1"].coverage.opaque or seen.notes("predicted-failure")


def test_every_error_is_ours(site: Site) -> None:
    with pytest.raises(AisafeError):
        site.target("-i", "h1,", "missing.yml")
