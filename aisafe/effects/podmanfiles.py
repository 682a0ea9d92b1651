"""``state: quadlet`` of containers.podman: the file of podman-systemd.unit(5) that its modules write."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import remote_path
from aisafe.effects.modes import parse_mode
from aisafe.effects.predicted import PredictedHost, changed
from aisafe.formats import unitfile
from aisafe.formats.quadlet import SECTIONS
from aisafe.model import Effect, Unknown, is_unknown

DIRECTORY: Final = "/etc/containers/systemd"
NEW_MODE: Final = 0o640
_OWN: Final = ("state", "executable", "debug", "recreate", "force", "quadlet_dir", "quadlet_filename", "quadlet_file_mode",
               "quadlet_options", "detach", "restart", "force_restart", "restart_policy", "push", "driver_")  # fmt: skip
# argument (with its aliases) -> key, in the order in which the modules write them (module_utils/podman/quadlet.py)
_KEYS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "container": (
        ("name", "ContainerName"), ("dns/dns_servers", "DNS"), ("entrypoint", "Entrypoint"), ("env", "Environment"),
        ("env_file/env_files", "EnvironmentFile"), ("command", "Exec"), ("expose/exposed/exposed_ports", "ExposeHostPort"),
        ("group_add/groups", "GroupAdd"), ("healthcheck/health_cmd", "HealthCmd"),
        ("healthcheck_interval/health_interval", "HealthInterval"), ("healthcheck_retries/health_retries", "HealthRetries"),
        ("healthcheck_timeout/health_timeout", "HealthTimeout"), ("hostname", "HostName"), ("image", "Image"), ("ip", "IP"),
        ("label/labels", "Label"), ("log_driver", "LogDriver"), ("mount/mounts", "Mount"),
        ("network/net/network_mode", "Network"), ("network_aliases/network_alias", "NetworkAlias"), ("pod", "Pod"),
        ("publish/ports/published/published_ports", "PublishPort"), ("pull", "Pull"), ("read_only", "ReadOnly"),
        ("init", "RunInit"), ("secrets", "Secret"), ("shm_size", "ShmSize"), ("stop_signal", "StopSignal"),
        ("stop_timeout", "StopTimeout"), ("sysctl", "Sysctl"), ("timezone", "Timezone"), ("ulimit/ulimits", "Ulimit"),
        ("user", "User"), ("userns/userns_mode", "UserNS"), ("volume/volumes", "Volume"), ("workdir/working_dir", "WorkingDir"),
    ),
    "pod": (("name", "PodName"), ("network/net", "Network"), ("publish/ports", "PublishPort"), ("volume/volumes", "Volume")),
    "network": (
        ("name", "NetworkName"), ("disable_dns", "DisableDNS"), ("driver", "Driver"), ("gateway", "Gateway"),
        ("internal", "Internal"), ("ip_range", "IPRange"), ("ipv6", "IPv6"), ("subnet", "Subnet"),
    ),
    "volume": (("name", "VolumeName"), ("driver", "Driver"), ("label", "Label")),
    "kube": (("kube_file", "Yaml"), ("network", "Network"), ("publish", "PublishPort")),
    "image": (("name", "Image"), ("arch", "Arch"), ("auth_file", "AuthFile")),
}  # fmt: skip


def write_quadlet(call: Call, host: PredictedHost, args: Arguments, kind: str) -> Result:
    """The file, unless one that says the same is there. Arguments that are not known here leave its text open."""
    name, file_name = args.text("name"), args.text("quadlet_filename")
    if not name and not file_name:
        raise BadArgument(f"Filename for {kind} is required for creating a quadlet file.")
    stem = posixpath.basename(name or "").partition(":")[0] if kind == "image" else name
    file_name = file_name or f"{stem}.{kind}"
    file_name = file_name if file_name.endswith(f".{kind}") else f"{file_name}.{kind}"
    folder = remote_path(args.word("quadlet_dir", default=DIRECTORY), call=call, host=host)
    path = posixpath.join(folder, file_name)
    lines = list(_lines(args, kind))
    known = {alias for names, _ in _KEYS[kind] for alias in names.split("/")}
    other = sorted(key for key, value in call.args.items() if value is not None and key not in (*known, *_OWN))
    unknown = sorted(key for key in known if is_unknown(call.args.get(key)))
    text = f"[{SECTIONS[kind]}]\n" + "\n".join((*lines, *args.words("quadlet_options"))) + "\n"
    there = host.file(path, follow=True)
    mode = parse_mode(args.raw("quadlet_file_mode"), current=there.mode or 0, directory=False) if args.given(
        "quadlet_file_mode") else NEW_MODE if there.kind == "absent" else None  # fmt: skip
    if unknown:
        content: bytes | Unknown = Unknown(f"{', '.join(unknown)} is known only in the run", text)
    else:
        content = text.encode()
    if there.text is not None and not unknown and _same(there.text, text, open_ended=bool(other)):
        effects: tuple[Effect, ...] = host.put(call, path, mode=mode)
        if other and not effects:
            effects = (Effect(kind="file", action="change", name=path, task=call.task, certainty="possible", paths=(path,),
                              why=f"whether these are as asked could not be seen: {', '.join(other)}"),)  # fmt: skip
        return Result(effects=effects, changed=changed(effects))
    effects = host.put(call, path, content=content, mode=mode, detail="a quadlet")
    return Result(effects=effects, changed=changed(effects))


def _lines(args: Arguments, kind: str) -> Iterator[str]:
    for names, key in _KEYS[kind]:
        aliases = names.split("/")
        value = args.raw(*aliases)
        if value is None or args.unknown(*aliases):
            continue
        if isinstance(value, Mapping):
            pairs = (f"{name}={item}" for name, item in value.items())
            yield from (f"{key}={shlex.quote(pair) if key in ('Label', 'Environment') else pair}" for pair in pairs)
        elif key == "Exec":
            yield f"{key}={' '.join(map(as_text, value)) if isinstance(value, list | tuple) else value}"
        elif isinstance(value, list | tuple):
            yield from (f"{key}={item}" for item in value)
        else:
            yield f"{key}={str(value).lower() if isinstance(value, bool) else value}"


def _same(there: str, wanted: str, *, open_ended: bool) -> bool:
    """Whether both say the same; ``open_ended``: the file may say more, by arguments that are not known here."""

    def entries(text: str) -> list[tuple[Any, ...]]:
        return sorted((entry.section, entry.key, entry.value) for entry in unitfile.read(text).entries)

    mine, theirs = entries(wanted), entries(there)
    return set(mine) <= set(theirs) if open_ended else mine == theirs
