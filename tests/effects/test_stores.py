from __future__ import annotations

from typing import Any

import pytest

from tests.effects.scenes import directory, predicted, run

FILES = {
    "/usr/lib/node_modules/pm2": directory("/usr/lib/node_modules/pm2"), "/snap/core": directory("/snap/core"),
    "/srv/app/node_modules/left-pad/package.json": b'{"name": "left-pad", "version": "1.3.0"}',
    "/var/lib/gems/3.1.0/gems/sass-3.7.4": directory("/var/lib/gems/3.1.0/gems/sass-3.7.4"),
    "/root/.cargo/.crates.toml": b'[v1]\n"ripgrep 14.1.0 (registry+https://x)" = ["rg"]\n',
    "/var/lib/flatpak/app/org.gimp.GIMP": directory("/var/lib/flatpak/app/org.gimp.GIMP"),
    "/var/lib/flatpak/repo/config": b'[remote "flathub"]\nurl=https://dl.flathub.org/repo/\n',
    "/root/.local/share/pipx/venvs/black": directory("/root/.local/share/pipx/venvs/black"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("npm", {"name": "pm2", "global": True}),
        ("npm", {"name": "left-pad", "path": "/srv/app"}),
        ("npm", {"name": "left-pad", "path": "/srv/app", "version": "1.3.0"}),
        ("npm", {"name": "no", "path": "/srv/app", "state": "absent"}),
        ("snap", {"name": ["core"]}),
        ("snap", {"name": "no", "state": "absent"}),
        ("gem", {"name": "sass"}),
        ("gem", {"name": "sass", "version": "3.7.4"}),
        ("cargo", {"name": "ripgrep"}),
        ("flatpak", {"name": "org.gimp.GIMP"}),
        ("flatpak_remote", {"name": "flathub", "flatpakrepo_url": "https://flathub.org/repo/flathub.flatpakrepo"}),
        ("pipx", {"name": "black"}),
        ("pipx", {"name": "no", "state": "absent"}),
    ],
)
def test_what_is_there_already_stays(module: str, args: dict[str, Any]) -> None:
    result = run(predicted(FILES), f"community.general.{module}", args)
    assert (result.effects, result.changed) == ((), False)


@pytest.mark.parametrize(
    ("module", "args", "told"),
    [
        ("npm", {"name": "x", "path": "/srv/app"}, "install npm x certain"),
        ("npm", {"name": "x", "global": True}, "install npm x possible"),
        ("npm", {"path": "/srv/app"}, "install npm packages of /srv/app possible"),
        ("npm", {"name": "left-pad", "path": "/srv/app", "version": "2.0.0"}, "upgrade npm left-pad possible"),
        ("npm", {"name": "left-pad", "path": "/srv/app", "state": "absent"}, "remove npm left-pad certain"),
        ("snap", {"name": "certbot", "classic": True}, "install snap certbot certain"),
        ("snap", {"name": "core", "channel": "beta"}, "upgrade snap core possible"),
        ("gem", {"name": "rake"}, "install gem rake possible"),
        ("cargo", {"name": "bat"}, "install cargo bat certain"),
        ("flatpak", {"name": "org.x"}, "install flatpak org.x certain"),
        ("composer", {"working_dir": "/srv/app"}, "install composer install possible"),
        ("pipx", {"name": "ruff"}, "install pipx ruff certain"),
        ("pipx", {"name": "black", "state": "latest"}, "upgrade pipx black possible"),
    ],
)
def test_what_comes_and_goes(module: str, args: dict[str, Any], told: str) -> None:
    host = predicted(FILES)
    if module == "composer":
        args = {**args, "command": "install"}
    result = run(host, f"community.general.{module}", args)
    effect = result.effects[0]
    assert f"{effect.action} {effect.name} {effect.certainty}" == told
    if effect.certainty == "certain":
        assert run(host, f"community.general.{module}", args).changed is False


def test_foreign_managers_are_named_and_opaque() -> None:
    result = run(predicted(), "community.general.homebrew", {"name": ["wget", "jq"]})
    assert "homebrew" in result.opaque
    assert [(one.name, one.certainty) for one in result.effects] == [("homebrew wget, jq", "opaque")]


def test_sources_of_packages_and_registrations() -> None:
    [repo] = run(predicted(), "community.general.copr", {"name": "a/b"}).effects
    assert (repo.name, repo.reversible) == ("/etc/yum.repos.d", True)
    [register] = run(
        predicted(), "community.general.redhat_subscription", {"username": "u", "password": "hush"}
    ).effects
    assert (register.reversible, "hush" in repr(register)) == (False, False)
