"""An ansible-core that was not tested is refused, or used on the user's word."""

from __future__ import annotations

import pytest

from aisafe.errors import AnsibleError
from aisafe.simulation.client import Simulation
from tests.simulation.conftest import Site

PLAY = "- {hosts: all, gather_facts: false, tasks: [{name: a, copy: {content: x, dest: /a}}]}\n"


class Untested(Simulation):
    worker = "tests.simulation.old_worker"


class Older(Simulation):
    worker = "tests.simulation.older_worker"


@pytest.fixture(autouse=True)
def untested(site: Site) -> None:
    site.child = Untested


@pytest.mark.parametrize("allow", [False, True])
def test_one_that_lacks_what_is_replaced_is_refused_either_way(site: Site, allow: bool) -> None:
    site.child = Older
    with pytest.raises(AnsibleError, match=r"ansible-core 2\.18\.9") as caught:
        site.foresee(PLAY, allow_untested=allow)
    assert ("ansible._internal" in caught.value.message) == allow
    assert "pip install 'ansible-core>=2.19" in caught.value.fix
    assert "ALLOW_UNTESTED" not in caught.value.fix, "that would not help"


def test_it_is_refused_with_both_ways_out(site: Site) -> None:
    with pytest.raises(
        AnsibleError, match=r"ansible-core \d+\.\d+\S* was not tested .*; tested are 2\.7, 2\.8\."
    ) as caught:
        site.foresee(PLAY)
    assert "pip install 'ansible-core>=2.7,<2.9'" in caught.value.fix
    assert "AISAFE_ALLOW_UNTESTED_ANSIBLE=1" in caught.value.fix
    assert "allow_untested_ansible: true in .aisafe.yml" in caught.value.fix


def test_on_the_users_word_it_goes_on_and_says_so(site: Site) -> None:
    seen = site.foresee(PLAY, allow_untested=True)
    assert seen.calls() == [("a", "certain")]
    ((_, message),) = seen.notes("untested-ansible")
    assert "was not tested" in message
