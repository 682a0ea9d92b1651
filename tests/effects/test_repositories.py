from __future__ import annotations

from tests.effects.scenes import directory, predicted, run

STATUS = b"Package: nginx\nStatus: install ok installed\nVersion: 1\n\nPackage: held\nStatus: hold ok installed\nVersion: 2\n"


def test_dpkg_selections() -> None:
    host = predicted({"/var/lib/dpkg/status": STATUS})
    assert run(host, "dpkg_selections", {"name": "held", "selection": "hold"}).changed is False
    [effect] = run(host, "dpkg_selections", {"name": "nginx", "selection": "hold"}).effects
    assert (effect.kind, effect.action, effect.certainty) == ("package", "change", "certain")
    assert run(host, "dpkg_selections", {"name": "nginx", "selection": "hold"}).changed is False
    assert run(host, "dpkg_selections", {"name": "absent", "selection": "hold"}).changed is None


def test_apache_modules_are_links() -> None:
    host = predicted({"/etc/apache2/mods-available/ssl.load": b"", "/etc/apache2/mods-available/ssl.conf": b"",
                      "/etc/apache2/mods-enabled": directory("/etc/apache2/mods-enabled")})  # fmt: skip
    names = [one.name for one in run(host, "community.general.apache2_module", {"name": "ssl"}).effects]
    assert names == ["/etc/apache2/mods-enabled/ssl.load", "/etc/apache2/mods-enabled/ssl.conf"]
    assert run(host, "community.general.apache2_module", {"name": "ssl"}).changed is False
    assert run(host, "community.general.apache2_module", {"name": "ssl", "state": "absent"}).changed is True
