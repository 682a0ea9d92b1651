"""Conditions that depend on what nobody can know: both outcomes are tried, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

from aisafe.model import Unknown, is_unknown
from aisafe.simulation.moment import now

T = TypeVar("T")

CONDITION_PATHS = 16
"""How many combinations of unknown sub-conditions are tried for one condition."""
VALUE_PATHS = 8
"""How many for one task argument or one template."""


class UnknownOutcome(Exception):
    """A condition that is true on one path and false on another."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Exploration:
    """Runs an evaluation once for every outcome of the unknown booleans it asks for (depth first, True first)."""

    def __init__(self) -> None:
        self._prefix: list[bool] = []
        self._trace: list[bool] | None = None
        self.capped = False
        self.last: tuple[Unknown, bool] | None = None
        self.why = ""

    @property
    def active(self) -> bool:
        return self._trace is not None

    @property
    def decided(self) -> bool:
        return bool(self._trace)

    def decide(self, unknown: Unknown) -> bool:
        """The outcome of an unknown boolean on this path; outside an exploration it is assumed true."""
        if self._trace is None:
            return True
        index = len(self._trace)
        value = self._prefix[index] if index < len(self._prefix) else True
        self._trace.append(value)
        self.last = (unknown, value)
        self.why = self.why or unknown.why
        return value

    def paths(self, limit: int) -> Generator[None, None, None]:
        """One iteration a path; nested explorations join the outer one. Close it: an error would keep it open."""
        if self._trace is not None:
            yield
            return
        self._prefix, self.capped, self.why = [], False, ""
        count = 0
        while True:
            self._trace, self.last = [], None
            try:
                yield
            finally:
                trace, self._trace = self._trace, None
            count += 1
            while trace and not trace[-1]:
                trace.pop()
            if not trace:
                return
            if count >= limit:
                self.capped = True
                now().note(
                    "possible-failure",
                    f"more than {limit} combinations of unknown values: what comes of it is taken as unknown, and a "
                    "combination that was not tried may fail",
                )
                return
            trace[-1] = False
            self._prefix = trace


EXPLORATION = Exploration()


def truth(evaluate: Callable[[], Any], errors: type[Exception] | tuple[type[Exception], ...]) -> Any:
    """The outcome of a condition; raises :class:`UnknownOutcome` when it is not the same on every path.

    One of ``errors`` on a path that rests on an assumption counts as either outcome, elsewhere it is raised.
    """
    outcomes: set[bool] = set()
    value: Any = None
    why = ""
    with closing(EXPLORATION.paths(CONDITION_PATHS)) as paths:
        for _ in paths:
            try:
                value = evaluate()
            except errors:
                if not EXPLORATION.decided:
                    raise
                outcomes |= {True, False}
                break
            if isinstance(value, Unknown):
                why = why or value.why
                last = EXPLORATION.last
                if last is not None and last[0] is value:  # `unknown and x` yields the unknown itself
                    outcomes.add(last[1])
                    value = last[1]
                else:
                    outcomes |= {True, False}
            else:
                outcomes.add(bool(value))
            if len(outcomes) == 2:
                break
        else:
            if len(outcomes) == 1 and not EXPLORATION.capped:
                return value
    raise UnknownOutcome(EXPLORATION.why or why)


def alternatives(
    evaluate: Callable[[], T], omitted: type[Exception] | tuple[()] = ()
) -> tuple[list[T], Exception | None]:
    """Every value that an argument or a template may take, and the ``omitted`` exception if one path raised it."""
    values: list[T] = []
    left_out: Exception | None = None
    with closing(EXPLORATION.paths(VALUE_PATHS)) as paths:
        for _ in paths:
            try:
                value = evaluate()
            except omitted as error:
                left_out = error
                continue
            if value not in values:
                values.append(value)
    return values, left_out


def one_of(values: list[Any], *, omitted: bool) -> Any:
    """One value, or the Unknown that names all that were found."""
    if len(values) == 1 and not omitted and not EXPLORATION.capped:
        return values[0]
    words = [str(value) for value in values] + (["(left out)"] if omitted else [])
    why = EXPLORATION.why or next((_first(value).why for value in values if is_unknown(value)), "a value of the run")
    return Unknown(why=why, partial="⟦" + " | ".join(words) + "⟧")


def _first(value: Any) -> Unknown:
    if isinstance(value, Unknown):
        return value
    parts = value.values() if isinstance(value, dict) else value
    return next(_first(part) for part in parts if is_unknown(part))


first_unknown = _first


def settle(condition: object, why: str) -> bool:
    """What the engine is told where a condition cannot be known, and what is remembered of it.

    ``when``: true, and the task is possible. ``changed_when``, ``until``: true. ``failed_when``: false, with a note.
    A ``meta`` that may end a host does not. Inside assert and the like: true, and a doubt.
    """
    moment = now()
    text = f"depends on {why}"
    if moment.phase == "meta":
        if moment.task.args.get("_raw_params") in ("end_host", "end_play", "end_batch", "end_role"):
            moment.note("assumed", f"'meta: {moment.task.args['_raw_params']}' {text}; it was taken not to happen")
            return False
        moment.reasons.append(why)
        return True
    if moment.phase == "action":
        moment.doubts.append(why)
        return True
    if moment.phase == "after":
        if any(condition is item for item in moment.task.failed_when or []):
            moment.note("possible-failure", f"whether the task fails {text}")
            return False
        moment.unsure = moment.unsure or any(condition is item for item in moment.task.changed_when or [])
        return True
    if why not in moment.reasons:
        moment.reasons.append(why)
    return True
