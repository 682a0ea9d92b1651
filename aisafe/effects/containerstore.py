"""The containers, images, networks and volumes of a host as they would be after the tasks so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aisafe.effects import identity, sockets
from aisafe.effects.api import Call
from aisafe.effects.filetree import FileTree
from aisafe.effects.services import (
    container_listening,
    container_service,
    engine_at_boot,
    live_container,
    restarts,
    started_by_units,
)
from aisafe.formats import dockerrun
from aisafe.formats.dockerfile import ImageRecipe
from aisafe.formats.dockerrun import ContainerOrder
from aisafe.formats.listenflags import Listening
from aisafe.formats.ports import published_sockets
from aisafe.frozen import frozen
from aisafe.model import Action, Certainty, Container, Effect, Holder, HostState, Image, Mount, Service, TaskRef, Unit

NOTHING = Listening()
NEW = "(new)"
"""In place of an id that the engine has not given yet."""


@frozen
class PredictedContainer:
    """One container at one moment of the run. ``container`` None: there is none of that name.

    ``listening``: where it listens while it runs. ``order``: what the run asked for, if it made it. ``stopped_by_hand``
    False: it stopped with the engine, and comes back with it.
    """

    name: str
    container: Container | None = None
    listening: Listening = NOTHING
    order: ContainerOrder | None = None
    stopped_by_hand: bool = True
    touched: TaskRef | None = None
    certainty: Certainty = "certain"
    why: str = ""

    @property
    def active(self) -> bool:
        return self.container is not None and self.container.active


class ContainerStore:
    """Containers of one engine by name. Each verb returns the effects it has: none, when it is so already.

    ``program``: docker or podman. ``images``, ``networks`` and ``volumes`` are what the engine has now.
    """

    def __init__(self, state: HostState, files: FileTree, program: str = "docker") -> None:
        self._state = state
        self._files = files
        self.program = program
        self._now: dict[str, PredictedContainer] = {}
        self._recipes: dict[str, ImageRecipe] = {}
        podman = program == "podman"
        self._live = {name: item for name, item in state.containers.items() if item.engine == program}
        self.images: list[Image] = [image for image in state.images if image.engine == program]
        self.networks: set[str] = set(state.podman_networks if podman else state.networks)
        self.volumes: set[str] = set(state.podman_volumes if podman else state.volumes)

    @property
    def engine(self) -> sockets.Engine:
        """What decides on which sockets a container listens."""
        return sockets.Engine(images=tuple(self.images), ipv6=self.ipv6)

    def ipv6(self) -> bool:
        """Whether the engine publishes ports on IPv6 as well. Podman's conmon holds 0.0.0.0 alone."""
        if self.program == "podman":
            return False
        table = self._files.get("/proc/net/if_inet6")
        return sockets.publishes_ipv6(table.text, seen=table.kind != "unseen")

    @property
    def blind(self) -> str:
        """Why the engine could not be asked, '' when it was."""
        kinds = ("podman" if self.program == "podman" else "container", "host", "inventory")
        return "; ".join(spot.reason for spot in self._state.blind_spots if spot.kind in kinds and spot.blocks)

    def get(self, name: str) -> PredictedContainer:
        """A container by its name, or by its id or the beginning of it."""
        name = name.lstrip("/")
        if name in self._now:
            return self._now[name]
        live = self._live.get(name) or self._live.get(f"{name} ({self.program})")  # where Docker has one of that name
        if live is None and len(name) >= 12:
            live = next((item for item in self._live.values() if item.id.startswith(name)), None)
        if live is None:
            return PredictedContainer(name=name)
        if live.name in self._now:
            return self._now[live.name]
        service = live_container(live, self._state, at_boot=False)
        found = Listening(sockets=service.sockets, known=service.sockets_known)
        return PredictedContainer(
            name=live.name, container=live, listening=found if live.active else container_listening(live, self.images)
        )

    def all(self) -> tuple[PredictedContainer, ...]:
        """Every container that there is now."""
        names = dict.fromkeys((*self._live, *self._now))
        return tuple(found for name in names if (found := self.get(name)).container is not None)

    def image(self, name: str) -> Image | None:
        return sockets.image_named(name, self.images)

    def recipe(self, name: str) -> ImageRecipe | None:
        """The Dockerfile of an image that the run builds."""
        return self._recipes.get(name if ":" in name.rpartition("/")[2] else f"{name}:latest")

    def add_image(self, name: str, recipe: ImageRecipe | None = None) -> None:
        """An image that the run pulls, loads or builds."""
        tag = name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"
        old = self.image(tag)
        if old is not None:
            self.images.remove(old)
        self.images.append(
            Image(
                id=NEW + tag, tags=(tag,), engine=self.program, exposed=recipe.exposed if recipe else (),
                entrypoint=recipe.entrypoint if recipe else (), command=recipe.command if recipe else (),
            )
        )  # fmt: skip
        if recipe is not None:
            self._recipes[tag] = recipe

    def name_image(self, tag: str, image: Image | None) -> None:
        """``tag`` becomes another name of ``image``; None: of one that is not known."""
        if image is None:
            self.add_image(tag)
            return
        self.images = [replace(other, tags=tuple(name for name in other.tags if name != tag)) for other in self.images]
        self.images = [
            replace(other, tags=(*other.tags, tag)) if other.id == image.id else other for other in self.images
        ]

    def put(
        self,
        call: Call,
        order: ContainerOrder,
        *,
        name: str,
        running: bool,
        sure: bool = True,
        why: str = "",
        detail: str = "",
    ) -> tuple[Effect, ...]:
        """Make the container that ``order`` asks for, in place of one of that name."""
        before = self.get(name)
        found = sockets.of_order(replace(order, name=name), engine=self.engine)
        container = self._container(order, name, running=running)
        self._become(call, name, container, found, order=order)
        holder = Holder(kind="container", name=name)
        action: Action = "create" if before.container is None else "change"
        text = "; ".join(part for part in (detail, *found.evidence, found.why) if part)
        return (
            self._effect(
                call, action, name, sure=sure, why=why, detail=text, binds=found if running else Listening(),
                frees=(holder,) if before.active else (),
            ),
        )  # fmt: skip

    def start(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if there.active and there.certainty == "certain":
            return ()
        sure = there.container is not None and there.certainty == "certain"
        why = "" if sure else there.why or self.blind or f"there is no container {name} yet"
        if there.container is not None:
            self._become(call, there.name, replace(there.container, state="running"), there.listening)
        detail = "; ".join(there.listening.evidence)
        return (self._effect(call, "start", there.name, sure=sure, why=why, detail=detail, binds=there.listening),)

    def restart(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        sure = there.container is not None and there.certainty == "certain"
        why = "" if sure else there.why or self.blind or f"there is no container {name} yet"
        if there.container is not None:
            self._become(call, there.name, replace(there.container, state="running"), there.listening)
        return (self._effect(call, "restart", there.name, sure=sure, why=why, binds=there.listening),)

    def stop(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if not there.active and there.certainty == "certain" and not (there.container is None and self.blind):
            return ()
        if there.container is not None:
            self._become(call, there.name, replace(there.container, state="exited", pid=None), there.listening)
        sure = there.active and there.certainty == "certain"
        holder = Holder(kind="container", name=there.name)
        return (self._effect(call, "stop", there.name, sure=sure, why=there.why or self.blind, frees=(holder,)),)

    def remove(self, call: Call, name: str) -> tuple[Effect, ...]:
        there = self.get(name)
        if there.container is None and there.certainty == "certain" and not self.blind:
            return ()
        self._become(call, there.name, None, Listening())
        sure = there.container is not None and there.certainty == "certain"
        holder = Holder(kind="container", name=there.name)
        return (self._effect(call, "remove", there.name, sure=sure, why=there.why or self.blind, frees=(holder,)),)

    def engine_stops(self, call: Call, *, again: bool) -> tuple[Effect, ...]:
        """docker.service stops, with all that runs in it; ``again``: and starts, with what its restart policy names."""
        effects: tuple[Effect, ...] = ()
        for there in self.all():
            back = again and there.container is not None and restarts(there.container)
            if there.active and not back:
                effects += self.stop(call, there.name)
                self._now[there.name] = replace(self._now[there.name], stopped_by_hand=False)
        return effects

    def engine_starts(self, call: Call) -> tuple[Effect, ...]:
        """docker.service starts, and the containers whose restart policy names it."""
        effects: tuple[Effect, ...] = ()
        for there in self.all():
            if there.container is not None and restarts(there.container, by_hand=there.stopped_by_hand):
                effects += self.start(call, there.name)
        return effects

    def update(self, call: Call, name: str, *, detail: str, **changes: object) -> tuple[Effect, ...]:
        """Change what the engine can change without a new container: restart policy, limits, networks."""
        there = self.get(name)
        if there.container is not None:
            changed = replace(there.container, **changes)  # type: ignore[arg-type]
            self._become(call, there.name, changed, there.listening)
        sure = there.certainty == "certain"
        return (self._effect(call, "change", there.name, sure=sure, why=there.why, detail=detail),)

    def docker_run(self, call: Call, argv: Sequence[str]) -> tuple[Effect, ...]:
        """``docker run …``, ``docker create …`` or ``podman pod create …`` as a command line; () when it is none."""
        order = dockerrun.parse(tuple(argv)) or dockerrun.parse_pod(tuple(argv))
        return () if order is None else self.ask(call, order)

    def ask(self, call: Call, order: ContainerOrder) -> tuple[Effect, ...]:
        """Make a container as a command line asks for it, with what it needs: its image, a new pod."""
        name = order.name or f"(unnamed, of {order.image})"
        if order.name and self.get(name).container is not None and not order.replaces:
            why = f"a container {name} exists, and then the engine refuses to make another"
            return (self._effect(call, "create", name, sure=False, why=why),)
        effects: tuple[Effect, ...] = ()
        is_infra = bool(order.pod) and order.name == f"{order.pod}-infra"
        if self.image(order.image) is None and not is_infra:
            effects = self.pull(call, order.image, why=self.blind)
        if order.pod and not is_infra:
            if order.new_pod:
                effects += self.put(call, dockerrun.infra(order, order.pod), name=f"{order.pod}-infra", running=True)
            elif not self.get(f"{order.pod}-infra").active:
                effects += self.start(call, f"{order.pod}-infra")
            order = replace(order, ports=(), network_mode=f"container:{order.pod}-infra", networks=())
        return (*effects, *self.put(call, order, name=name, running=not order.only_create))

    def rename(self, call: Call, name: str, new: str) -> tuple[Effect, ...]:
        """Another name for a container; what it listens on stays its own."""
        there = self.get(name)
        if there.container is None:
            return (self._effect(call, "change", name, sure=False, why=self.blind or f"there is no container {name}"),)
        self._become(call, there.name, None, Listening())
        self._become(call, new, replace(there.container, name=new), there.listening, order=there.order)
        holder = Holder(kind="container", name=there.name)
        return (self._effect(call, "change", new, sure=there.certainty == "certain", why=there.why, frees=(holder,),
                             detail=f"renamed from {name}", binds=there.listening if there.active else None),)  # fmt: skip

    def users_of_network(self, container: Container) -> tuple[str, ...]:
        """The containers, running or not, that have the network of this one for their own."""
        modes = {f"container:{container.name}", f"container:{container.id}"}
        return tuple(there.name for there in self.all() if there.container and there.container.network_mode in modes)

    def members(self, pod: str) -> tuple[str, ...]:
        """The containers of a pod of Podman, its infra container first."""
        names = [there.name for there in self.all() if there.container is not None and there.container.pod == pod]
        return tuple(sorted(names, key=lambda name: name != f"{pod}-infra"))

    def pull(self, call: Call, name: str, *, why: str = "") -> tuple[Effect, ...]:
        """An image from its registry; ``why``: what its being needed, or newer, depends on."""
        if self.image(name) is None:
            self.add_image(name)
        return (
            Effect(
                kind="image", action="pull", name=name, task=call.task, certainty="possible" if why else "certain",
                why=why, reversible=self.program == "docker",
            ),
        )  # fmt: skip

    def services(self, known: Mapping[str, Unit]) -> tuple[Service, ...]:
        """Every container that runs, would start at boot, or was touched; but those that a unit runs belong to it.

        ``known``: the services and sockets of the host.
        """
        boot, owned = engine_at_boot(known, self.program), started_by_units(known.values(), self._live.values())
        found = []
        for name in dict.fromkeys((*self._live, *self._now)):
            there = self.get(name)
            container, live = there.container, self._live.get(name)
            shown = container or live
            if shown is None or (name in owned and there.touched is None):
                continue
            boots = boot and container is not None and restarts(container, by_hand=there.stopped_by_hand)
            if not (there.active or boots or there.touched):
                continue
            service = container_service(shown, there.listening, self.images, at_boot=boots)
            recipe = self.recipe(shown.image)
            if there.order is not None and recipe is not None:
                built = identity.of_order(there.order, recipe)
                service = replace(service, program=built.program or service.program, evidence=built.evidence)
            found.append(
                replace(
                    service, active=there.active, at_boot=boots, certainty=there.certainty,
                    by_run=there.touched is not None, task=there.touched, live=live is not None and live.active,
                    pid=live.pid if live is not None and there.touched is None else None,
                )
            )  # fmt: skip
        return tuple(found)

    def _container(self, order: ContainerOrder, name: str, *, running: bool) -> Container:
        image = self.image(order.image)
        ports = published_sockets(order.ports, ipv6=not order.ports or self.ipv6())
        return Container(
            name=name, id=NEW, image=order.image, image_id=image.id if image else "",
            state="running" if running else "created", restart_policy=order.restart_policy or "no",
            network_mode=order.network_mode or "default", networks=order.networks, ports=ports,
            exposed=(*order.exposed, *(image.exposed if image else ())), labels=order.labels,
            mounts=(*order.mounts, *dockerrun.inherited(order, self._mounts)),
            command=sockets.argv_of(order, image), environment_names=tuple(order.environment), engine=self.program,
            pod=order.pod,
        )  # fmt: skip

    def _mounts(self, name: str) -> tuple[Mount, ...]:
        container = self.get(name).container
        return container.mounts if container is not None else ()

    def _become(
        self,
        call: Call,
        name: str,
        container: Container | None,
        listening: Listening,
        *,
        order: ContainerOrder | None = None,
        by_hand: bool = True,
    ) -> None:
        old = self._now.get(name)
        kept = order or (old.order if old and container is not None else None)
        self._now[name] = PredictedContainer(
            name=name, container=container, listening=listening, order=kept, touched=call.task,
            stopped_by_hand=by_hand,
            certainty="certain" if call.certainty == "certain" else "possible", why=call.why,
        )  # fmt: skip

    def _effect(
        self,
        call: Call,
        action: Action,
        name: str,
        *,
        sure: bool,
        why: str = "",
        detail: str = "",
        binds: Listening | None = None,
        frees: tuple[Holder, ...] = (),
    ) -> Effect:
        return Effect(
            kind="container", action=action, name=name, task=call.task, certainty="certain" if sure else "possible",
            why="" if sure else why or "whether it is so already", detail=detail,
            holder=Holder(kind="container", name=name), binds=binds.sockets if binds else (), frees=frees,
            sockets_known=binds.known if binds else True, reversible=self.program == "docker", engine=self.program,
        )  # fmt: skip
