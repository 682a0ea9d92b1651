"""Secrets in the playbook's files and in sight of the host's users."""

from __future__ import annotations

from aisafe.model import Asked, Exposed, Note
from tests.cases import forecast, found, holder, state, task


def test_a_note_of_a_file_is_a_finding_of_the_whole_run() -> None:
    note = Note(kind="plain-secret", message="db_password stands there as plain text.", task=task("", 3))
    (finding,) = found("secret-in-plain-sight", state(), forecast(notes=(note,)))
    assert (finding.host, finding.severity, finding.task) == (None, "warning", note.task)


def test_a_service_is_named_with_the_options_and_no_value() -> None:
    asked = Asked(
        who=holder("unit shop.service"), task=task(), in_sight=("--token", "--token", "Environment=DB_PASSWORD")
    )
    (finding,) = found("secret-in-plain-sight", state(), forecast(asked=(asked,)))
    assert finding.message.endswith("can read: --token, Environment=DB_PASSWORD.")


def test_a_file_is_named_with_what_it_holds() -> None:
    file = Exposed(path="/etc/shop.env", names=("DB_PASSWORD", "a private key"), task=task())
    (finding,) = found("secret-in-plain-sight", state(), forecast(exposed=(file,)))
    assert "/etc/shop.env, and it holds secrets: DB_PASSWORD, a private key." in finding.message


def test_silence() -> None:
    assert found("secret-in-plain-sight", state(), forecast(asked=(Asked(who=holder("unit x.service")),))) == []
