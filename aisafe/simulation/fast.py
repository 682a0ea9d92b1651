"""Speed-ups that change no result: what the engine works out again for every task and host is kept.

Measured with 60 tasks and 10 templates: 100 hosts took 44 s of CPU without, 24 s with them (one host 1.2 s, with
the start). Compiling Jinja and validating the keywords of a task are most of a plain simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

from ansible import constants
from ansible._internal._templating import _engine, _jinja_bits
from ansible.playbook import play_context as play_contexts
from ansible.plugins.loader import PluginLoader
from ansible.template import Templar
from ansible.utils import vars as utils_vars
from ansible.vars import clean as cleaning
from ansible.vars import manager as variable_managers
from jinja2 import nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser

from aisafe.simulation.pertask import Patch, constant, validated_once

_ENVIRONMENT = _jinja_bits.AnsibleEnvironment
_CONTEXT_VARIABLES = tuple(name for names in constants.MAGIC_VARIABLE_MAPPING.values() for name in names)


def install(patch: Patch) -> None:
    """``patch``: (owner, name, value, reason), from :mod:`aisafe.simulation.patches`."""
    _compiled_once(patch)
    _shared_environments(patch)
    validated_once(patch)
    _play_contexts_once(patch)
    _facts_once(patch)
    _files_of_variables_once(patch)
    _combined_plainly(patch)
    _plugins_found_once(patch)


def _compiled_once(patch: Patch) -> None:
    """A template compiles to the same code for the same source and the same settings of its environment."""
    code: dict[Any, Any] = {}
    compile_template = _ENVIRONMENT.compile

    def key(environment: Any, kind: str, source: str) -> tuple[Any, ...]:
        settings = _jinja_bits._TemplateCompileContext.current(optional=True)
        return (
            kind,
            str(source),
            settings.escape_backslashes if settings else None,
            *(getattr(environment, name) for name in _jinja_bits._TEMPLATE_OVERRIDE_FIELD_NAMES),
        )

    def compiled(self: Any, source: Any, name: Any = None, filename: Any = None, *flags: bool, **options: bool) -> Any:
        if any(flags) or any(options.values()) or not isinstance(source, str):  # raw, defer_init
            return compile_template(self, source, name, filename, *flags, **options)
        wanted = (*key(self, "template", source), name, filename)
        if wanted not in code:
            code[wanted] = compile_template(self, source, name, filename)
        return code[wanted]

    def compiled_expression(self: Any, source: str, undefined_to_none: bool = True) -> Any:
        wanted = key(self, "expression", source)
        if wanted not in code:
            try:
                parser = Parser(self, source, state="variable")
                expression = parser.parse_expression()
                if not parser.stream.eos:
                    raise _jinja_bits.TemplateSyntaxError(
                        "chunk after expression", parser.stream.current.lineno, None, None
                    )
                expression.set_environment(self)
            except _jinja_bits.TemplateSyntaxError:
                self.handle_exception(source=source)
            body = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
            code[wanted] = compile_template(self, nodes.Template(body, lineno=1))
        template = self.template_class.from_code(self, code[wanted], self.make_globals(None), None)
        return TemplateExpression(template, undefined_to_none)

    patch(_ENVIRONMENT, "compile", compiled, "41 % of a simulation is compiling the same templates")
    patch(_ENVIRONMENT, "compile_expression", compiled_expression, "the same for expressions")


def _shared_environments(patch: Patch) -> None:
    """One environment for a base directory, and one for every search path of a template (which changes its loader)."""
    shared: dict[Any, Any] = {}
    copy_with_new_env = Templar.copy_with_new_env

    def environment(self: Any) -> Any:
        if not self._environment:
            if self.basedir not in shared:
                shared[self.basedir] = _ENVIRONMENT(ansible_basedir=self.basedir)
            self._environment = shared[self.basedir]
        return self._environment

    def copied(self: Any, *, searchpath: Any = None, **options: Any) -> Any:
        templar = copy_with_new_env(self, **options)
        if searchpath is not None:
            paths = [searchpath] if isinstance(searchpath, str) else [str(path) for path in searchpath]
            wanted = (templar._engine.basedir, *paths)
            if wanted not in shared:
                shared[wanted] = _ENVIRONMENT(ansible_basedir=templar._engine.basedir)
                shared[wanted].loader.searchpath = paths
            templar._engine._environment = shared[wanted]
        return templar

    patch(_engine.TemplateEngine, "environment", property(environment), "every template engine makes its own")
    patch(Templar, "copy_with_new_env", copied, "a search path must not change the environment that others share")


def _play_contexts_once(patch: Patch) -> None:
    """The connection's variables (``ansible_user`` and its other names) come to the same for the same task keywords."""
    known: dict[Any, Any] = {}
    final: set[int] = set()
    kind = play_contexts.PlayContext
    override, validate = kind.set_task_and_variable_override, kind.post_validate

    def overridden(self: Any, task: Any, variables: Any, templar: Any) -> Any:
        values = [getattr(task, name, None) for name in play_contexts.TASK_ATTRIBUTE_OVERRIDES]
        given = {name: variables[name] for name in _CONTEXT_VARIABLES if name in variables}
        values += given.values()
        if task.delegate_to is not None or not all(map(constant, values)):
            return override(self, task=task, variables=variables, templar=templar)
        wanted = (
            variables.get("inventory_hostname"), task.check_mode, task.diff, tuple(given), tuple(map(type, values)),
            repr(values),
        )  # fmt: skip
        if wanted not in known:
            known[wanted] = override(self, task=task, variables=variables, templar=templar)
            validate(known[wanted], templar=templar)
            final.add(id(known[wanted]))
        return known[wanted]

    def validated(self: Any, templar: Any) -> None:
        if id(self) not in final:
            validate(self, templar=templar)

    patch(kind, "set_task_and_variable_override", overridden, "it is copied and validated twice for every task")
    patch(kind, "post_validate", validated, "what is kept was validated before")


def _facts_once(patch: Patch) -> None:
    """A host's facts are copied twice for every task; they change only when a task sets some.

    What is handed out has a top level of its own. Deeper parts are shared: templates work on copies of containers.
    """

    copies: list[_Copies] = []
    deepcopy = cleaning.module_response_deepcopy

    def copied(value: Any) -> Any:
        return copies[-1].of(value) if copies else deepcopy(value)

    patch(cleaning, "module_response_deepcopy", copied, "hosts have many facts in common")

    def kept(function: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        known: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        own = _Copies()

        def made(facts: Any) -> dict[str, Any]:
            copies.append(own)
            try:
                return function(facts)
            finally:
                copies.pop()

        def once(facts: Any) -> dict[str, Any]:
            if not facts:
                return function(facts)
            before = known.get(id(facts))
            if before is None or not _same(before[0], facts):
                before = known[id(facts)] = (dict(facts), made(facts))
            return {key: dict(value) if key == "ansible_facts" else value for key, value in before[1].items()}

        return once

    for name in ("namespace_facts", "clean_facts"):
        function = kept(getattr(variable_managers, name))
        patch(variable_managers, name, function, "it copies all facts of the host for every task")


class _Copies:
    """Deep copies of facts, one of each value that hosts share; the outermost level is its host's own."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}  # with what has the id, so that it stays that one's

    def of(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self._part(value)
        made = value.copy()
        for key, item in made.items():
            made[key] = self._part(item)
        return made

    def _part(self, value: Any) -> Any:
        if not isinstance(value, (dict, list)):
            return value
        if id(value) not in self._known:
            self._known[id(value)] = (value, _deepcopy(value))
        return self._known[id(value)][1]


_deepcopy = cleaning.module_response_deepcopy


def _same(before: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether the very same values stand under the same names, in the same order."""
    return len(before) == len(facts) and all(map(is_, before, facts)) and all(map(is_, before.values(), facts.values()))


def _files_of_variables_once(patch: Patch) -> None:
    """group_vars and host_vars are looked for anew for every task; nothing changes them during a simulation."""

    def kept(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        known: dict[Any, dict[str, Any]] = {}

        def once(loader: Any, places: Any, entities: Any, stage: str) -> dict[str, Any]:
            where = places if isinstance(places, str) else tuple(places)
            wanted = (where, stage, *((type(entity), entity.name) for entity in entities))
            if wanted not in known:
                known[wanted] = function(loader, places, entities, stage)
            return dict(known[wanted])

        return once

    for name in ("get_vars_from_path", "get_vars_from_inventory_sources"):
        function = kept(getattr(variable_managers, name))
        patch(variable_managers, name, function, "it lists directories for every task and host")


def _combined_plainly(patch: Patch) -> None:
    """Every combination of variables asks two abstract base classes whether dictionaries are mappings."""
    validate = utils_vars._validate_mutable_mappings

    def validated(one: Any, other: Any) -> None:
        if not (isinstance(one, dict) and isinstance(other, dict)):
            validate(one, other)

    patch(utils_vars, "_validate_mutable_mappings", validated, "it takes longer than to combine them")


def _plugins_found_once(patch: Patch) -> None:
    """A name leads to the same plugin file until another directory is added."""
    known: dict[Any, Any] = {}
    find, add = PluginLoader.find_plugin_with_context, PluginLoader.add_directory

    def found(
        self: Any,
        name: Any,
        mod_type: Any = "",
        ignore_deprecated: bool = False,
        check_aliases: bool = False,
        collection_list: Any = None,
    ) -> Any:
        wanted = (id(self), name, mod_type, ignore_deprecated, check_aliases, tuple(collection_list or ()))
        if wanted not in known:
            known[wanted] = find(self, name, mod_type, ignore_deprecated, check_aliases, collection_list)
        return known[wanted]

    def added(self: Any, *args: Any, **kwargs: Any) -> None:
        known.clear()
        add(self, *args, **kwargs)

    patch(PluginLoader, "find_plugin_with_context", found, "it looks through directories several times a task")
    patch(PluginLoader, "add_directory", added, "what was found may be something else then")
