"""What the services of the run ask of the host's memory."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Asked, Finding, Party
from aisafe.rules import Case, rule


@rule("memory", severity="warning", stage="forecast")
def memory(case: Case) -> Iterator[Finding]:
    """Limits and reservations of memory that the host cannot honour.

    A limit above what the host has limits nothing: the kernel ends processes instead, and not always those of this service.
    Reservations that add up to more than there is are promises that cannot be kept.

    Wrong:

        - name: Run the search engine on a host with 2 GiB
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0
            memory: 8g

    Right:

        - name: Run the search engine on a host with 2 GiB
          community.docker.docker_container:
            name: search
            image: opensearchproject/opensearch:2.17.0
            memory: 1g
    """
    total = case.before.memory_total
    if not total:
        wanting = [asked for asked in case.forecast.asked if asked.memory_limit or asked.memory_reserved]
        if wanting:
            why = (
                "How much memory the host has could not be seen, so limits and reservations were not compared with it."
            )
            yield _finding(case, wanting[-1], why, *(str(asked.who) for asked in wanting))
        return
    for asked in case.forecast.asked:
        if asked.memory_limit and asked.memory_limit > total:
            yield _finding(
                case, asked, f"{asked.who} may use {_words(asked.memory_limit)} of memory, and the host has {_words(total)}: the "
                "limit limits nothing.", f"its limit is {_words(asked.memory_limit)}",
            )  # fmt: skip
    reserving = [asked for asked in case.forecast.asked if asked.memory_reserved]
    reserved = sum(asked.memory_reserved or 0 for asked in reserving)
    if reserving and reserved > total:
        names = ", ".join(asked.who.name for asked in reserving)
        yield _finding(
            case, reserving[-1], f"The services of the run reserve {_words(reserved)} of memory, and the host has "
            f"{_words(total)}: {names}.", *(f"{asked.who}: {_words(asked.memory_reserved or 0)}" for asked in reserving),
        )  # fmt: skip


def _finding(case: Case, asked: Asked, message: str, *evidence: str) -> Finding:
    return case.find(
        message, when="possible", task=asked.task, evidence=evidence,
        parties=(Party(kind=asked.who.kind, name=asked.who.name, live=False, task=asked.task),),
        fix="Ask for less, or run it on a larger host.",
    )  # fmt: skip


def _words(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{size >> 20} MiB"
