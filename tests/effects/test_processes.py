from __future__ import annotations

from typing import Any

import pytest

from tests.effects.scenes import predicted, run


@pytest.mark.parametrize(
    ("module", "args", "told"),
    [
        (
            "community.general.supervisorctl",
            {"name": "app", "state": "restarted"},
            "restart supervisorctl restarted app certain False",
        ),
        (
            "community.general.supervisorctl",
            {"name": "app", "state": "stopped"},
            "stop supervisorctl stopped app possible True",
        ),
        ("community.general.monit", {"name": "app", "state": "monitored"}, "enable monit monitored app possible False"),
        ("community.libvirt.virt", {"name": "vm1", "state": "running"}, "start virt running vm1 possible False"),
        ("community.general.gunicorn", {"app": "wsgi"}, "start gunicorn wsgi certain False"),
        ("community.general.shutdown", {}, "stop the host certain True"),
    ],
)
def test_what_other_supervisors_do(module: str, args: dict[str, Any], told: str) -> None:
    [effect] = run(predicted(), module, args).effects
    assert f"{effect.action} {effect.name} {effect.certainty} {effect.sockets_known}" == told
    assert not effect.reversible


def test_looking_is_no_change() -> None:
    assert run(predicted(), "community.libvirt.virt", {"command": "list_vms"}).changed is False


def test_at_jobs() -> None:
    [effect] = run(predicted(), "ansible.posix.at", {"command": "ls -l", "count": 5, "units": "minutes"}).effects
    assert (effect.kind, effect.action, effect.certainty) == ("cron", "create", "certain")
    args = {"command": "ls", "count": 5, "units": "minutes", "unique": True}
    assert run(predicted(), "ansible.posix.at", args).changed is None


def test_django() -> None:
    migrate = run(predicted(), "community.general.django_manage", {"command": "migrate", "project_path": "/srv"})
    assert [one.reversible for one in migrate.effects] == [False]
    assert run(predicted(), "community.general.django_manage", {"command": "wipe_all"}).opaque
