"""What differs between the versions of ansible-core. Nothing else of the simulation asks for the version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ansible.release import __version__

from aisafe.errors import AnsibleError
from aisafe.model import Unknown

ANSIBLE_VERSION: str = __version__
TESTED = ((2, 19), (2, 20), (2, 21))
VERSION: tuple[int, int] = (int(__version__.split(".")[0]), int(__version__.split(".")[1]))
UNIFIED = VERSION >= (2, 21)
"""Since 2.21 a task's result is a ``UnifiedTaskResult`` and the task comes from an ambient ``TaskContext``."""


def require_tested(*, allow_untested: bool = False) -> str:
    """'' for a version that was tested. The simulation reaches into the engine's insides, so for another one: raises
    AnsibleError, or where the user allows it returns what to say about it."""
    if VERSION in TESTED:
        return ""
    known = ", ".join(f"{major}.{minor}" for major, minor in TESTED)
    message = f"ansible-core {ANSIBLE_VERSION} was not tested with the forecast; tested are {known}"
    if allow_untested:
        return f"{message}. What it says may be wrong, and code of the play may not be kept from running"
    all_the_same = (
        " To go on all the same: AISAFE_ALLOW_UNTESTED_ANSIBLE=1, or allow_untested_ansible: true in .aisafe.yml."
    )
    raise AnsibleError(f"{message}.", fix=_install() + (all_the_same if TESTED[0] < VERSION else ""))


def _install() -> str:
    (low, high), end = TESTED[0], TESTED[-1]
    return f"Install a tested one beside aisafe: pip install 'ansible-core>={low}.{high},<{end[0]}.{end[1] + 1}'."


def lacking(error: ImportError) -> AnsibleError:
    """A part of the engine that the simulation replaces is not there: nothing can be forecast with this version."""
    return AnsibleError(
        f"Nothing can be forecast with ansible-core {ANSIBLE_VERSION}, for want of a part that is replaced: {error}.",
        fix=_install(),
    )


class TaskOutcome(Protocol):
    """The result of one execution of a task (one loop item), whatever the version's own type for it."""

    native: Any

    @property
    def failed(self) -> bool: ...
    @property
    def skipped(self) -> bool: ...
    @property
    def changed(self) -> bool: ...
    @property
    def message(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    def included(self) -> tuple[Any, Mapping[str, Any]]: ...
    def skip(self, reason: str) -> None: ...
    def doubt_facts(self, doubt: Callable[[str], Unknown]) -> None: ...


class _DictOutcome:
    def __init__(self, native: dict[str, Any]) -> None:
        self.native = native

    @property
    def failed(self) -> bool:
        return bool(self.native.get("failed"))

    @property
    def skipped(self) -> bool:
        return bool(self.native.get("skipped"))

    @property
    def changed(self) -> bool:
        return bool(self.native.get("changed"))

    @property
    def message(self) -> str:
        return str(self.native.get("msg") or self.native.get("reason") or "")

    @property
    def data(self) -> dict[str, Any]:
        return self.native

    def included(self) -> tuple[Any, Mapping[str, Any]]:
        return self.native.get("include"), self.native.get("include_args") or {}

    def skip(self, reason: str) -> None:
        self.native = {"changed": False, "skipped": True, "skip_reason": reason}

    def doubt_facts(self, doubt: Callable[[str], Unknown]) -> None:
        facts = self.native.get("ansible_facts")
        if facts:
            self.native["ansible_facts"] = {key: doubt(key) for key in facts}


class _UnifiedOutcome:
    def __init__(self, native: Any) -> None:
        self.native = native

    @property
    def failed(self) -> bool:
        return bool(self.native.failed)

    @property
    def skipped(self) -> bool:
        return bool(self.native.skipped)

    @property
    def changed(self) -> bool:
        return bool(self.native.changed)

    @property
    def message(self) -> str:
        event = getattr(self.native.exception, "event", None)
        return str(self.native.msg or getattr(event, "msg", ""))

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.native.result_data
        return data

    def included(self) -> tuple[Any, Mapping[str, Any]]:
        return self.native.include_file, self.native.include_args or {}

    def skip(self, reason: str) -> None:
        self.native.include_file = self.native.include_args = None
        self.native.set_skipped(reason)

    def doubt_facts(self, doubt: Callable[[str], Unknown]) -> None:
        changes = self.native.pending_changes
        layers = changes.register_host_variables if changes else {}
        for layer, values in layers.items():
            layers[layer] = {key: doubt(key) for key in values}


def outcome(native: Any) -> TaskOutcome:
    return _UnifiedOutcome(native) if UNIFIED else _DictOutcome(native)


def fresh_outcome(data: dict[str, Any], *, notify: list[str] | None) -> TaskOutcome:
    """A successful outcome in the place of one that failed."""
    if not UNIFIED:
        return _DictOutcome(data if notify is None else {**data, "_ansible_notify": notify})
    from ansible._internal import _task  # noqa: PLC0415

    with _task.UnifiedTaskResult.create_and_record(data) as native:
        native.notify = notify or []
    return _UnifiedOutcome(native)


def task_variables(executor: Any) -> dict[str, Any]:
    if not UNIFIED:
        variables: dict[str, Any] = executor._job_vars
        return variables
    from ansible._internal import _task  # noqa: PLC0415

    current: dict[str, Any] = _task.TaskContext.current().task_vars
    return current


def run_task(
    *,
    make: Callable[..., Any],
    host: Any,
    task: Any,
    task_vars: dict[str, Any],
    play_context: Any,
    loader: Any,
    plugins: Any,
    queue: Any,
    variable_manager: Any,
) -> Any:
    """Run an executor for one task on one host in this process; the result as the strategy wants it."""
    from ansible._internal import _task  # noqa: PLC0415

    if UNIFIED:
        with _task.TaskContext.create(task=task, task_vars=task_vars, host_name=host.name):
            task.squash()
            result = make(host, play_context, loader, plugins, queue, variable_manager).run()
            result.finalize_registered_values()
            task.ignore_errors, task.ignore_unreachable = result.ignore_errors, result.ignore_unreachable
            return _task.HostTaskResult(host=host, task=task, utr=result)
    from ansible.executor.task_result import _RawTaskResult  # noqa: PLC0415

    with _task.TaskContext(task):
        data = make(host, task, task_vars, play_context, loader, plugins, queue, variable_manager).run()
    return _RawTaskResult(host=host, task=task, return_data=data, task_fields=task.dump_attrs())


def skipped_result(host: Any, task: Any) -> Any:
    """The result of a task that is left out without a word."""
    if UNIFIED:
        from ansible._internal import _task  # noqa: PLC0415

        native = _task.UnifiedTaskResult.from_action_result_dict({"changed": False, "skipped": True})
        return _task.HostTaskResult(host=host, task=task, utr=native)
    from ansible.executor.task_result import _RawTaskResult  # noqa: PLC0415

    data = {"changed": False, "skipped": True}
    return _RawTaskResult(host=host, task=task, return_data=data, task_fields=task.dump_attrs())


def strategy_result(result: Any) -> TaskOutcome:
    """The outcome inside what the strategy handles (:func:`run_task`)."""
    return _UnifiedOutcome(result.utr) if UNIFIED else _DictOutcome(result._return_data)


def loop_outcomes(result: TaskOutcome) -> Iterator[TaskOutcome]:
    items = result.native.loop_results if UNIFIED else result.native.get("results")
    for item in items or []:
        if UNIFIED or isinstance(item, dict):
            yield outcome(item)


class _DirectInventory:
    """2.21 sends add_host and group_by through a queue that a thread serves: in one process that would never return."""

    def __init__(self, strategy: Callable[[], Any]) -> None:
        self._strategy = strategy

    def add_host(self, info: Any) -> bool:
        strategy = self._strategy()
        changed = bool(strategy._inventory.add_dynamic_host(info))
        if changed and info.host_name not in strategy._hosts_cache_all:
            strategy._hosts_cache_all.append(info.host_name)
        return changed

    def add_group(self, host_name: str, info: Any) -> bool:
        return bool(self._strategy()._inventory.add_dynamic_group(host_name, info))


def preload() -> None:
    """Import what would start a program or load a library when the first filter is used: since 2.21 hashing passwords
    looks for libcrypt by running ldconfig and the compiler (ctypes.util)."""
    import ctypes.util  # noqa: PLC0415

    find = ctypes.util.find_library
    ctypes.util.find_library = lambda name: f"lib{name}.so.1"  # the name it has on every Linux since 1997
    try:
        import ansible.utils.encrypt  # noqa: PLC0415, F401
    finally:
        ctypes.util.find_library = find


def version_patches(strategy: Callable[[], Any]) -> list[tuple[Any, str, Any, str]]:
    """(owner, name, replacement, reason) of what only some versions have."""
    if not UNIFIED:
        return []
    from ansible._internal._worker import _inventory_rpc  # noqa: PLC0415

    client = _DirectInventory(strategy)
    return [(_inventory_rpc.InventoryRPC, "get_client", classmethod(lambda _: client), "no thread serves it inline")]


def early_patches() -> list[tuple[Any, str, Any, str]]:
    """The same, of what must hold before ansible's own executor is made."""
    if not UNIFIED:
        return []
    from ansible._internal import _rpc_host  # noqa: PLC0415

    return [(_rpc_host.LocalManager, "shared_instance", classmethod(lambda _: None), "it listens on a socket")]
