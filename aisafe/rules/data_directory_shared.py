"""Two services on one data directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from aisafe.model import Directory, Finding, Party, Service
from aisafe.remedy import service_of
from aisafe.rules import Case, rule


@rule("data-directory-shared", severity="error", stage="forecast")
def data_directory_shared(case: Case) -> Iterator[Finding]:
    """Two services that run at once, or both start at boot, keep their data in one directory or volume.

    Databases lock their directory, so that the second one does not start, or they don't, and destroy each other's data. Where
    only one of the two has the directory for its data and the other one just writes there, that is a warning. A service that is
    stopped and does not start at boot does not count.

    Wrong:

        - name: Run the database in a container now
          community.docker.docker_container:
            name: db
            image: postgres:16
            volumes: ["/var/lib/postgresql/16/main:/var/lib/postgresql/data"]

    Right:

        - name: Stop the old one for good
          ansible.builtin.systemd_service:
            name: postgresql@16-main.service
            state: stopped
            enabled: false
        - name: Run the database in a container now
          community.docker.docker_container:
            name: db
            image: postgres:16
            volumes: ["/var/lib/postgresql/16/main:/var/lib/postgresql/data"]
    """
    by_place: dict[tuple[bool, str], list[Directory]] = defaultdict(list)
    for item in case.forecast.directories:
        by_place[(item.volume, item.path)].append(item)
    for items in by_place.values():
        best = {item.who: item for item in sorted(items, key=lambda item: item.own)}
        for one, other in combinations(best.values(), 2):
            yield from _pair(case, one, other)


def _pair(case: Case, one: Directory, other: Directory) -> Iterator[Finding]:
    mine, theirs = service_of(case.forecast, one.who), service_of(case.forecast, other.who)
    if mine is None or theirs is None or not (mine.by_run or theirs.by_run) or not (one.own or other.own):
        return
    if theirs.by_run and not mine.by_run:
        one, other, mine, theirs = other, one, theirs, mine
    together = mine.active and theirs.active
    if not together and not (
        (mine.active or mine.at_boot) and (theirs.active or theirs.at_boot) and mine.at_boot and theirs.at_boot
    ):
        return
    certain = mine.certainty == theirs.certainty == "certain"
    what = "volume" if one.volume else "directory"
    moment = "run at once" if together else "both start at the next boot"
    yield case.find(
        f"{one.who} and {other.who} {moment} on the same {what}, {one.path}.",
        severity=None if one.own and other.own and certain else "warning",
        when=("now" if together else "boot") if certain else "possible", task=mine.task,
        parties=(_party(theirs), _party(mine)), evidence=(one.evidence, other.evidence),
        fix=f"Give {one.who.name} a directory of its own, or stop and disable {other.who} first.",
    )  # fmt: skip


def _party(service: Service) -> Party:
    live = service.live and not service.by_run
    return Party(
        kind=service.holder.kind,
        name=service.holder.name,
        live=live,
        pid=service.pid if live else None,
        task=service.task,
    )
