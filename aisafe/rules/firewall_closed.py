"""A service of the run that the firewall lets nobody reach."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.formats.packetfilter import Packet, way
from aisafe.model import Claim, Finding, Party
from aisafe.remedy import tasks
from aisafe.rules import Case, rule


@rule("firewall-closed", severity="warning", stage="forecast")
def firewall_closed(case: Case) -> Iterator[Finding]:
    """The run brings a service for others to reach, and the firewall that is active at the end lets nobody reach it.

    The service runs and answers on the host itself, so that every check there passes; from outside nothing answers. Ports that a
    container publishes are not meant: Docker opens them (firewall-bypassed). Where only this host is to reach it, let it listen
    on 127.0.0.1.

    Wrong:

        - name: Start the web server
          ansible.builtin.systemd_service:
            name: nginx.service
            state: started

    Right:

        - name: Let the web server be reached
          community.general.ufw:
            rule: allow
            port: "80"
            proto: tcp
        - name: Start the web server
          ansible.builtin.systemd_service:
            name: nginx.service
            state: started
    """
    wall = case.forecast.firewall
    if wall is None or wall.unseen:
        return
    told: set[tuple[str, int, str]] = set()
    for claim in case.forecast.claims:
        socket = claim.socket
        key = (claim.holder.name, socket.port, socket.protocol)
        if claim.holder.kind == "container" and _published(case, claim):
            continue
        if socket.address.is_loopback or key in told or socket.protocol != "tcp":
            continue
        families = (
            (4, 6) if socket.address.version == 6 and socket.address.is_unspecified else (socket.address.version,)
        )
        answers = [way(wall.filters, Packet(protocol="tcp", port=socket.port, family=family)) for family in families]
        if all(answer == "closed" for answer, _ in answers) and answers[0][1] is not None:
            told.add(key)
            yield _finding(case, claim, answers[0][1].name)


def _published(case: Case, claim: Claim) -> bool:
    return any(effect.holder == claim.holder and "published" in effect.detail for effect in case.forecast.effects)


def _finding(case: Case, claim: Claim, name: str) -> Finding:
    port = claim.socket.port
    module, arguments = {
        "ufw": ("community.general.ufw", {"rule": "allow", "port": str(port), "proto": "tcp"}),
        "firewalld": ("ansible.posix.firewalld",
                      {"port": f"{port}/tcp", "state": "enabled", "permanent": True, "immediate": True}),
        "iptables": ("ansible.builtin.iptables", {"chain": "INPUT", "protocol": "tcp", "destination_port": str(port),
                                                  "jump": "ACCEPT", "action": "insert"}),
    }.get(name, ("", {}))  # fmt: skip
    return case.find(
        f"{claim.holder} is to serve on {claim.socket}, but {name} lets nobody from outside reach port {port}/tcp.",
        when="now" if claim.certainty == "certain" else "possible", task=claim.task,
        parties=(
            Party(kind="firewall", name=name, live=True),
            Party(kind=claim.holder.kind, name=claim.holder.name, live=False, task=claim.task),
        ),
        fix=f"Let port {port}/tcp in, or let {claim.holder.name} listen on 127.0.0.1 when only this host needs it.",
        yaml=tasks({"name": f"Let port {port} in", module: arguments}) if module else "",
    )  # fmt: skip
