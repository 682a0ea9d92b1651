"""Whom a run addresses, and how to reach them: what ansible's own options of connection and become plugins come to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible import constants, context
from ansible._internal._templating import _engine
from ansible.errors import AnsibleError as EngineError
from ansible.errors import AnsibleValueOmittedError
from ansible.playbook.block import Block
from ansible.plugins.loader import become_loader, connection_loader

from aisafe.errors import AnsibleError
from aisafe.frozen import frozen
from aisafe.model import Connection, Target, Unknown
from aisafe.simulation.actions import short_name
from aisafe.simulation.compat import ANSIBLE_VERSION
from aisafe.simulation.plain import plain, plain_text
from aisafe.simulation.strategy import RESCUE

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_KEYWORDS = ("remote_user", "port", "become_user", "become_method", "become_exe", "become_flags")


@frozen
class Passwords:
    """What was asked for before: ``connection`` is -k's, ``become`` is -K's."""

    connection: str | None = None
    become: str | None = None


def resolve(
    *, plays: list[Any], inventory: Any, variables: Any, loader: Any, passwords: Passwords, playbooks: tuple[str, ...]
) -> Target:
    """The target of ``plays``. Raises AnsibleError when a pattern or a connection variable cannot be worked out."""
    first: dict[str, Any] = {}
    become: set[str] = set()
    implicit = needs_facts = False
    for play in plays:
        hosts, missing = play_hosts(play, inventory, variables, loader)
        implicit |= missing
        gathers, becomes, delegated = _survey(play)
        needs_facts |= gathers
        for name in delegated:
            known = inventory.hosts.get(name)
            if known is not None:
                hosts.append(known)
            elif name in _LOCAL:
                implicit = True
        for host in hosts:
            if getattr(host, "implicit", False):
                implicit = True
                continue
            first.setdefault(host.name, (host, play))
            if becomes:
                become.add(host.name)
    connections = {
        name: _connection(host, play, name in become, variables=variables, loader=loader, passwords=passwords)
        for name, (host, play) in first.items()
    }
    return Target(
        connections=connections,
        implicit_localhost=implicit,
        needs_facts=needs_facts,
        check=bool(context.CLIARGS.get("check")),
        playbooks=playbooks,
        ansible_version=ANSIBLE_VERSION,
    )


def addressed(plays: list[Any], inventory: Any, variables: Any, loader: Any) -> bool:
    """Whether every play finds a host, the implicit localhost included."""
    return all(play_hosts(play, inventory, variables, loader)[0] for play in plays)


def play_hosts(play: Any, inventory: Any, variables: Any, loader: Any) -> tuple[list[Any], bool]:
    """The hosts that a play addresses, and whether the implicit localhost is among them. Raises ansible's errors."""
    known = variables.get_vars(play=play)
    for prompt in play.vars_prompt or []:  # asked for before the hosts are worked out
        if isinstance(prompt, dict) and isinstance(name := prompt.get("name"), str):
            known.setdefault(name, prompt.get("default") or Unknown(f"the answer to the prompt for {name}"))
    engine = _engine.TemplateEngine(loader=loader, variables=known)
    pattern = play.hosts
    if engine.is_template(pattern):
        try:
            pattern = engine.template(pattern)
        except EngineError:
            if not _runtime(play):
                raise
            pattern = Unknown("variables of the run")
    parts = pattern if isinstance(pattern, list) else [pattern]
    if any(isinstance(part, Unknown) for part in parts):
        pattern = "all"
    found = list(inventory.get_hosts(pattern, order=None))
    return found, any(getattr(host, "implicit", False) for host in found)


def _runtime(play: Any) -> bool:
    """Whether the pattern may use what an earlier play registers or sets (hostvars, groups made by group_by)."""
    return "hostvars" in str(play.hosts) or "groups" in str(play.hosts)


def _survey(play: Any) -> tuple[bool, bool, set[str]]:
    """Whether facts are gathered, whether anything becomes another user, and the literal names in delegate_to."""
    gather = play.gather_facts
    gathers = gather if isinstance(gather, bool) else constants.DEFAULT_GATHERING != "explicit"
    becomes = play.become is True or isinstance(play.become, str)
    delegated: set[str] = set()
    for task in _static_tasks(play):
        name = short_name(str(task.action))
        if name in ("setup", "gather_facts") or name in ("include_tasks", "include_role"):
            gathers = True
        if task.become:
            becomes = True
        if isinstance(task.delegate_to, str) and "{{" not in task.delegate_to:
            delegated.add(str.__str__(task.delegate_to))
    return bool(gathers), becomes, delegated


def _static_tasks(play: Any) -> Iterator[Any]:
    blocks = [*play.pre_tasks, *play.tasks, *play.post_tasks, *play.handlers]
    for role in play.roles:
        for part in [*role.get_all_dependencies(), role]:
            blocks += part.get_task_blocks()
            blocks += part._handler_blocks or []
    for block in blocks:
        yield from _walk(block)


def _walk(item: Any) -> Iterator[Any]:
    if not isinstance(item, Block):
        yield item
    elif item.name != RESCUE:
        for part in [*item.block, *item.rescue, *item.always]:
            yield from _walk(part)


_EXTRA_ARGS = ("ssh_args", "ssh_extra_args", "docker_extra_args", "podman_extra_args")


def _connection(
    host: Any, play: Any, becomes: bool, *, variables: Any, loader: Any, passwords: Passwords
) -> Connection:
    raw = variables.get_vars(play=play, host=host)
    engine = _engine.TemplateEngine(loader=loader, variables=raw)

    def value(name: str) -> Any:
        if raw.get(name) is None:
            return None
        try:
            found = engine.template(raw[name])
        except AnsibleValueOmittedError:
            return None
        except EngineError as error:
            raise AnsibleError(
                f"The connection variable {name} of host {host.name} cannot be worked out: {_first_line(error)}"
            ) from None
        return None if isinstance(found, Unknown) else plain(found)

    keywords = {name: _keyword(getattr(play, name, None), engine) for name in _KEYWORDS}
    kind = plain_text(value("ansible_connection") or _keyword(play.connection, engine) or constants.DEFAULT_TRANSPORT)
    if kind in ("smart", "ansible.builtin.ssh", "ansible.legacy.ssh"):
        kind = "ssh"
    kind = kind.removeprefix("ansible.builtin.")
    options = _options("connection", kind, connection_loader, value, keywords)
    wanted = value("ansible_become")
    method = ""
    if becomes if wanted is None else _true(wanted):
        method = plain_text(value("ansible_become_method") or keywords["become_method"] or "sudo")
    method = method.removeprefix("ansible.builtin.")
    become = _options("become", method, become_loader, value, keywords) if method else {}
    interpreter = value("ansible_python_interpreter") or constants.config.get_config_value(
        "INTERPRETER_PYTHON", variables={}
    )
    key = options.get("private_key_file") or value("ansible_ssh_private_key_file") or value("ansible_private_key_file")
    return Connection(
        host=host.name,
        connection=kind,
        address=_text(options.get("remote_addr") or value("ansible_host") or value("ansible_ssh_host")) or host.name,
        port=_number(options.get("port") or value("ansible_port")),
        user=_text(options.get("remote_user") or value("ansible_user") or keywords["remote_user"]),
        private_key_file=os.path.expanduser(plain_text(key)) if key else None,
        password=_text(options.get("password") or value("ansible_password")) or passwords.connection,
        common_args=_text(options.get("ssh_common_args")) or "",
        extra_args=" ".join(text for name in _EXTRA_ARGS if (text := _text(options.get(name)))),
        host_key_checking=_true(options.get("host_key_checking", True)),
        timeout=_number(options.get("timeout") or options.get("container_timeout")) or int(constants.DEFAULT_TIMEOUT),
        python=plain_text(interpreter) if str(interpreter or "").startswith("/") else None,
        become_method=method,
        become_user=_text(become.get("become_user") or value("ansible_become_user")) or "root",
        become_password=_text(become.get("become_pass") or value("ansible_become_password")) or passwords.become,
        become_exe=_text(become.get("become_exe")),
        become_flags=_text(become.get("become_flags")),
    )


def _options(kind: str, name: str, loader: Any, value: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The plugin's options by ansible's own rules: variables, keywords, command line, environment, configuration."""
    if kind == "connection" and name == "local":
        return {}
    try:
        if not constants.config.has_configuration_definition(kind, name):
            plugin = loader.get(name, class_only=True)
            if plugin is None:
                return {}
            name = plugin._load_name  # of a collection's plugin the name of its Python module
        names = constants.config.get_plugin_vars(kind, name)
        given = {variable: found for variable in names if (found := value(variable)) is not None}
        options: dict[str, Any] = constants.config.get_plugin_options(kind, name, keys=dict(keywords), variables=given)
    except EngineError as error:
        raise AnsibleError(f"The options of the {kind} plugin {name} are wrong: {_first_line(error)}") from None
    except (KeyError, ImportError):
        return {}
    return options


def _keyword(found: Any, engine: Any) -> Any:
    if isinstance(found, str) and engine.is_template(found):
        try:
            found = engine.template(found)
        except EngineError as error:
            raise AnsibleError(f"A connection keyword of the play cannot be worked out: {_first_line(error)}") from None
    return None if isinstance(found, Unknown) else plain(found)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _text(found: Any) -> str | None:
    return None if found is None or found == "" else plain_text(found)


def _number(found: Any) -> int | None:
    return int(found) if found not in (None, "") else None


def _true(found: Any) -> bool:
    return found if isinstance(found, bool) else str(found).lower() in ("true", "yes", "on", "1", "y", "t")
