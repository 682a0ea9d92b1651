"""What a run will do: effects in order, the services and sockets that come of them, and what stayed unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aisafe.frozen import frozen
from aisafe.model.access import Access, Firewall
from aisafe.model.host import BlindSpot, Holder, Socket
from aisafe.model.task import Certainty, TaskRef

EffectKind = Literal[
    "file", "unit", "package", "container", "image", "network", "volume", "user", "group", "cron", "firewall", "sysctl",
    "mount", "command",
]  # fmt: skip
Action = Literal[
    "create", "change", "remove", "start", "stop", "restart", "reload", "enable", "disable", "mask", "unmask",
    "install", "upgrade", "pull", "run",
]  # fmt: skip


@frozen
class Effect:
    """One change of one resource by one task, in the order of the run.

    ``why``: for a certainty below certain, what it depends on, in words. ``binds``: sockets that ``holder`` takes with
    this effect, after giving up those it had (start, restart, create of a container). ``frees``: holders whose sockets
    end with this effect (stop, remove). ``sockets_known`` is False when what the holder will listen on could not be
    worked out. ``reversible`` is False for what a restore of the host cannot bring back. ``detail``: one line of evidence
    (``ListenStream 9090 from --web.listen-address``), free of secrets. ``paths``: files and directories the effect touches,
    absolute, for the snapshot; empty with kind command means: anywhere. ``elsewhere``: what changes is not of this host's
    files and units (a database, a cluster, a mailbox), so that nothing else on the host follows from it.
    ``engine``: docker, podman or swarm, whose container it is; '' for other kinds.
    """

    kind: EffectKind
    action: Action
    name: str
    task: TaskRef
    seq: int = 0
    certainty: Certainty = "certain"
    why: str = ""
    reversible: bool = True
    detail: str = ""
    holder: Holder | None = None
    binds: tuple[Socket, ...] = ()
    frees: tuple[Holder, ...] = ()
    sockets_known: bool = True
    paths: tuple[str, ...] = ()
    elsewhere: bool = False
    engine: str = ""


@frozen
class Service:
    """A unit or container that serves something, before the run (from the live state) or after it (predicted).

    ``program``: what it runs, as a normalised name that a unit and a container of the same software share
    (``node_exporter``), '' when it cannot be told; ``evidence`` says from what. ``sockets``: what it holds while active,
    or would hold if started. ``active``: runs at this moment. ``at_boot``: would run after the next boot. ``by_run``: this
    run starts, stops, creates, removes, enables or reconfigures it; ``task`` is the one that did so last.
    ``live``: it was already active before the run. ``argv``: what is executed, secrets masked.
    """

    holder: Holder
    program: str = ""
    evidence: str = ""
    sockets: tuple[Socket, ...] = ()
    sockets_known: bool = True
    active: bool = True
    at_boot: bool = False
    certainty: Certainty = "certain"
    by_run: bool = False
    live: bool = False
    pid: int | None = None
    task: TaskRef | None = None
    argv: tuple[str, ...] = ()


@frozen
class Claim:
    """A socket that the host holds at the end because of this run."""

    socket: Socket
    holder: Holder
    certainty: Certainty
    task: TaskRef


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TaskMark:
    """A task as it was run on one host, with a salted digest of all that it was given (one for each loop item)."""

    task: TaskRef
    digest: str


@frozen
class Coverage:
    """How much of the run was foreseen on one host, in tasks (a looped task counts once).

    ``opaque``: reached, but without a model, so that what it does is not known. ``not_reached``: behind a predicted
    failure or an include whose file is not known. ``no_model``: the modules without a model among the opaque, sorted.
    """

    tasks: int = 0
    modelled: int = 0
    opaque: int = 0
    not_reached: int = 0
    no_model: tuple[str, ...] = ()


@frozen
class Absent:
    """Something of the host that a service asks for and that is certainly not there at the end of the run.

    ``why``: where it asks for it. ``then``: what comes of it. ``fatal``: the service does not work without it.
    """

    kind: Literal["path", "user", "group"]
    name: str
    why: str
    then: str
    fatal: bool = False


@frozen
class Asked:
    """What a container that the run makes, or a unit that it starts, asks of the host.

    ``image``: as it was asked for; ``image_here``: on the host before the run; ``image_built``: made by the run. Memory in
    bytes, None where none is said. ``in_sight``: names of options and variables whose secret value every user of the
    host can read (ps(1), ``systemctl show``); never the value.
    """

    who: Holder
    task: TaskRef | None = None
    certainty: Certainty = "certain"
    image: str = ""
    image_here: bool = False
    image_built: bool = False
    absent: tuple[Absent, ...] = ()
    memory_limit: int | None = None
    memory_reserved: int | None = None
    in_sight: tuple[str, ...] = ()


@frozen
class Exposed:
    """A file of the run that every user of the host can read, with the names of the secrets in it, never their values."""

    path: str
    names: tuple[str, ...]
    task: TaskRef | None = None


HIDDEN_TEXT = "***"
"""What stands in a manifest's document for a text of it."""


@frozen
class Manifest:
    """A Kubernetes object that the run gives to a cluster (``given``) or writes into a file.

    ``where``: the file on the host, or the argument it came from. ``document``: the object as JSON, every text hidden but
    apiVersion, kind, name and namespace; '' where it could not be read, ``unread`` says why. ``strict``: unknown fields are
    refused when it is given (kubectl's --validate).
    """

    task: TaskRef
    where: str
    given: bool
    document: str = ""
    unread: str = ""
    strict: bool = False
    certainty: Certainty = "certain"


@frozen
class Shortage:
    """A file system that is too small for what the run writes to it: ``task`` is the first that finds it full.

    ``path``: where it is mounted. ``free``: bytes before the run; ``needed``: at least, at that moment. ``writes``: what was
    counted, in words. ``certainty`` possible: ``why`` there may be more room by then.
    """

    path: str
    type: str
    free: int
    needed: int
    task: TaskRef
    writes: tuple[str, ...] = ()
    certainty: Certainty = "certain"
    why: str = ""


NeedKind = Literal["unit", "container", "network", "path", "socket"]


@frozen
class Need:
    """Something that ``who``, which runs or starts at boot, can't do without.

    ``name``: of a unit, container or network, a path, or a socket as it is written. ``why``: where that stands.
    ``starting``: it is needed when ``who`` starts, not while it runs.
    """

    who: Holder
    kind: NeedKind
    name: str
    why: str
    socket: Socket | None = None
    starting: bool = False


@frozen
class Directory:
    """A directory or volume in which ``who`` keeps data. ``own``: data that one program has for itself (a database's directory).
    ``volume``: ``path`` is the name of a volume of the container engine. ``evidence``: from what that is known."""

    who: Holder
    path: str
    own: bool = False
    volume: bool = False
    evidence: str = ""


NoteKind = Literal[
    "refused-lookup", "refused-plugin", "opaque-task", "predicted-failure", "possible-failure", "template-error",
    "missing-source", "missing-role", "unknown-include", "capped", "unguarded-host", "stopped", "assumed", "plain-secret",
    "untested-ansible", "run-once", "delegated", "outside-waves", "batches", "other-hosts", "looks-across",
]  # fmt: skip


@frozen
class Note:
    """Something the simulation met that a rule turns into a finding. ``host`` is None when it concerns the whole run.
    ``fix``: what to do about it, where that is more precise than the rule's own words."""

    kind: NoteKind
    message: str
    host: str | None = None
    task: TaskRef | None = None
    fix: str = ""


@frozen
class HostForecast:
    """What the run does to one host. ``services``: every unit and container that is active, at boot, or touched by the
    run, as predicted at its end. ``marks``: of its tasks in their order, only when a plan is to be kept or compared.
    ``asked``: what the services of the run ask of the host. ``exposed``: secrets that all of its users can read.
    ``access``: whether the login in use still works, None when
    nothing of the run bears on it. ``firewall``: what filters at the end, None when nothing does or nothing hangs on it.
    ``needs``: of services that were left running, on what the run ended, removed or changed. ``directories``: of the
    services that run or start at boot. ``shortages``: file systems that do not hold what the run writes."""

    host: str
    coverage: Coverage = Coverage()
    effects: tuple[Effect, ...] = ()
    services: tuple[Service, ...] = ()
    claims: tuple[Claim, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
    access: Access | None = None
    firewall: Firewall | None = None
    needs: tuple[Need, ...] = ()
    directories: tuple[Directory, ...] = ()
    marks: tuple[TaskMark, ...] = ()
    asked: tuple[Asked, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    exposed: tuple[Exposed, ...] = ()
    shortages: tuple[Shortage, ...] = ()


@frozen
class Forecast:
    """What the run does. ``files``: every controller file the run reads (playbooks, roles, templates, vars) -> sha256.
    ``complete`` is False when the simulation could not go on to the end; a note of kind ``stopped`` says where."""

    hosts: Mapping[str, HostForecast] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    ansible_version: str = ""
