"""Secrets where everybody can read them."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.model import Finding, Party
from aisafe.rules import Case, rule


@rule("secret-in-plain-sight", severity="warning", stage="forecast")
def secret_in_plain_sight(case: Case) -> Iterator[Finding]:
    """A password or token stands as plain text in the playbook's files, or where every user of the host can read it.

    The arguments of a process are for all to see (ps(1)), and so is a unit's Environment= (systemd.exec(5) warns of it),
    and a file whose mode lets others read it. What is encrypted with ansible-vault, comes from a variable, or lies in a file
    that only its owner or group reads is fine. The secret itself is shown nowhere.

    Wrong:

        vars:
          db_password: hunter2

    Right:

        vars:
          db_password: "{{ vault_db_password }}"   # in a file that ansible-vault encrypts
    """
    for note in case.noted("plain-secret"):
        yield case.find(
            note.message, task=note.task, when="possible",
            fix="Encrypt it (ansible-vault encrypt_string), or take it from a variable that comes from elsewhere.",
        )  # fmt: skip
    for file in case.forecast.exposed:
        names = ", ".join(file.names)
        yield case.find(
            f"Every user of the host can read {file.path}, and it holds secrets: {names}.", when="possible", task=file.task,
            fix='Let only the service read it: mode: "0640" with its group, or "0600" with its owner.',
        )  # fmt: skip
    for asked in case.forecast.asked:
        if asked.in_sight:
            names = ", ".join(dict.fromkeys(asked.in_sight))
            yield case.find(
                f"{asked.who} gets a secret in a way that every user of the host can read: {names}.",
                when="after" if case.proof else "possible", task=asked.task,
                parties=(Party(kind=asked.who.kind, name=asked.who.name, live=False, task=asked.task),),
                fix="Give it in a file that only the service can read (EnvironmentFile=, LoadCredential=, a secret's file).",
            )  # fmt: skip
