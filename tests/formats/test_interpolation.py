from __future__ import annotations

import pytest

from aisafe.formats.interpolation import BadVariable, interpolate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${X}", "x"), ("$X-", "x-"), ("${N}", ""), ("${N:-d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""), ("$$X", "$X"),
        ("${X:+y}", "y"), ("${N:+y}", ""), ("${E:+y}", ""), ("${E+y}", "y"), ("${N:-${X}}", "x"),
        ("${X:-d}/${N-e}", "x/e"), ("${N:-${M:-${X:+deep}}}", "deep"), ("${X:?no}", "x"), ("${E?no}", ""),
        ("${N:-a}b}", "ab}"), ("${N:-${X}-}${X}", "x-x"), ("$$${X}", "$x"), ("${N:-127.0.0.1}:80", "127.0.0.1:80"),
        ("${N:-}", ""), ("a{b}c", "a{b}c"),
    ],
)  # fmt: skip
def test_values(text: str, value: str) -> None:
    assert interpolate(text, {"X": "x", "E": ""}) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${N:?set ${X}}", "the variable N is needed and not set: set x"), ("${E:?no}", "E is needed"),
        ("$(date)", "begins no variable"), ("cost: 5$", "begins no variable"), ("${X", "not closed"),
        ("${}", "is no variable"), ("${X!y}", "is no variable"),
    ],
)  # fmt: skip
def test_refused(text: str, words: str) -> None:
    with pytest.raises(BadVariable, match=r"^[^\n]*$") as error:
        interpolate(text, {"X": "x", "E": ""})
    assert words in str(error.value)


def test_names_that_are_looked_up_are_told() -> None:
    seen: list[str] = []
    interpolate("$A ${B:-${C}} ${X:-$D}", {"X": "x"}, note=seen.append)
    assert seen == ["A", "B", "C", "X"]  # D stands in a default that is not used
