"""Fixtures of the tests on real hosts.

`host` is one pristine host, `hosts(4)` or `hosts(["web1", "db1"])` makes several. Where none can be had the tests are
skipped, and the summary says why; with CI or AISAFE_REQUIRE_HOSTS=1 in the environment they fail instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.testbed import Host, TestbedError, build, engine  # noqa: E402
from tests.testbed.pool import Pool  # noqa: E402

HERE = Path(__file__).parent
RAN, MISSING, UNSWEPT = "testbed-hosts", "testbed-missing", "testbed-unswept"
POOL = pytest.StashKey[Pool | None]()
NEXT = pytest.StashKey[pytest.Item | None]()
NEXT_NAMES = {"host": ["web1"], "hosts": ["web1"]}
"""What is booted ahead for a test that asks for these fixtures; more hosts boot when the test asks for them."""


def required() -> bool:
    """Whether tests without hosts must fail rather than be skipped."""
    return any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in ("CI", "AISAFE_REQUIRE_HOSTS"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.hosts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    item.stash[NEXT] = nextitem
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """While a test runs, the hosts of the next one boot."""
    pool = item.config.stash.get(POOL, None)
    wanted = getattr(item.stash.get(NEXT, None), "fixturenames", ())
    if pool is not None:
        for fixture, names in NEXT_NAMES.items():
            if fixture in wanted:
                pool.prepare(names)
    return (yield)


@pytest.fixture(scope="session")
def testbed(request: pytest.FixtureRequest) -> Iterator[Pool | str]:
    """The pool of hosts, with engine and image there; or the reason why there is none."""
    try:
        engine()
        build()
        pool = Pool()
    except TestbedError as error:
        yield str(error)
        return
    request.config.stash[POOL] = pool
    yield pool
    request.config.stash[POOL] = None
    troubles = pool.close()
    if troubles:
        pytest.fail("test hosts were left behind: " + "; ".join(troubles), pytrace=False)


@pytest.fixture
def hosts(testbed: Pool | str, request: pytest.FixtureRequest) -> Iterator[Callable[[int | Sequence[str]], list[Host]]]:
    """Makes pristine hosts: `hosts(2)` are web1 and web2, `hosts(["db1"])` is called so. Gone after the test."""
    if isinstance(testbed, str):
        request.node.user_properties.append((MISSING, testbed))
        if required():
            pytest.fail(f"real hosts are required and cannot be had: {testbed}", pytrace=False)
        pytest.skip(f"no real hosts: {testbed}")
    taken: list[Host] = []

    def make(wanted: int | Sequence[str]) -> list[Host]:
        used = {host.name for host in taken}
        if isinstance(wanted, int):
            free = (f"web{number}" for number in range(1, 1000) if f"web{number}" not in used)
            names = [next(free) for _ in range(wanted)]
        else:
            names = list(wanted)
        if used & {*names} or len({*names}) != len(names):
            raise ValueError(f"each host once: {names}, after {sorted(used)}")
        made = testbed.take(names)
        taken.extend(made)
        return made

    yield make
    request.node.user_properties.append((RAN, len(taken)))
    if testbed.unswept:
        request.node.user_properties.append((UNSWEPT, testbed.unswept))
    testbed.release(taken)


@pytest.fixture
def host(hosts: Callable[[int | Sequence[str]], list[Host]]) -> Host:
    """One pristine host, web1."""
    return hosts(1)[0]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    ran, number, missing = 0, 0, 0
    reasons: dict[str, None] = {}
    unswept: dict[str, None] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            properties = dict(getattr(report, "user_properties", ()))
            when = getattr(report, "when", "")
            if when == "teardown" and properties.get(RAN):
                ran, number = ran + 1, number + properties[RAN]
            if UNSWEPT in properties:
                unswept[properties[UNSWEPT]] = None
            if when == "setup" and MISSING in properties:
                missing += 1
                reasons[properties[MISSING]] = None
    if ran:
        terminalreporter.write_line(f"real hosts: {ran} tests ran on {number} hosts")
    if missing:
        terminalreporter.write_line(f"real hosts: {missing} tests could not run: {'; '.join(reasons)}", red=required())
    for trouble in unswept:
        terminalreporter.write_line(f"real hosts: of an earlier process one remains: {trouble}")
