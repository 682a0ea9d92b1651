"""Sizes of waves, and the limit that keeps ansible-playbook to one."""

from __future__ import annotations

import pytest

from aisafe.config import settings
from aisafe.errors import UsageError
from aisafe.playbook.commandline import parse
from aisafe.waves import limited, some, told, waves_of

TEN = tuple(f"h{number}" for number in range(10))


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ((), 3, [3]),
        (("1", "25%", "100%"), 10, [1, 2, 7]),
        (("1",), 3, [1, 1, 1]),
        (("10%",), 5, [1, 1, 1, 1, 1]),
        (("4",), 10, [4, 4, 2]),
        (("100%",), 10, [10]),
        (("20", "1"), 10, [10]),
        (("1", "50%"), 4, [1, 2, 1]),
        (("1",), 0, [0]),
    ],
)
def test_sizes_are_those_of_serial(sizes, count, expected):
    made = waves_of(sizes, TEN[:count])
    assert [len(wave) for wave in made] == expected
    assert [host for wave in made for host in wave] == list(TEN[:count])


@pytest.mark.parametrize("name", ["a*", "a,b", "!a", "&a", "@a", "a b", "-a", "a[1]", "~a"])
def test_a_name_that_would_be_a_pattern_is_refused(name):
    with pytest.raises(UsageError, match="cannot be in a wave"):
        waves_of(("1",), ("b", name))
    assert waves_of((), ("b", name)) == (("b", name),), "without waves nothing is limited"


@pytest.mark.parametrize(
    "given", [["-i", "inv", "site.yml"], ["-l", "web", "site.yml"], ["--limit=web:&eu", "-i", "inv", "--", "site.yml"]]
)
def test_the_wave_is_the_last_limit_and_the_rest_is_as_it_was(tmp_path, given):
    line = parse(limited(given, ["h1", "h2"], tmp_path / "x.limit"), known=())
    assert line.values("-l", "--limit")[-1] == "h1,h2,"
    assert line.playbooks == ("site.yml",)
    left = [word for word in line.arguments if word not in ("--limit", "h1,h2,")]
    assert left == given


def test_many_hosts_go_into_a_file(tmp_path):
    many = [f"h{number}" for number in range(60)]
    words = limited(["site.yml"], many, tmp_path / "x.limit")
    assert words[-1] == f"@{tmp_path}/x.limit"
    assert (tmp_path / "x.limit").read_text().split() == many
    odd = tmp_path / "a,b"
    odd.mkdir()
    assert limited(["site.yml"], many, odd / "x.limit")[-1].startswith("h0,h1,"), "a comma would divide the file's name"


def test_words():
    assert told([["a"], ["b", "c"]]) == "1: a; 2: b, c"
    assert some(TEN) == "h0, h1, h2, h3, h4, h5, h6, h7 and 2 more"


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        ("option", "1,25%,100%", ("1", "25%", "100%")), ("env", "2, 50%", ("2", "50%")), ("file", "waves: 1\n", ("1",)),
        ("file", "waves: 1, 25%\n", ("1", "25%")), ("none", "", ()),
    ],
)  # fmt: skip
def test_they_are_set_like_any_setting(tmp_path, where, value, expected):
    if where == "file":
        (tmp_path / ".aisafe.yml").write_text(value)
    environ = {"AISAFE_WAVES": value} if where == "env" else {}
    options = {"aisafe-waves": (value,)} if where == "option" else {}
    assert settings(tmp_path, environ, options).waves == expected


@pytest.mark.parametrize("value", ["0", "all", "1,,2", "-1", "25%%", "1;2"])
def test_what_is_no_size_is_refused(tmp_path, value):
    with pytest.raises(UsageError, match="waves"):
        settings(tmp_path, {}, {"aisafe-waves": (value,)})
