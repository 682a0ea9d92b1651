"""ansible-playbook's own way from the command line to the end of the plays, in one process, nothing behind it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible
from ansible import constants, context
from ansible.cli import CLI
from ansible.errors import AnsibleError as EngineError
from ansible.executor import playbook_executor
from ansible.executor.playbook_executor import PlaybookExecutor
from ansible.playbook import Playbook
from ansible.playbook.role_include import IncludeRole
from ansible.plugins.loader import add_all_plugin_dirs, init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import (
    _get_collection_name_from_path,
    _get_collection_playbook_path,
)

from aisafe import kernel
from aisafe.errors import AnsibleError, UsageError
from aisafe.model import Forecast, HostState, Target
from aisafe.simulation import across, compat, fast, moment, patches, safety
from aisafe.simulation.executor import task_ref
from aisafe.simulation.inventory import (
    CommandLine,
    Scripts,
    Sources,
    as_ours,
    failures,
    first_words,
    unread,
    use_secrets,
)
from aisafe.simulation.journal import Journal
from aisafe.simulation.modules import Modules
from aisafe.simulation.scene import Read, Scene, Tell
from aisafe.simulation.strategy import Course
from aisafe.simulation.target import Passwords, addressed, resolve


class Engine:
    """``setup``: argv, cwd, own, trust, vault and both passwords. Raises UsageError and AnsibleError."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        untested = self._untested = compat.require_tested(allow_untested=setup["allow_untested"])
        self._setup = setup
        cwd = Path(setup["cwd"])
        secrets = [*setup["vault"].values(), setup["connection_password"] or "", setup["become_password"] or ""]
        self.journal = Journal(cwd=cwd, secrets=secrets)
        self.moment = moment.start(self.journal)
        if untested:
            self.journal.note("untested-ansible", untested)
        for kind, message in setup["left_out"]:
            self.journal.note(kind, message)
        self._said_before = len(self.journal.notes)
        self._refusals = patches.Refusals()
        self._local: frozenset[str] = frozenset()
        try:
            self._load()
        except EngineError as error:
            raise as_ours(error) from None
        except RecursionError:
            raise AnsibleError("The playbook is nested too deeply, or includes itself without an end.") from None
        except MemoryError:
            raise AnsibleError("Reading the playbook and the inventory needs more memory than is allowed.") from None
        except safety.Refused as refused:
            raise AnsibleError(f"The playbook or the inventory cannot be read: {refused.what} was refused.") from None

    def _load(self) -> None:
        setup, argv, own = self._setup, self._setup["argv"], self._setup["own"]
        command = CommandLine(["ansible-playbook", *argv])
        command.parse()
        self._playbooks = tuple(context.CLIARGS["args"])
        tree = safety.Tree.of(cwd=Path(setup["cwd"]), playbooks=self._playbooks, base=setup["base"])
        roots = safety.installation(
            ansible=Path(ansible.__file__).parent, collections=constants.COLLECTIONS_PATHS, tree=Path(setup["cwd"]),
            home=os.environ.get("HOME", ""), own=own,
        )  # fmt: skip
        trust = safety.Trust(roots, named=setup["trust"])
        scripts = Scripts(trust=trust, tree=tree, own=own, argv=argv)
        sources = Sources(trust=trust, tree=tree)
        ground = patches.Ground(trust=trust, tree=tree)
        patches.before_load(ground, self._refusals, self.journal.read)
        patches.before_inventory(sources.guard, self._confine)
        fast.install(patches.patch)
        use_secrets(vault=setup["vault"], scripts=scripts)
        compat.preload()
        safety.arm(self._refused)
        init_plugin_loader(list(context.CLIARGS.get("collections_path") or []))
        self._check_playbooks(ground)
        self._passwords = Passwords(
            connection=setup["connection_password"] or scripts.password("connection_password_file"),
            become=setup["become_password"] or scripts.password("become_password_file"),
        )
        try:
            with failures() as failed:
                self._loader, self._inventory, self._variables = command._play_prereqs()
        except EngineError as error:
            self._blame(error)
            raise
        sources.check()
        self._unread = unread(self._inventory, failed)
        CLI.get_host_list(self._inventory, context.CLIARGS["subset"])
        self._executor = PlaybookExecutor(
            playbooks=self._playbooks, inventory=self._inventory, variable_manager=self._variables,
            loader=self._loader, passwords={"conn_pass": None, "become_pass": None},
        )  # fmt: skip
        self._loaded = {name: self._load_playbook(name) for name in self._playbooks}

    def _blame(self, error: EngineError) -> None:
        """An inventory that fails for want of a plugin that was refused: raises AnsibleError, which says so."""
        for note in self.journal.notes:
            if note.kind == "refused-plugin" and note.message.startswith("inventory plugin"):
                words = first_words(error).rstrip(".")
                raise AnsibleError(f"{words}: {note.message}.", fix=note.fix) from None

    def _confine(self) -> None:
        """Password scripts have run. Without trusted code nothing needs the network or another process any more."""
        if not self._setup["trust"]:
            with safety.lifted("our own last step"):
                safety.leave_network()
                kernel.confine()

    def _refused(self, what: str) -> None:
        self.moment.touched = True
        self.moment.note("refused-plugin", f"{what} was refused")

    def _check_playbooks(self, ground: patches.Ground) -> None:
        """As PlaybookCLI.run does before it reads the inventory; only trusted collections beside the playbook."""
        directories = []
        for name in self._playbooks:
            if _get_collection_playbook_path(name) is not None:
                continue
            if not os.path.exists(name):
                raise AnsibleError(f"the playbook: {name} could not be found", exit_code=1)
            if not os.path.isfile(name):
                raise AnsibleError(f"the playbook: {name} does not appear to be a file", exit_code=1)
            directories.append(os.path.dirname(os.path.abspath(name)))
            if not _get_collection_name_from_path(name):
                add_all_plugin_dirs(directories[-1])
        AnsibleCollectionConfig.playbook_paths = patches.adjacent_collections(directories, ground)

    def _load_playbook(self, name: str) -> Any:
        resource = _get_collection_playbook_path(name)
        path = name if resource is None else resource[1]
        collection = _get_collection_name_from_path(path) if resource is None else resource[2]
        AnsibleCollectionConfig.default_collection = collection or None
        return Playbook.load(path, variable_manager=self._variables, loader=self._loader)

    def target(self) -> Target:
        """Whom the run addresses; the playbooks are loaded, nothing was contacted."""
        plays = [play for name in self._playbooks for play in self._loaded[name].get_plays()]
        try:
            if self._unread and not addressed(plays, self._inventory, self._variables, self._loader):
                raise AnsibleError(self._unread[:1].upper() + self._unread[1:])
            target = resolve(
                plays=plays, inventory=self._inventory, variables=self._variables, loader=self._loader,
                passwords=self._passwords, playbooks=self._playbooks,
            )  # fmt: skip
            self._local = frozenset(name for name, way in target.connections.items() if way.connection == "local")
            return target
        except EngineError as error:
            raise as_ours(error) from None

    def loaded(self) -> list[str]:
        """Absolute paths of the playbooks, when nothing was refused, absent or unknown: then ansible loads them as well."""
        met = self.journal.notes[self._said_before :]
        if (
            self._untested
            or self.moment.touched
            or self._refusals.any
            or any(note.kind not in ("plain-secret", "looks-across") for note in met)
        ):
            return []
        return [os.path.abspath(name) for name in self._playbooks if os.path.isfile(name)]

    def _note_plays(self) -> None:
        """What of the plays concerns several hosts together: a run in waves would make another thing of it."""
        plays = [play for name in self._playbooks for play in self._loaded[name].get_plays()]
        try:
            across.note_plays(plays, self._inventory, self._variables, self._loader, journal=self.journal)
        except EngineError as error:  # the run itself comes to the same play, and says more of it
            self.journal.note("other-hosts", f"the hosts of every play could not be worked out: {first_words(error)}")

    def forecast(
        self, *, states: Mapping[str, HostState], facts: Mapping[str, Any], read: Read, tell: Tell
    ) -> Forecast:
        """Run the plays on predicted hosts. Whatever stops the engine makes the forecast incomplete, never empty.

        What becomes of each host goes to ``tell``, one after the other, and is not kept here.
        """
        scene = Scene(
            journal=self.journal, moment=self.moment, states=states, facts=facts, read=read,
            modules=Modules(actions=self._refusals.actions), local=self._local, salt=self._setup["salt"],
        )  # fmt: skip
        course = Course(scene)
        patches.before_run(course, lambda task, message: self._include_failed(scene, task, message))
        playbook_executor.Playbook = _Loaded(self._loaded)
        self._note_plays()
        complete = True
        try:
            self._executor.run()
        except EngineError as error:
            complete = False
            self.journal.note("stopped", f"ansible stops here: {first_words(error)}", task=self.moment.ref)
        except UsageError:
            raise
        except Exception as error:  # whatever it is, the rest of the run was not foreseen
            complete = False
            text = "out of memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
            self.journal.note("stopped", f"the simulation failed: {text}", task=self.moment.ref)
        for name, forecast in scene.forecasts():
            tell(name, forecast)
        return Forecast(
            notes=self.journal.notes,
            files=self.journal.files,
            complete=complete,
            ansible_version=compat.ANSIBLE_VERSION,
        )

    def _include_failed(self, scene: Scene, task: Any, message: str) -> None:
        if task.action in constants._ACTION_INCLUDE_ROLE or isinstance(task, IncludeRole):
            scene.journal.note("missing-role", message, task=task_ref(task, scene))
        elif task.action in constants._ACTION_INCLUDE_TASKS:
            scene.journal.note("predicted-failure", message, task=task_ref(task, scene))


class _Loaded:
    """Hands the engine the playbooks that were loaded for the target."""

    def __init__(self, playbooks: Mapping[str, Any]) -> None:
        self._playbooks = playbooks

    def load(self, path: str, **_: Any) -> Any:
        return self._playbooks.get(path) or next(
            book for name, book in self._playbooks.items() if os.path.basename(name) == os.path.basename(path)
        )
