"""A few cases of the acceptance matrix, one after the other on one host; ``make undo`` runs them all."""

from __future__ import annotations

from tests.undo.case import everything
from tests.undo.runner import run

CASES = ("file-hard-links", "unit-drop-ins", "container-updated")


def test_cases_of_the_acceptance_matrix(host, tmp_path):
    for case in everything(CASES):
        if case.name in CASES:
            done = run(case, host, tmp_path / case.name)
            assert done.faults == (), "\n".join(done.faults)
            assert (done.code, done.residue) == (21, ()), done
