"""What every report promises."""

from __future__ import annotations

import pytest

from aisafe.config import Settings
from aisafe.errors import UsageError
from aisafe.judge import judge
from aisafe.model import Forecast, Verdict
from aisafe.reports import REPORTS, Report, View, find_report
from tests.cases import story

ALL = list(REPORTS)


@pytest.mark.parametrize(("name", "report"), ALL, ids=[name for name, _ in ALL])
def test_every_format_takes_every_view(name: str, report: Report) -> None:
    states, plan = story()
    full = View(states=states, forecast=plan, verdict=judge(states, plan, settings=Settings()), exit_code=20)
    for view in (full, View(forecast=Forecast(), verdict=Verdict(), exit_code=0)):
        text = report(view)
        assert text.endswith("\n")
        assert "changed=1" not in text


@pytest.mark.parametrize(
    ("name", "fix"), [("jsn", "Did you mean json? Known formats: github, "), ("zzz", "Known formats: ")]
)
def test_an_unknown_format_is_refused(name: str, fix: str) -> None:
    with pytest.raises(UsageError, match=f"no report format '{name}'") as caught:
        find_report(name)
    assert caught.value.fix.startswith(fix)
