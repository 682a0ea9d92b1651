"""Docker opens a published port past the host's firewall."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.formats.packetfilter import Packet, way
from aisafe.model import Effect, Finding, Party, Socket
from aisafe.rules import Case, rule


@rule("firewall-bypassed", severity="warning", stage="forecast")
def firewall_bypassed(case: Case) -> Iterator[Finding]:
    """A container publishes a port that the host's firewall keeps shut, and all the world reaches it.

    Docker sends what comes for a published port to the container before ufw's or firewalld's rules for the host are asked
    (Docker manual, "Packet filtering and firewalls": Docker and ufw). The firewall says that the port is closed, and it is open.
    What is published on a loopback address is not reached from outside. Rules of your own in the chain DOCKER-USER may filter
    it: then it is only a note.

    Wrong:

        - name: Run the database
          community.docker.docker_container:
            name: db
            image: postgres:16
            ports: ["5432:5432"]

    Right:

        - name: Run the database
          community.docker.docker_container:
            name: db
            image: postgres:16
            ports: ["127.0.0.1:5432:5432"]
    """
    wall = case.forecast.firewall
    if wall is None or wall.unseen:
        return
    told: set[tuple[str, int]] = set()
    for effect in case.forecast.effects:
        if effect.kind != "container" or effect.certainty == "opaque":
            continue
        for socket in effect.binds:
            key = (effect.name, socket.port)
            if (
                socket.address.is_loopback
                or key in told
                or "published" not in effect.detail
                or not _still(case, effect, socket)
            ):
                continue
            family = socket.address.version
            answer, culprit = way(wall.filters, Packet(protocol=socket.protocol, port=socket.port, family=family))
            if answer != "closed" or culprit is None:
                continue
            told.add(key)
            yield _finding(case, effect, socket, culprit.name, wall.published)


def _still(case: Case, effect: Effect, socket: Socket) -> bool:
    return any(claim.holder == effect.holder and claim.socket == socket for claim in case.forecast.claims)


def _finding(case: Case, effect: Effect, socket: Socket, name: str, doubt: str) -> Finding:
    inside = effect.detail.partition("-> ")[2].partition(" ")[0].partition("/")[0] or str(socket.port)
    line = f"127.0.0.1:{socket.port}:{inside}" + ("" if socket.protocol == "tcp" else f"/{socket.protocol}")
    return case.find(
        f"{name} does not let in port {socket.port}/{socket.protocol}, but container {effect.name} publishes it on {socket}, and "
        f"Docker opens it past {name} for everybody" + (f", unless {doubt}." if doubt else "."),
        severity="note" if doubt else None,
        when="possible" if doubt or effect.certainty != "certain" else "now", task=effect.task,
        parties=(
            Party(kind="firewall", name=name, live=True),
            Party(kind="container", name=effect.name, live=False, task=effect.task),
        ),
        evidence=(effect.detail,),
        fix=f"Publish it for this host alone (ports: \"{line}\"), or let {name} allow the port, so that it says what is so.",
        yaml=f'ports:\n  - "{line}"\n',
    )  # fmt: skip
