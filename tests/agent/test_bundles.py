"""What is told in bundles is exactly what is wanted, each path once, whatever the tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisafe.agent import bundles
from aisafe.agent.bundles import Bundles
from aisafe.agent.lines import above, key

NAMES = st.sampled_from(["a", "b", "b.c", "d"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


def told(entries: dict[str, tuple[str, bool]], incomplete: set[str]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    some = Bundles(lambda path, number: found.append((path, number)), incomplete)
    for path in sorted(entries, key=key):
        kind, wanted = entries[path]
        (some.directory if kind == "d" else some.file)(path, wanted=wanted)
    some.end()
    return found


def tree(files: dict[str, bool], unwanted: set[str]) -> dict[str, tuple[str, bool]]:
    """With all directories above the files; where one path would be both, it is a directory."""
    entries: dict[str, tuple[str, bool]] = {"/": ("d", True)}
    for path in files:
        above_it = path.rpartition("/")[0]
        while above_it:
            entries[above_it] = ("d", above_it not in unwanted)
            above_it = above_it.rpartition("/")[0]
    for path, wanted in files.items():
        entries.setdefault(path, ("f", wanted))
    return entries


@given(st.dictionaries(PATHS, st.booleans(), min_size=1), st.sets(PATHS), st.sets(PATHS), st.integers(1, 8))
def test_all_that_is_wanted_and_nothing_else(
    files: dict[str, bool], unwanted: set[str], incomplete: set[str], largest: int
) -> None:
    entries = tree(files, unwanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundles, "LARGEST", largest)
        found = told(entries, incomplete)
    reached = [
        path for path, (kind, _) in entries.items() if kind == "f"
        for one, _ in found if one == path or (entries[one][0] == "d" and above(one, path))
    ]  # fmt: skip
    assert sorted(reached) == sorted(path for path, (kind, wanted) in entries.items() if kind == "f" and wanted)
    for one, number in found:
        inside = [path for path in entries if path == one or above(one, path)]
        if entries[one][0] == "d":
            assert number == len(inside) <= largest
            directories = {path for path in inside if entries[path][0] == "d"}
            assert not directories & incomplete
            assert all(entries[path][1] for path in inside)


def test_what_is_whole_is_one() -> None:
    entries = tree({"/etc/a/x": True, "/etc/a/y": True, "/etc/b": True, "/srv/z": False}, set())
    assert told(entries, set()) == [("/etc", 5)]
    assert told(entries, {"/etc"}) == [("/etc/a", 3), ("/etc/b", 1)]
    assert told(entries, {"/etc/a"}) == [("/etc/a/x", 1), ("/etc/a/y", 1), ("/etc/b", 1)]
