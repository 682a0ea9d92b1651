from __future__ import annotations

import pytest

from aisafe.formats import envfile


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\n# no\n; no\nB = two words  \n", {"A": "1", "B": "two words"}),
        ('A=\'it is\'\nB="a \\"b\\" $c"\n', {"A": "it is", "B": 'a "b" $c'}),
        ("ARGS=--one \\\n  --two\nB=1\n", {"ARGS": "--one   --two", "B": "1"}),
        ('A="two\nlines"\nB=1\n', {"A": "two\nlines", "B": "1"}),
        ("export A=1\nnonsense\n1B=2\nC=\n", {"C": ""}),  # systemd has no export
        ('A=x"y" \nB=\'one\' "two"three\n', {"A": 'x"y"', "B": "onetwothree"}),
        ('A="a \\\nb"\n=x=1\nB=\'open\n', {"A": "a b", "B": "open\n"}),
    ],
)
def test_environment_file(text: str, values: dict[str, str]) -> None:
    assert envfile.read(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1 # comment\nB='x # y'\nC=\"z\" # c\n", {"A": "1", "B": "x # y", "C": "z"}),
        ("PORT=80\nURL=http://x:${PORT}/${NONE:-d}$PORT\n", {"PORT": "80", "URL": "http://x:80/d80"}),
    ],
)
def test_dotenv(text: str, values: dict[str, str]) -> None:
    assert envfile.read_dotenv(text) == values
