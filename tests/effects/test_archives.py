from __future__ import annotations

import io
import tarfile

from aisafe.effects.api import SourceFile
from aisafe.effects.predicted import PredictedHost
from aisafe.model import Effect
from tests.effects.scenes import directory, predicted, run


def tar(*names: str, mode: int = 0o640) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.mode, info.size, info.uname, info.gname = mode, len(name), "root", "root"
            archive.addfile(info, io.BytesIO(name.encode()))
    return out.getvalue()


def shown(effects: tuple[Effect, ...]) -> list[str]:
    return [f"{one.action} {one.name}{'?' * (one.certainty != 'certain')}" for one in effects]


def unpack(host: PredictedHost, content: bytes, **args: object) -> list[str]:
    source = (SourceFile(name="", content=content),)
    result = run(host, "unarchive", {"src": "a.tgz", "dest": "/srv", **args}, source=source)
    assert not result.failed, result.failed
    return shown(result.effects)


def test_an_archive_of_the_controller_is_looked_into() -> None:
    host = predicted()
    assert unpack(host, tar("app/a", "app/b")) == ["create /srv/app", "create /srv/app/a", "create /srv/app/b"]
    assert (host.file("/srv/app/a").content, host.file("/srv/app/a").mode) == (b"app/a", 0o640)
    assert unpack(host, tar("app/a", "app/b")) == []
    assert unpack(host, tar("app/a"), mode="0600") == ["change /srv/app/a"]


def test_leading_parts_are_stripped() -> None:
    assert unpack(predicted(), tar("app-1.2/bin/x"), extra_opts=["--strip-components=1"]) == [
        "create /srv/bin",
        "create /srv/bin/x",
    ]


def test_an_archive_on_the_host() -> None:
    host = predicted({"/srv/a.tgz": tar("x")})
    result = run(host, "unarchive", {"src": "/srv/a.tgz", "dest": "/srv", "remote_src": True})
    assert shown(result.effects) == ["create /srv/x"]


def test_what_cannot_be_looked_into_is_possible() -> None:
    assert unpack(predicted(), b"nonsense") == ["change /srv/**?"]
    assert unpack(predicted(), tar("x"), exclude=["y"]) == ["change /srv/**?"]
    assert unpack(predicted(), tar("../etc/x")) == ["change /srv/**?"]


def test_synchronize_writes_what_the_source_holds() -> None:
    host = predicted()
    source = (SourceFile(name="a", content=b"1", mode=0o644), SourceFile(name="d", content=b"", mode=0o755, directory=True),
              SourceFile(name="d/b", content=b"2", mode=0o600))  # fmt: skip
    args = {"src": "files/", "dest": "/srv/app", "delete": True}
    result = run(host, "ansible.posix.synchronize", args, source=source)
    assert shown(result.effects) == [
        "create /srv/app", "create /srv/app/a", "create /srv/app/d", "create /srv/app/d/b", "change /srv/app/**?"
    ]  # fmt: skip
    again = run(host, "ansible.posix.synchronize", {**args, "delete": False}, source=source)
    assert (again.effects, again.changed) == ((), None)  # rsync looks at times, too
    result = run(predicted(), "ansible.posix.synchronize", {"src": "files", "dest": "/srv"}, source=source)
    assert "create /srv/files/a" in shown(result.effects)
    result = run(predicted(), "ansible.posix.synchronize", {**args, "rsync_opts": ["--exclude=x"]}, source=source)
    assert shown(result.effects) == ["create /srv/app", "change /srv/app/**?"]


def test_checkouts() -> None:
    host = predicted({"/srv/svn/.svn": directory("/srv/svn/.svn")})
    assert run(host, "subversion", {"repo": "http://x", "dest": "/srv/new"}).changed is True
    assert run(host, "subversion", {"repo": "http://x", "dest": "/srv/svn"}).changed is None
    assert run(host, "subversion", {"repo": "http://x", "dest": "/srv/svn", "update": False}).changed is False


def test_a_commit_that_is_checked_out_already() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    host = predicted({"/srv/git/.git/HEAD": f"{commit}\n".encode(), "/srv/git/.git/config": b""})
    assert run(host, "git", {"repo": "http://x", "dest": "/srv/git", "version": commit}).changed is False
    assert run(host, "git", {"repo": "http://x", "dest": "/srv/git", "version": "main"}).changed is None


def test_archives_plugins_and_labels() -> None:
    host = predicted(
        {"/srv/x": b"", "/usr/share/elasticsearch/plugins/icu": directory("/usr/share/elasticsearch/plugins/icu")}
    )
    result = run(host, "community.general.archive", {"path": "/srv/x", "dest": "/srv/x.tgz", "remove": True})
    assert shown(result.effects) == ["create /srv/x.tgz", "remove /srv/x"]
    assert run(host, "community.general.elasticsearch_plugin", {"name": "icu"}).changed is False
    assert run(host, "community.general.capabilities", {"path": "/srv/no", "capability": "x"}).failed
    assert (
        run(
            host, "ansible.posix.acl", {"path": "/srv/x.tgz", "entity": "u", "etype": "user", "permissions": "r"}
        ).changed
        is None
    )
