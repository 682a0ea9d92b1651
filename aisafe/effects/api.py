"""The contract between the simulation and the models of the modules. Imports neither ansible nor anything with I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from aisafe.frozen import frozen
from aisafe.model import Certainty, Effect, TaskRef, Unknown
from aisafe.registry import Registry

if TYPE_CHECKING:
    from aisafe.effects.predicted import PredictedHost


@frozen
class LiveFile:
    """A path on the live host. ``kind`` absent: it is not there; unseen: it could not be read, ``reason`` says why.

    ``content`` is None for anything but regular files, and for files over the size limit (``reason`` says so).
    ``entries``: names in a directory. ``mode`` holds the permission bits. ``target``: of a symbolic link (not followed).
    """

    path: str
    kind: Literal["file", "directory", "link", "other", "absent", "unseen"]
    content: bytes | None = None
    mode: int = 0
    owner: str = ""
    group: str = ""
    size: int = 0
    mtime: float = 0.0
    target: str = ""
    entries: tuple[str, ...] = ()
    reason: str = ""


class ReadLive(Protocol):
    """Ask the live host for files, all in one round trip. Never raises: what cannot be read comes back 'unseen'.

    ``apt:NAME`` asks what apt knows of a package: a file that holds the answer in JSON (effects/aptcache.py).
    """

    def __call__(self, paths: Sequence[str]) -> Mapping[str, LiveFile]: ...


@frozen
class SourceFile:
    """A controller file that a task brings along. ``name``: relative to the source directory ('' for a single file).

    ``content`` may hold, or be, an :class:`Unknown` where a template depends on what only the run knows. ``size``: of one
    that is too large to be read.
    """

    name: str
    content: bytes | Unknown
    mode: int | None = None
    directory: bool = False
    size: int | None = None


@frozen
class Call:
    """One execution of one module on one host, with its final arguments (one loop item each).

    ``module``: the fully qualified name as ansible resolved it (``ansible.builtin.copy``). ``args``: after templating; a
    value may be, or contain, an :class:`Unknown`. ``source``: what copy, template, script, unarchive… bring from the
    controller (rendered, for a template); None when the module brings nothing; Unknown when it cannot be known.
    ``certainty``/``why``: whether the task runs at all. ``facts``: ansible_facts as known. ``environment``: of the task.
    ``no_log``: keep every value out of effects, details and messages. ``ansible``: the version of ansible-core that
    applies, as far as modules differ by it.
    """

    module: str
    args: Mapping[str, Any]
    task: TaskRef
    certainty: Certainty = "certain"
    why: str = ""
    source: tuple[SourceFile, ...] | Unknown | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    become_user: str = "root"
    no_log: bool = False
    ansible: tuple[int, int] = (2, 19)


@frozen
class Result:
    """What a model says. ``changed`` None: cannot be known. ``failed``: why the task is certain to fail, '' otherwise.

    ``values``: what a registered variable would hold beside changed and failed; a key that is absent is an Unknown to the
    play (``stdout`` of a command). ``facts``: ansible_facts that the module sets. ``opaque``: no model, or this use of the module
    is not modelled; the text says which. ``untold``: why the module may have set further facts and variables that are not
    known, '' when it cannot.
    """

    effects: tuple[Effect, ...] = ()
    changed: bool | None = True
    failed: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    opaque: str = ""
    untold: str = ""


Model = Callable[[Call, "PredictedHost"], Result]
MODELS: Registry[Model] = Registry("aisafe.effects")
_FAMILIES: list[tuple[str, Model]] = []  # patterns, compiled when a module has no model of its own


def model(*names: str) -> Callable[[Model], Model]:
    """Register a model under fully qualified module names; ``ansible.builtin.x`` serves ``ansible.legacy.x`` and ``x`` too."""

    def register(function: Model) -> Model:
        for name in names:
            MODELS.add(name, function)
        return function

    return register


def family(pattern: str) -> Callable[[Model], Model]:
    """Register a model for every module whose whole name matches, and that has no model of its own; the first one counts."""

    def register(function: Model) -> Model:
        _FAMILIES.append((pattern, function))
        return function

    return register


def model_of(name: str) -> Model | None:
    """The model of a module by its fully qualified name."""
    found = MODELS.get(name)
    return found or next((function for pattern, function in _FAMILIES if re.fullmatch(pattern, name)), None)


def qualified(module: str) -> str:
    """The name under which models are registered."""
    name = module.replace("ansible.legacy.", "ansible.builtin.", 1)
    return name if "." in name else f"ansible.builtin.{name}"


def predict(call: Call, host: PredictedHost) -> Result:
    """What the task does to ``host``, which changes accordingly. A module without a model yields an opaque result.

    A model that raises is a bug: it is reported as opaque with the reason, never as 'nothing happens'.
    """
    name = qualified(call.module)
    found = model_of(name)
    if found is None:
        nothing = host.opaque(call, f"no model for module {name}")
        return (
            nothing if name.startswith("ansible.builtin.") else replace(nothing, untold=f"{name}, which has no model")
        )
    try:
        return host.record(call, found(call, host))
    except Exception as error:  # a crash of a model must count against going on, whatever it is
        return host.opaque(call, f"the model of {name} failed: {type(error).__name__}: {'' if call.no_log else error}")
