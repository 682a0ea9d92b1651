"""Every change that the simulation makes to ansible-core, in one place, each with its reason.

A name that is gone means that the version's engine changed: the simulation refuses to run rather than run unsafe.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import ansible.cli
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
from ansible.utils.collection_loader import _collection_finder as collection_finder
from ansible.vars.manager import VariableManager
from jinja2 import FileSystemLoader

from aisafe.errors import AnsibleError
from aisafe.frozen import frozen
from aisafe.masking import names_secret
from aisafe.model import Unknown
from aisafe.simulation import compat, safety, unknowns
from aisafe.simulation.actions import OVERLAY
from aisafe.simulation.conditions import UnknownOutcome, alternatives, one_of, settle, truth
from aisafe.simulation.moment import now
from aisafe.simulation.safety import LOOKUPS, RANDOM, Tree, Trust
from aisafe.simulation.strategy import RESCUE, Course, NoQueue, SimulatedStrategy

_STUB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "absent_module.py")


def patch(owner: Any, name: str, value: Any, reason: str) -> None:
    if not hasattr(owner, name):
        raise AnsibleError(
            f"ansible-core {compat.ANSIBLE_VERSION} has no {getattr(owner, '__name__', owner)}.{name} any more "
            f"(needed because: {reason}), so the forecast would not be safe.",
            fix="Install an ansible-core that aisafe was tested with.",
        )
    setattr(owner, name, value)


@frozen
class Ground:
    """``trust``: which files may be loaded as code. ``tree``: what is under judgement."""

    trust: Trust
    tree: Tree


@dataclass(slots=True)
class Refusals:
    """Plugin files that were not loaded. ``actions``: names of refused action plugins -> their files. ``absent``: modules
    that are not installed here, and that something stands in for."""

    actions: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    @property
    def any(self) -> bool:
        return bool(self.actions or self.absent)


def before_load(ground: Ground, refusals: Refusals, read: Callable[[str], None]) -> None:
    """What must hold before the inventory is read: no foreign code, unknown values, files noted."""
    _safety(ground, refusals)
    _unknown_values(ground.trust)
    _conditions()
    _absent_modules(refusals)
    _files(read)


def before_inventory(guard: Callable[[Callable[..., Any]], Callable[..., Any]], confine: Callable[[], None]) -> None:
    """``guard``: around what finds inventory plugins. ``confine`` is called when the passwords are known."""
    loader = plugin_loader.inventory_loader
    patch(loader, "get", guard(loader.get), "inventory plugins and programs are code")
    manager = ansible.cli.InventoryManager

    def confined(*args: Any, **kwargs: Any) -> Any:
        confine()
        return manager(*args, **kwargs)

    patch(ansible.cli, "InventoryManager", confined, "from here on nothing but trusted code needs more than reading")
    patch(task_queue_manager, "FinalQueue", _ThreadQueue, "a queue between processes needs shared memory")
    patch(task_queue_manager, "tempfile", _NoTemporary(), "a lock for connections, and nothing connects")
    for owner, name, value, reason in compat.early_patches():
        patch(owner, name, value, reason)
    if hasattr(playbook_executor, "set_default_transport"):  # gone in 2.21
        patch(playbook_executor, "set_default_transport", lambda: None, "it starts ssh to ask its version")


class _ThreadQueue(NoQueue):
    """The strategy's own thread waits at it until the end; no process puts anything in."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.get, self.put = self._items.get, self._items.put


class _NoTemporary:
    @staticmethod
    def TemporaryFile() -> Any:
        return open(os.devnull, "rb")


# Safety


class _RefusedLookup(LookupBase):  # type: ignore[misc]
    accept_args_markers = True

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, terms: Any, variables: Any = None, **_: Any) -> Any:
        unknown = Unknown(f"the lookup {self._name}, which is not run before the play")
        raise _jinja_common.MarkerError("refused", unknowns.UnknownMarker(unknown))


class _Lookups:
    """Before ansible's own loader: lets the allowed lookups through, always the builtin ones, and trusted ones."""

    def __init__(self, real: Any, ground: Ground) -> None:
        self._real, self._ground = real, ground

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get(self, name: str, *args: Any, **kwargs: Any) -> Any:
        short = name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        path = "" if name.startswith("ansible.builtin.") else self._path(name)
        if path and self._ground.trust.named(path):
            plugin = self._real.get(name, *args, **kwargs)
            if plugin is not None:
                plugin.run = _lifting(plugin.run, f"the lookup {short}")
            return plugin
        if short in LOOKUPS:
            plugin = self._real.get("ansible.builtin." + short, *args, **kwargs)
            if short in safety.SHAPING:
                plugin.accept_lazy_markers = True  # an unknown inside does not make the whole unknown
            if short in safety.READING:
                plugin.run = self._discreet(short, plugin)
            return plugin
        if short not in RANDOM:
            foreign = path and not path.startswith(_ANSIBLE)
            now().note(
                "refused-lookup",
                f"the lookup {short} can run code or reach out from the controller; it was not run",
                fix=self._ground.tree.trust(path) if foreign else "",
            )
        return _RefusedLookup(short)

    def _path(self, name: str) -> str:
        """Where the lookup lies, '' when it is nowhere; nothing of it is loaded."""
        try:
            found = self._real.find_plugin_with_context(name)
        except Exception:  # an absent collection has many faces; it is refused all the same
            return ""
        return str(found.plugin_resolved_path or "") if found.resolved else ""

    def _discreet(self, name: str, plugin: Any) -> Callable[..., Any]:
        """What not everybody may read outside of the project stays out of the forecast, which others read."""
        run, search = plugin.run, plugin.find_file_in_search_path
        ground = self._ground

        def withheld(what: str, fix: str) -> _jinja_common.MarkerError:
            now().note(
                "refused-lookup", f"the lookup {name} would bring {what} into the forecast; it was left out", fix=fix
            )
            return _jinja_common.MarkerError("refused", unknowns.UnknownMarker(Unknown(f"{what}, which is kept out")))

        def found(variables: Any, directory: str, file: str, *args: Any, **kwargs: Any) -> Any:
            path = search(variables, directory, file, *args, **kwargs)
            if path and ground.tree.private(path) and not ground.trust.named(path):
                raise withheld(f"the private file {path}", ground.tree.trust(str(path)))
            return path

        def discreet(terms: Any, variables: Any = None, **options: Any) -> Any:
            secret = next((term for term in terms if name == "env" and names_secret(str(term))), None)
            if secret is not None and str(secret) in os.environ:
                raise withheld(f"the environment variable {secret}", "Pass the value as a variable (-e @FILE).")
            return run(terms, variables, **options)

        plugin.find_file_in_search_path = found
        return discreet


_ANSIBLE = os.path.dirname(os.path.abspath(ansible.cli.__file__)).removesuffix("cli")


def _lifting(work: Callable[..., Any], why: str) -> Callable[..., Any]:
    def lifted(*args: Any, **kwargs: Any) -> Any:
        with safety.lifted(why):
            return work(*args, **kwargs)

    return lifted


def _safety(ground: Ground, refusals: Refusals) -> None:
    trust = ground.trust
    lookups = _Lookups(plugin_loader.lookup_loader, ground)
    patch(_jinja_plugins, "lookup_loader", lookups, "lookups run code on the controller")

    add_directory = PluginLoader.add_directory

    def add_trusted(self: Any, directory: Any, with_subdir: bool = False) -> None:
        path = os.path.join(directory, self.subdir) if directory and with_subdir else directory
        if not directory or self.type == "modules" or path in trust or trust.reaches_into(path):
            add_directory(self, directory, with_subdir)
            return
        _refuse_directory(self, path, ground, refusals)

    patch(PluginLoader, "add_directory", add_trusted, "plugins beside the playbook are code of the play")

    load_source = PluginLoader._load_module_source

    def load_trusted(self: Any, *, python_module_name: str, path: str) -> Any:
        if trust.named(path):
            with safety.lifted(f"the plugin {path}"):
                return load_source(self, python_module_name=python_module_name, path=path)
        if path not in trust:
            unknowns.REFUSED_KINDS.add(self.type)
            now().note(
                "refused-plugin",
                f"{self.type} plugin {now().journal.display_path(path)} was not loaded: it is code that would run on the "
                "controller",
                fix=ground.tree.trust(path),
            )
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
    if hasattr(ansible.cli, "_agent_launch"):
        patch(ansible.cli._agent_launch, "launch_ssh_agent", lambda: None, "nothing connects")


def _refuse_directory(loader: Any, path: Any, ground: Ground, refusals: Refusals) -> None:
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
        fix=ground.tree.trust(text) if kind in _TRUSTABLE else "",
    )


_TRUSTABLE = frozenset({"filter", "test", "lookup", "inventory"})
"""Types of plugins that the simulation would load if they were trusted; the others have no part in it."""


def adjacent_collections(directories: Iterable[str], ground: Ground) -> list[str]:
    """Of the playbooks' directories those whose ``collections/`` the user trusts; the others' are told."""
    trusted = []
    for directory in dict.fromkeys(directories):
        path = os.path.join(directory, "collections")
        if not os.path.isdir(os.path.join(path, "ansible_collections")):
            continue
        if path in ground.trust or ground.trust.reaches_into(path):
            trusted.append(directory)
            continue
        now().journal.note(
            "refused-plugin",
            f"the collections in {now().journal.display_path(path)} were not used: their plugins are code that would run "
            "on the controller",
            fix=ground.tree.trust(path),
        )
    return trusted


# Unknown values


def _trusting(invoke: Callable[..., Any], trust: Trust) -> Callable[..., Any]:
    """Filters and tests that the user trusts may do what they do in the real run."""
    named: dict[str, bool] = {}

    def invoked(instance: Any, *args: Any, **kwargs: Any) -> Any:
        path = str(getattr(instance, "_original_path", "") or "")
        if path not in named:
            named[path] = bool(path) and trust.named(path)
        if not named[path]:
            return invoke(instance, *args, **kwargs)
        with safety.lifted(f"the plugin {path}"):
            return invoke(instance, *args, **kwargs)

    return invoked


def _unknown_values(trust: Trust) -> None:
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
    invoke = unknowns.invoke_plugin(_trusting(intercept._invoke_plugin, trust))
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


def _absent_modules(refusals: Refusals) -> None:
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
        refusals.absent.add(name)
        wanted = found.redirect_list[-1] if found is not None and found.redirect_list else name
        parts = wanted.split(".")
        if name in refusals.actions:  # an action of the project needs no module
            stub = PluginLoadContext(self.type, self.package)
            stub.original_name, stub.redirect_list = name, [name]
            return stub.resolve(name, refusals.actions[name], "", "not trusted", None)
        if len(parts) < 3 or not all(part.isidentifier() for part in parts) or parts[0] == "ansible":
            return found if found is not None else find(self, name, *args, **kwargs)
        stub = PluginLoadContext(self.type, self.package)
        stub.original_name, stub.redirect_list = name, [wanted]
        return stub.resolve(wanted, _STUB, ".".join(parts[:2]), "not installed here", None)

    patch(PluginLoader, "find_plugin_with_context", find_or_stub, "a collection may be missing here")


LARGEST = 32 * 1024 * 1024
"""Bytes of a file that ansible would read as a whole: variables, tasks, templates, inventories."""


def _check_size(path: str) -> None:
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError):
        return
    if size > LARGEST:
        now().touched = True
        text = f"{now().journal.display_path(path)} has {size >> 20} MiB; more than {LARGEST >> 20} MiB are not read"
        now().note("refused-plugin", text, fix="Make it smaller; what is copied as it is may have any size.")
        raise EngineError(text)


def _files(read: Callable[[str], None]) -> None:
    contents = DataLoader._get_file_contents

    def noted(self: Any, file_name: str) -> Any:
        _check_size(self.path_dwim(file_name))
        read(self.path_dwim(file_name))
        return contents(self, file_name)

    patch(DataLoader, "_get_file_contents", noted, "the record names every file of the run")
    text = DataLoader.get_text_file_contents

    def noted_text(self: Any, file_name: str, *args: Any, **kwargs: Any) -> Any:
        _check_size(self.path_dwim(file_name))
        read(self.path_dwim(file_name))
        return text(self, file_name, *args, **kwargs)

    patch(DataLoader, "get_text_file_contents", noted_text, "the record names every file of the run")
    source = FileSystemLoader.get_source

    def noted_source(self: Any, environment: Any, template: str) -> Any:
        for directory in self.searchpath:
            _check_size(os.path.join(directory, template))
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
