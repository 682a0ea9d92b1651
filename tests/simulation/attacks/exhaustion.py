"""What would use up the controller's memory or time."""

from __future__ import annotations

from tests.simulation.attacks import Attack, Bundle
from tests.simulation.attacks.plugins import say

ENDED = "incomplete-forecast .*(took longer than|more than .* of memory|out of memory|ended by signal)"
ALIASES = "v0: &v0 [lol]\n" + "".join(
    f"v{level}: &v{level} [{', '.join([f'*v{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
ESCAPES = {
    "subclasses": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "cycler": "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('touch CANARY').read() }}",
    "attr": "{{ (cycler | attr('__init__') | attr('__globals__'))['os'].system('touch CANARY') }}",
    "joiner": "{{ joiner.__init__.__globals__.__builtins__.__import__('os').system('touch CANARY') }}",
    "self": "{{ self.__init__.__globals__.__builtins__.open('CANARY', 'w') }}",
    "format": "{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}",
    "map attribute": "{{ [cycler] | map(attribute='__init__.__globals__') | list }}",
    "mutation": "{{ hostvars.__class__.__init__.__globals__ }}",
    "range": "{{ range(10 ** 9) | list }}",
    "multiplied text": "{{ 'x' * 10 ** 11 }}",
    "recursive macro": "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "self include": "{% include 'recursive.j2' %}",
}


def endless(name: str, play: str, *, says: str = ENDED, seconds: float = 60.0, files: dict[str, str] | None = None,
            memory: int = 700 * 1024**2, fails: bool = False) -> Bundle:  # fmt: skip
    attack = Attack(name=name, says=says, play=play, files=files or {})
    return Bundle(name=name, attacks=(attack,), seconds=seconds, memory=memory, fails=fails)


BUNDLES = (
    Bundle(
        name="sandbox",
        memory=900 * 1024**2,
        attacks=tuple(
            Attack(
                name=f"the template trick {name}", says=f"(predicted|possible)-failure the template trick {name} ",
                play=f"tasks: [{{name: the template trick {name}, template: {{src: trick.j2, dest: /t}}}}]".replace("trick.j2", f"{number}.j2"),
                files={f"templates/{number}.j2": text, "templates/recursive.j2": "{% include 'recursive.j2' %}"},
            )
            for number, (name, text) in enumerate(ESCAPES.items())
        ),
    ),
    endless("nested loops", "tasks: [{template: {src: t.j2, dest: /t}}]",
            files={"t.j2": "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}"}, seconds=10),
    endless("a number without an end", say("10 ** (10 ** 10)"), seconds=10),
    endless("a regular expression without an end", say("('a' * 40 ~ 'b') | regex_search('^(a+)+$')"), seconds=10),
    endless("exponential text", "vars:\n" + "".join(
        f"  a{n}: \"{{{{ a{n - 1} * 20 }}}}\"\n" for n in range(1, 12)) + "  a0: x\n" + say("a11 | length"),
        says="assumption .*it fails, and the play goes on all the same"),
    endless("a loop over very much", "tasks: [{copy: {content: x, dest: '/srv/{{ item }}'}, "
            "loop: \"{{ range(99999) | product(range(99)) | map('join', '-') | list }}\"}]",
            says="assumption .*it fails, and the play goes on all the same|incomplete-forecast"),
    endless("aliases in YAML", f"vars_files: [bomb.yml]\n{say('v9 | to_json | length')}", files={"bomb.yml": ALIASES}, seconds=10),
    endless("aliases in an inventory's variables", say("v9 | flatten | length"), files={"group_vars/all.yml": ALIASES}, seconds=10),
    endless("deep YAML", "vars_files: [deep.yml]\ntasks: [{debug: {msg: x}}]", files={"deep.yml": "a: " + "[" * 20000 + "]" * 20000 + "\n"},
            says="exceeded maximum nesting depth|nested too deeply", fails=True),
    endless("tasks that include themselves", "tasks: [{include_tasks: again.yml}]", files={"again.yml": "- include_tasks: again.yml\n"},
            says="incomplete-forecast .*includes more than 50 deep"),
    endless("a role that includes itself", "roles: [again]", files={"roles/again/tasks/main.yml": "- include_role: {name: again}\n"},
            says="incomplete-forecast .*includes more than 50 deep"),
    endless("tasks that import themselves", "tasks: [{import_tasks: self.yml}]", files={"self.yml": "- import_tasks: self.yml\n"},
            says="includes itself|nested too deeply|took longer|recursive|already", fails=True),
    endless("roles that depend on each other", "roles: [one]", files={"roles/one/meta/main.yml": "dependencies: [two]\n",
            "roles/two/meta/main.yml": "dependencies: [one]\n", "roles/one/tasks/main.yml": "[]\n", "roles/two/tasks/main.yml": "[]\n"},
            says="recursion|recursive|includes itself|nested too deeply|took longer", fails=True),
    endless("a playbook that imports itself", "", files={"site.yml": "- import_playbook: site.yml\n"},
            says="includes itself|nested too deeply|took longer|recursi", fails=True),
)  # fmt: skip
