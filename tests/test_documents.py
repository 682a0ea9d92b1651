"""Documents that are made from the program are current, every option is in them, and links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from aisafe.options import OPTIONS
from aisafe.rules import RULES
from tests.documents import DOCUMENTS, ROOT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_current(name):
    assert (ROOT / name).read_text(encoding="utf-8") == DOCUMENTS[name](), "python -m tests.documents writes them"


def test_every_option_and_rule_is_told():
    options, page = (DOCUMENTS[name]() for name in ("docs/options.md", "man/aisafe-playbook.1"))
    for option in OPTIONS:
        assert (f"--{option.name}" if option.name else option.key) in options
        assert str(option).replace("-", "\\-") in page or not option.name
    assert all(f"## {name}\n" in DOCUMENTS["docs/rules.md"]() for name, _ in RULES)


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_its_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert target.startswith("http") or (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["man/aisafe.1", "man/aisafe-playbook.1"])
def test_a_man_page_is_without_warnings(name):
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run([groff, "-man", "-ww", "-Tutf8", name], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NAME" in done.stdout
