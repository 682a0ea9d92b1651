"""A unit file of the run hides the one that a package brings."""

from __future__ import annotations

from collections.abc import Iterator

from aisafe.knowledge.packages import starts
from aisafe.model import Finding, Party
from aisafe.rules import Case, rule

_ADMIN = "/etc/systemd/system/"
_VENDOR = ("/lib/systemd/system/", "/usr/lib/systemd/system/")


@rule("unit-shadowed", severity="warning", stage="forecast")
def unit_shadowed(case: Case) -> Iterator[Finding]:
    """The run writes a whole unit file in /etc over one of the same name that a package brings in /lib.

    systemd reads only the first (systemd.unit(5), Unit File Load Path): what the package's unit says, now and after every
    update, does not hold any more, and nobody is told. A drop-in changes what is to be changed and leaves the rest to
    the package. A mask is meant, and is none.

    Wrong:

        - name: Let the exporter listen elsewhere
          ansible.builtin.copy:
            dest: /etc/systemd/system/prometheus-node-exporter.service
            content: |
              [Service]
              ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=:9200
            mode: "0644"

    Right:

        - name: Let the exporter listen elsewhere
          ansible.builtin.copy:
            dest: /etc/systemd/system/prometheus-node-exporter.service.d/listen.conf
            content: |
              [Service]
              ExecStart=
              ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=:9200
            mode: "0644"
    """
    for effect in case.forecast.effects:
        name = effect.name.removeprefix(_ADMIN)
        if effect.kind != "file" or effect.action != "create" or not effect.name.startswith(_ADMIN) or "/" in name:
            continue
        if effect.detail.startswith("link to") or "." not in name:
            continue  # a mask, an alias, or an enablement
        packaged = _packaged(case, name)
        if packaged and effect.certainty != "opaque":
            certain = effect.certainty == "certain"
            yield case.find(
                f"{effect.name} hides {packaged}: what the package's unit says does not hold any more, now and after its "
                "updates.",
                when="after" if certain else "possible", task=effect.task,
                parties=(
                    Party(kind="file", name=packaged, live=name in case.before.units),
                    Party(kind="file", name=effect.name, live=False, task=effect.task),
                ),
                evidence=(f"today {name} is read from {packaged}",) if name in case.before.units else (),
                fix=f"Write a drop-in, {_ADMIN}{name}.d/50-local.conf, with what is to be different; or give your unit another "
                "name.",
            )  # fmt: skip


def _packaged(case: Case, name: str) -> str:
    """Where the package's unit of that name lies, or would; '' for none that is known."""
    unit = case.before.units.get(name)
    if unit is not None and unit.fragment_path.startswith(_VENDOR):
        return unit.fragment_path
    for effect in case.forecast.effects:
        if effect.kind == "package" and effect.action == "install":
            known = starts(effect.name.partition("=")[0])
            if known is not None and name in (*known.units, *known.enabled):
                return f"{_VENDOR[0]}{name} of the package {effect.name}"
    return ""
