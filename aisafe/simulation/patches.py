"""Every change that the simulation makes to ansible-core, in one place, each with its reason.

A name that is gone means that the version's engine changed: the simulation refuses to run rather than run unsafe.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ansible.cli
import ansible.cli.playbook
from ansible import constants
from ansible._internal import _task
from ansible._internal._templating import (
    _engine,
    _jinja_bits,
    _jinja_common,
    _jinja_plugins,
    _lazy_containers,
    _transform,
)
from ansible.errors import AnsibleError as EngineError
from ansible.errors import AnsibleValueOmittedError
from ansible.executor import playbook_executor, task_queue_manager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.base import FieldAttributeBase
from ansible.playbook.block import Block
from ansible.plugins import loader as plugin_loader
from ansible.plugins.loader import PluginLoadContext, PluginLoader
from ansible.plugins.lookup import LookupBase
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader import _collection_finder as collection_finder
from ansible.vars.manager import VariableManager
from jinja2 import FileSystemLoader

from aisafe.errors import AnsibleError
from aisafe.model import Unknown
from aisafe.simulation import compat, safety, unknowns
from aisafe.simulation.actions import OVERLAY
from aisafe.simulation.conditions import UnknownOutcome, alternatives, one_of, settle, truth
from aisafe.simulation.moment import now
from aisafe.simulation.safety import LOOKUPS, RANDOM, Trust
from aisafe.simulation.strategy import RESCUE, Course, SimulatedStrategy

_STUB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "absent_module.py")


def patch(owner: Any, name: str, value: Any, reason: str) -> None:
    if not hasattr(owner, name):
        raise AnsibleError(
            f"ansible-core {compat.ANSIBLE_VERSION} has no {getattr(owner, '__name__', owner)}.{name} any more "
            f"(needed because: {reason}), so the forecast would not be safe.",
            fix="Install an ansible-core that aisafe was tested with.",
        )
    setattr(owner, name, value)


@dataclass(slots=True)
class Refusals:
    """Plugin files that were not loaded. ``actions``: names of refused action plugins -> their files."""

    actions: dict[str, str] = field(default_factory=dict)


def before_load(trust: Trust, refusals: Refusals, read: Callable[[str], None]) -> None:
    """What must hold before the inventory is read: no foreign code, unknown values, files noted."""
    _safety(trust, refusals)
    _unknown_values()
    _conditions()
    _absent_modules()
    _files(read)


# Safety


class _RefusedLookup(LookupBase):  # type: ignore[misc]
    accept_args_markers = True

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, terms: Any, variables: Any = None, **_: Any) -> Any:
        unknown = Unknown(f"the lookup {self._name}, which is not run before the play")
        raise _jinja_common.MarkerError("refused", unknowns.UnknownMarker(unknown))


class _Lookups:
    """Before ansible's own loader: lets the allowed lookups through, always the builtin ones."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get(self, name: str, *args: Any, **kwargs: Any) -> Any:
        short = name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if short in LOOKUPS:
            plugin = self._real.get("ansible.builtin." + short, *args, **kwargs)
            if short in safety.SHAPING:
                plugin.accept_lazy_markers = True  # an unknown inside does not make the whole unknown
            return plugin
        if short not in RANDOM:
            now().note(
                "refused-lookup", f"the lookup {short} can run code or reach out from the controller; it was not run"
            )
        return _RefusedLookup(short)


def _safety(trust: Trust, refusals: Refusals) -> None:
    patch(_jinja_plugins, "lookup_loader", _Lookups(plugin_loader.lookup_loader), "lookups run code on the controller")

    add_directory = PluginLoader.add_directory

    def add_trusted(self: Any, directory: Any, with_subdir: bool = False) -> None:
        path = os.path.join(directory, self.subdir) if directory and with_subdir else directory
        if not directory or self.type == "modules" or path in trust:
            add_directory(self, directory, with_subdir)
            return
        _refuse_directory(self, path, refusals)

    patch(PluginLoader, "add_directory", add_trusted, "plugins beside the playbook are code of the play")

    load_source = PluginLoader._load_module_source

    def load_trusted(self: Any, *, python_module_name: str, path: str) -> Any:
        if path not in trust:
            now().note("refused-plugin", f"{self.type} plugin {now().journal.display_path(path)} was not loaded")
            if self.type == "action":
                refusals.actions[os.path.splitext(os.path.basename(path))[0]] = path
            raise EngineError(f"the plugin {path} is not trusted")
        return load_source(self, python_module_name=python_module_name, path=path)

    patch(PluginLoader, "_load_module_source", load_trusted, "plugin paths of the configuration are code, too")

    get_code = collection_finder._AnsibleCollectionPkgLoaderBase.get_code

    def code(self: Any, fullname: str) -> Any:
        path = getattr(self, "_source_code_path", None)
        if path and os.path.basename(path) != "__synthetic__" and os.path.exists(path) and path not in trust:
            raise ImportError(f"aisafe does not load code from {path}")
        return get_code(self, fullname)

    patch(collection_finder._AnsibleCollectionPkgLoaderBase, "get_code", code, "collections are packages of code")
    patch(ansible.cli.playbook, "AnsibleCollectionConfig", _NoAdjacent(), "no collections/ beside the playbook")
    if hasattr(ansible.cli, "_agent_launch"):
        patch(ansible.cli._agent_launch, "launch_ssh_agent", lambda: None, "nothing connects")


def _refuse_directory(loader: Any, path: Any, refusals: Refusals) -> None:
    text = os.fsdecode(path)
    try:
        names = sorted(name for name in os.listdir(text) if name.endswith(".py") and name != "__init__.py")
    except OSError:
        return
    if not names:
        return
    kind = loader.type or os.path.basename(text)
    unknowns.REFUSED_KINDS.add(kind)
    if kind == "action":
        refusals.actions.update({name.removesuffix(".py"): os.path.join(text, name) for name in names})
    now().journal.note(
        "refused-plugin",
        f"{kind} plugins in {now().journal.display_path(text)} were not loaded ({', '.join(names)}): "
        "they are code that would run on the controller",
    )


class _NoAdjacent:
    def __setattr__(self, name: str, value: Any) -> None:
        if name != "playbook_paths":
            setattr(AnsibleCollectionConfig, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(AnsibleCollectionConfig, name)


# Unknown values


def _unknown_values() -> None:
    _transform._type_transform_mapping[Unknown] = unknowns.UnknownMarker  # a stored value as templates see it
    _lazy_containers.register_known_types(Unknown, unknowns.UnknownMarker)
    _jinja_common._untaggable_types.add(Unknown)
    patch(_engine, "FAIL_ON_UNDEFINED", unknowns.PassUnknown(), "an unknown is no failure")
    final = unknowns.finalize(_jinja_bits._finalize_template_result)
    patch(_jinja_bits, "_finalize_template_result", final, "an Unknown is a legal result")
    patch(_engine, "_finalize_template_result", final, "an Unknown is a legal result")
    environment = _jinja_bits.AnsibleEnvironment
    patch(environment, "concat", staticmethod(unknowns.concat), "known text is kept around unknown parts")
    intercept = _jinja_plugins.JinjaPluginIntercept
    invoke = unknowns.invoke_plugin(intercept._invoke_plugin)
    patch(intercept, "_invoke_plugin", staticmethod(invoke), "default() and tests must not swallow an unknown")
    patch(intercept, "__getitem__", unknowns.missing_plugin(intercept.__getitem__), "refused or absent filters")
    for name in ("getattr", "getitem"):
        patch(environment, name, unknowns.open_mapping(getattr(environment, name)), "open results and facts")
    context = _jinja_bits.AnsibleContext
    patch(context, "resolve_or_missing", unknowns.resolve(context.resolve_or_missing), "facts nobody gathered")


# Conditions and arguments


def _conditions() -> None:
    engine = _engine.TemplateEngine
    normalize = engine._normalize_and_evaluate_conditional
    evaluate = engine.evaluate_conditional

    def explored(self: Any, condition: Any) -> Any:
        return truth(lambda: normalize(self, condition), EngineError)

    def settled(self: Any, condition: Any) -> Any:
        try:
            return evaluate(self, condition)
        except UnknownOutcome as unknown:
            return settle(condition, unknown.why)

    patch(engine, "_normalize_and_evaluate_conditional", explored, "both outcomes of an unknown are tried")
    patch(engine, "evaluate_conditional", settled, "an unknown condition makes a task possible")

    template = _task.TaskArgsChainTemplar.template

    def argument(self: Any, key: Any, value: Any) -> Any:
        values, omitted = alternatives(lambda: template(self, key, value), AnsibleValueOmittedError)
        if not values and omitted is not None:
            raise omitted
        return one_of(values, omitted=omitted is not None)

    patch(_task.TaskArgsChainTemplar, "template", argument, "an argument may have several possible values")

    validated = FieldAttributeBase.get_validated_value

    def keyword(self: Any, name: str, attribute: Any, value: Any, templar: Any) -> Any:
        if type(value) is not Unknown:
            return validated(self, name, attribute, value, templar)
        if name == "no_log":
            return True
        if name == "delegate_to":
            return value
        if name == "hosts":
            now().journal.note("assumed", f"the hosts of a play depend on {value.why}; all hosts were taken")
            return ["all"]
        now().note("assumed", f"the keyword {name!r} depends on {value.why}; its default was taken")
        return attribute.default() if callable(attribute.default) else attribute.default

    patch(FieldAttributeBase, "get_validated_value", keyword, "an unknown keyword must not fail the host")

    persist = VariableManager.set_nonpersistent_facts

    def remember(self: Any, host: Any, facts: Any) -> Any:
        return persist(self, host, {key: _laid_over(value) for key, value in facts.items()})

    patch(
        VariableManager, "set_nonpersistent_facts", remember, "registered variables hold what is not certain as Unknown"
    )

    load_block = Block._load_block

    def with_rescue(self: Any, attribute: str, data: Any) -> Any:
        tasks = load_block(self, attribute, data)
        rescue = self._ds.get("rescue") if isinstance(self._ds, dict) else None
        if rescue and not self._use_handlers:
            copy = Block.load(
                {"name": RESCUE, "block": rescue}, play=self._play, parent_block=self, role=self._role,
                variable_manager=self._variable_manager, loader=self._loader,
            )  # fmt: skip
            tasks.append(copy)
        return tasks

    patch(Block, "_load_block", with_rescue, "a rescue section may run, when a task of its block cannot be foreseen")


def _laid_over(value: Any) -> Any:
    if not isinstance(value, dict) or (OVERLAY not in value and "results" not in value):
        return value
    value = dict(value)
    overlay = value.pop(OVERLAY, None)
    if isinstance(value.get("results"), list):
        value["results"] = [_laid_over(item) for item in value["results"]]
        unsure = [
            item for item in value["results"] if isinstance(item, dict) and isinstance(item.get("changed"), Unknown)
        ]
        if unsure and not any(isinstance(item, dict) and item.get("changed") is True for item in value["results"]):
            value["changed"] = unsure[0]["changed"]
    value.update(overlay or {})
    return value


# Modules that are not installed, and files


def _absent_modules() -> None:
    find = PluginLoader.find_plugin_with_context

    def find_or_stub(self: Any, name: Any, *args: Any, **kwargs: Any) -> Any:
        if self.type != "modules" or not isinstance(name, str):
            return find(self, name, *args, **kwargs)
        try:
            found = find(self, name, *args, **kwargs)
        except EngineError:
            found = None
        if found is not None and found.resolved:
            return found
        wanted = found.redirect_list[-1] if found is not None and found.redirect_list else name
        parts = wanted.split(".")
        if len(parts) < 3 or not all(part.isidentifier() for part in parts) or parts[0] == "ansible":
            return found if found is not None else find(self, name, *args, **kwargs)
        stub = PluginLoadContext(self.type, self.package)
        stub.original_name, stub.redirect_list = name, [wanted]
        return stub.resolve(wanted, _STUB, ".".join(parts[:2]), "not installed here", None)

    patch(PluginLoader, "find_plugin_with_context", find_or_stub, "a collection may be missing here")


def _files(read: Callable[[str], None]) -> None:
    contents = DataLoader._get_file_contents

    def noted(self: Any, file_name: str) -> Any:
        read(self.path_dwim(file_name))
        return contents(self, file_name)

    patch(DataLoader, "_get_file_contents", noted, "the record names every file of the run")
    text = DataLoader.get_text_file_contents

    def noted_text(self: Any, file_name: str, *args: Any, **kwargs: Any) -> Any:
        read(self.path_dwim(file_name))
        return text(self, file_name, *args, **kwargs)

    patch(DataLoader, "get_text_file_contents", noted_text, "the record names every file of the run")
    source = FileSystemLoader.get_source

    def noted_source(self: Any, environment: Any, template: str) -> Any:
        found = source(self, environment, template)
        read(found[1])
        return found

    patch(FileSystemLoader, "get_source", noted_source, "templates include templates")


# The run itself


def before_run(course: Course, failed: Callable[[Any, str], None]) -> None:
    """What must hold before the plays run: one strategy, no callbacks, no prompts, no plugins of connections."""
    strategy = type("Strategy", (SimulatedStrategy,), {"course": course})

    class Strategies:
        def get(self, name: str, tqm: Any) -> Any:
            if name.rpartition(".")[2] not in ("linear", "debug"):
                course.scene.journal.note(
                    "assumed", f"a play uses the strategy {name}; its tasks were foreseen in linear order"
                )
            return strategy(tqm)

    class Nothing:
        def all(self, **_: Any) -> list[Any]:
            return []

    patch(task_queue_manager, "strategy_loader", Strategies(), "tasks run inline")
    manager = task_queue_manager.TaskQueueManager
    patch(manager, "load_callbacks", lambda _: None, "callbacks are code, and nothing listens")

    def callback(self: Any, method: str, *args: Any, **_: Any) -> None:
        if method == "v2_runner_on_failed" and args:
            failed(args[0].task, compat.strategy_result(args[0]).message)

    patch(manager, "send_callback", callback, "nothing listens; only failed includes are not seen elsewhere")
    for name in ("connection_loader", "shell_loader", "become_loader"):
        patch(playbook_executor, name, Nothing(), "importing every plugin takes long, and nothing connects")
    if hasattr(playbook_executor, "set_default_transport"):  # gone in 2.21
        patch(playbook_executor, "set_default_transport", lambda: None, "it starts ssh to ask its version")
    patch(playbook_executor, "display", _NoPrompts(playbook_executor.display), "vars_prompt waits for an answer")
    patch(constants, "RETRY_FILES_ENABLED", False, "nothing is written")
    for owner, name, value, reason in compat.version_patches(lambda: course.strategy):
        patch(owner, name, value, reason)


class _NoPrompts:
    def __init__(self, display: Any) -> None:
        self._display = display

    def __getattr__(self, name: str) -> Any:
        return getattr(self._display, name)

    def do_var_prompt(self, *args: Any) -> Any:
        """Arguments as Display.do_var_prompt has them: the name first, the default last but one."""
        name, default = args[0], args[7] if len(args) > 7 else None
        if default is None:
            return Unknown(f"the answer to the prompt for {name}")
        now().journal.note("assumed", f"the prompt for {name} was taken to be answered with its default")
        return default
