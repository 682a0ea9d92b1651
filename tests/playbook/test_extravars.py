"""Settings among ansible's extra variables, as a survey of AWX gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisafe.config import settings
from aisafe.errors import UsageError
from aisafe.options import OPTIONS
from aisafe.playbook.commandline import parse
from aisafe.playbook.extravars import extra_settings


def given(tmp_path: Path, *words: str) -> dict[str, tuple[str, ...]]:
    return extra_settings(parse(["site.yml", *words], known=()), tmp_path, known=OPTIONS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aisafe_accept=port-conflict@web1 other=1", {"aisafe-accept": ("port-conflict@web1",)}),
        ('{"aisafe_accept": ["a", "b@c"], "x": 1}', {"aisafe-accept": ("a", "b@c")}),
        ("{aisafe_accept: 'a, b'}", {"aisafe-accept": ("a", "b")}),
        ("{aisafe_plan_only: true}", {"aisafe-plan-only": ("True",)}),
        ("{aisafe_model: '', aisafe_accept: , aisafe_prompt: }", {}),
        ("{aisafe_prompt: 'Put it, please, into a container'}", {"aisafe-prompt": ("Put it, please, into a container",)}),
        ("aisafe_unknown=1 aisafe=2", {}),
        ("{aisafe_model: [", {}),
        ("@absent.yml", {}),
    ],
)  # fmt: skip
def test_one_text(tmp_path, text, found):
    assert given(tmp_path, "-e", text) == found


def test_a_file_as_awx_writes_it(tmp_path):
    text = '---\nawx_job_id: !unsafe 7\naisafe_accept: !unsafe "irreversible\\nport-conflict@web1\\n"\nsecret: !vault |\n  x\n'
    (tmp_path / "extravars").write_text(text)
    assert given(tmp_path, "-e", "@extravars") == {"aisafe-accept": ("irreversible", "port-conflict@web1")}
    (tmp_path / "extravars").write_text("$ANSIBLE_VAULT;1.1;AES256\naisafe_accept=x\n")
    assert given(tmp_path, "-e", "@extravars") == {}


def test_options_go_before_extra_variables_and_they_before_the_environment(tmp_path):
    def deadline(options: dict[str, list[str]], extra: dict[str, tuple[str, ...]]) -> float:
        return settings(tmp_path, {"AISAFE_DEADLINE": "30"}, options, extra=extra).deadline

    assert deadline({}, {}) == 30
    assert deadline({}, {"aisafe-deadline": ("40",)}) == 40
    assert deadline({"aisafe-deadline": ["50"]}, {"aisafe-deadline": ("40",)}) == 50


def test_what_they_say_is_recorded_as_such(tmp_path):
    extra = {"aisafe-accept": ("x@y",), "aisafe-prompt": ("Do it",), "aisafe-plan-only": ("yes",)}
    found = settings(tmp_path, {}, {}, extra=extra)
    assert (found.accept[0].reason, found.prompt_text, found.prompt, found.plan_only) == (
        "extra variable",
        "Do it",
        None,
        True,
    )
    with pytest.raises(UsageError, match="aisafe_deadline=soon is not a number"):
        settings(tmp_path, {}, {}, extra={"aisafe-deadline": ("soon",)})
