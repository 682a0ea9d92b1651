"""The table: recall and precision for each kind, and the plays that fall short, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.fidelity.compare import KINDS, Tally
from tests.fidelity.run import Outcome, Play

WANTED = {"socket": 0.98, "file": 0.95, "unit": 0.95}
SHOWN = 6
"""Lines of one play's misses that are shown."""


def table(plays: Sequence[Play], outcomes: Mapping[str, Outcome], absent: Mapping[str, str]) -> tuple[str, bool]:
    """The text, and whether all is well: every play compared, and nothing certain that did not happen."""
    sums = {kind: sum_of([outcome.tallies[kind] for outcome in outcomes.values() if outcome.tallies]) for kind in KINDS}
    lines = [
        "| kind | happened | foreseen | recall | said | came true | precision | certain and wrong |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, tally in sums.items():
        lines.append(
            f"| {kind} | {tally.happened} | {tally.found} | {_share(tally.found, tally.happened)} | {tally.said} "
            f"| {tally.right} | {_share(tally.right, tally.said)} | {len(tally.wrong_certain)} |"
        )
    compared = [outcome for outcome in outcomes.values() if outcome.tallies]
    again = [outcome for outcome in compared if outcome.again and "trouble" not in outcome.again]
    agree = [outcome for outcome in again if _as_it_went(outcome.again)]
    false_blocks = [outcome.name for outcome in again if outcome.again["blocked_by"] and not outcome.again["exit_code"]]
    lines += [
        "",
        f"{len(compared)} of {len(plays)} plays compared. {len(again)} were forecast and run once more on the converged host: "
        f"{len(agree)} went as forecast (most: nothing to change), {len(false_blocks)} were blocked.",
    ]
    failed = [outcome.name for outcome in compared if outcome.exit_code and not outcome.trouble]
    if failed:
        lines.append(f"Failed for real, as foreseen: {', '.join(failed)}.")
    fine = len(compared) == len(plays) and not any(tally.wrong_certain for tally in sums.values())
    for play in plays:
        if play.name in absent and play.name not in outcomes:
            lines.append(f"- {play.name}: not run: {absent[play.name]}")
        elif play.name not in outcomes:
            lines.append(f"- {play.name}: not run yet")
        elif short := shortcomings(play, outcomes[play.name]):
            lines += [f"- {play.name}: {play.why or 'falls short'}", *(f"    {line}" for line in short)]
    return "\n".join(lines), fine


def sum_of(tallies: Sequence[Tally]) -> Tally:
    """All of them as one."""
    total = Tally()
    for tally in tallies:
        for name in ("happened", "found", "said", "right"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.missed += tally.missed
        total.wrong += tally.wrong
        total.wrong_certain += tally.wrong_certain
    return total


def shortcomings(play: Play, outcome: Outcome) -> list[str]:
    """What was missed or wrong in one play, in words."""
    lines = [outcome.trouble] if outcome.trouble else []
    for kind, tally in outcome.tallies.items():
        lines += [f"certain and wrong: {kind} {text}" for text in tally.wrong_certain]
        lines += _some(f"missed: {kind}", tally.missed)
        lines += _some(f"not so: {kind}", tally.wrong)
    if not outcome.exit_code and outcome.blocked_by:
        lines += [f"blocked though it applies: {text}" for text in outcome.blocked_by]
    again = outcome.again
    if again.get("trouble"):
        lines.append(f"second run: {again['trouble']}")
    if not again.get("exit_code"):
        lines += [f"second run blocked: {text}" for text in again.get("blocked_by", ())]
    if again and "trouble" not in again and not _as_it_went(again):
        lines += _some("second run, said and not so:", again["certain"])
        lines += _some("second run, not said:", [] if again["certain"] else again["changed_tasks"] or ["changes"])
    return lines


def _as_it_went(again: Mapping[str, Any]) -> bool:
    """Whether the second run changed something where that was said, nothing where nothing was said, or failed as it was said."""
    if again["exit_code"] and again["blocked_by"]:
        return True
    if not again["changed"]:
        return not again["certain"]
    return bool(again["certain"] or again["unsure"])


def _some(title: str, texts: Sequence[str]) -> list[str]:
    more = [f"{title} … and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return [*(f"{title} {text}" for text in texts[:SHOWN]), *more]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
