"""Archives, checkouts, downloads and labels on files: archive, iso_extract, subversion, patch, synchronize, acl, capabilities…"""

from __future__ import annotations

import posixpath

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import backup, home, remote_path, understood, write
from aisafe.effects.edits import text_of
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Effect, Unknown


def below(call: Call, host: PredictedHost, path: str, why: str, *, certain: bool = False) -> tuple[Effect, ...]:
    """Anything below a directory that stays one."""
    host.files.fill(path, why)
    return (
        Effect(kind="file", action="change", name=f"{path}/**", task=call.task, why=why, paths=(path,),
               certainty="certain" if certain else "possible"),
    )  # fmt: skip


def _done(effects: tuple[Effect, ...]) -> Result:
    return Result(effects=effects, changed=changed_by(effects))


@understood("community.general.archive", "community.general.decompress", "community.general.iso_create",
            "community.general.iso_customize", kind="file")  # fmt: skip
def archive(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """One file made of others, which ``remove`` takes away; the module compares with the archive that is there."""
    sources = args.words("path", "src", "src_files", "src_iso")
    dest = args.text("dest", "dest_iso")
    effects: tuple[Effect, ...] = ()
    if dest is not None:
        path = remote_path(dest, call=call, host=host)
        if host.file(path, follow=True).exists is False:
            effects += write(call, host, args, path, Unknown("the archive"))
        else:
            effects += host.files.disturb(call, path, "whether the archive is the same")
    else:
        ending = args.word("format", default="gz")
        effects += tuple(
            one for source in sources for one in host.files.disturb(call, f"{source}.{ending}", "the archive")
        )
    if args.flag("remove"):
        for source in sources:
            if set("*?[") & set(source):
                effects += below(call, host, posixpath.dirname(source), "which files match is not known")
            else:
                effects += host.remove(call, remote_path(source, call=call, host=host))
    return _done(effects)


@understood("community.general.iso_extract", kind="file")
def iso_extract(call: Call, host: PredictedHost, args: Arguments) -> Result:
    folder = remote_path(args.need("dest"), call=call, host=host)
    if host.file(folder, follow=True).exists is False:
        raise BadArgument(f"Directory '{folder}' does not exist.")
    effects: tuple[Effect, ...] = ()
    for name in args.words("files"):
        path = posixpath.join(folder, posixpath.basename(name))
        if host.file(path).exists is False or args.flag("force", default=True):
            effects += host.files.disturb(call, path, "the file in the image")
    return _done(effects)


@understood("ansible.builtin.subversion", "community.general.hg", "community.general.bzr", kind="file")
def checkout(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A working copy: new when it is not there, else brought up to date."""
    if not args.given("dest"):
        return Result(changed=False)
    path = remote_path(args.need("dest"), call=call, host=host)
    own = {"subversion": ".svn", "hg": ".hg", "bzr": ".bzr"}[call.module.rpartition(".")[2]]
    there = host.file(posixpath.join(path, own), follow=True).exists
    why = "what the repository holds"
    if there is False:
        if not args.flag("checkout", default=True):
            return Result(changed=False)
        effects = host.make_directory(call, path) if host.file(path).kind == "absent" else ()
        effects = (*effects, *host.files.disturb(call, posixpath.join(path, own), why), *below(call, host, path, why))
        return Result(effects=effects, changed=True)
    if not args.flag("update", default=True):
        return Result(changed=False)
    return Result(effects=below(call, host, path, f"{why} by now"), changed=None)


@understood("ansible.posix.patch", kind="file")
def patch(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """patch(1): whether it is applied already is seen by a dry run on the host."""
    if args.text("dest", "originalfile") is not None:
        path = remote_path(args.need("dest", "originalfile"), call=call, host=host)
        effects = host.files.disturb(call, path, "whether the patch is applied already")
        return _done(effects + (backup(call, path) if args.flag("backup") else ()))
    return _done(
        below(
            call, host, remote_path(args.need("basedir"), call=call, host=host), "whether the patch is applied already"
        )
    )


@understood("ansible.posix.synchronize", kind="file")
def synchronize(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """rsync(1): files below ``dest`` on the host; ``mode: pull`` writes on the controller."""
    if args.word("mode", default="push") == "pull":
        return Result(changed=None)
    written = args.need("dest").partition("::")[0]
    dest = remote_path(written, call=call, host=host)
    source = args.text("src") or ""
    single = isinstance(call.source, tuple) and len(call.source) == 1 and not call.source[0].name
    into = not source.endswith("/") and not (
        single and not written.endswith("/") and host.file(dest).kind != "directory"
    )
    place = posixpath.join(dest, posixpath.basename(source)) if into else dest
    if not isinstance(call.source, tuple) or any(args.given(key) for key in _PARTIAL):
        effects = host.make_directory(call, dest) if host.file(dest).kind == "absent" and source.endswith("/") else ()
        return _done((*effects, *below(call, host, place, f"how the files of {source or 'the source'} differ")))
    host.prefetch(posixpath.join(place, part.name).rstrip("/") for part in call.source)
    effects = host.make_directory(call, posixpath.dirname(place) if single else place)
    for part in call.source:
        path = posixpath.join(place, part.name).rstrip("/")
        if part.directory:
            effects += host.make_directory(call, path, mode=part.mode)
        else:
            effects += host.put(call, path, content=part.content, mode=part.mode)
    if args.flag("delete"):
        effects += below(call, host, place, "what is there and not in the source is deleted")
    return Result(effects=effects, changed=True if changed_by(effects) else None)


_PARTIAL = ("rsync_opts", "link_dest", "existing_only", "dirs", "recursive", "perms", "archive")


@understood(
    "community.general.maven_artifact",
    "community.general.jenkins_plugin",
    "community.general.ipa_getkeytab",
    kind="file",
)
def fetched(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A file from a server."""
    short = call.module.rpartition(".")[2]
    if short == "jenkins_plugin":
        top = args.text("jenkins_home") or "/var/lib/jenkins"
        path = posixpath.join(top, "plugins", f"{args.need('name')}.jpi")
        there = host.file(path).exists
        state = args.word("state", default="present")
        if there and state == "present" and args.word("version", default="latest") in ("latest", ""):
            return Result(changed=False)
        if state == "absent":
            return _done(host.remove(call, path))
    else:
        path = remote_path(args.need("dest", "path"), call=call, host=host)
        if args.word("state", default="present") == "absent":
            return _done(host.remove(call, path))
    if host.file(path, follow=True).kind == "directory":
        return _done(below(call, host, path, "which file the server sends"))
    return _done(host.files.disturb(call, path, "what the server sends"))


_PLUGINS = {"elasticsearch_plugin": "/usr/share/elasticsearch/plugins", "kibana_plugin": "/usr/share/kibana/plugins",
            "logstash_plugin": "/usr/share/logstash/vendor/bundle", "grafana_plugin": "/var/lib/grafana/plugins"}  # fmt: skip


@understood("community.general.elasticsearch_plugin", "community.general.kibana_plugin", "community.general.logstash_plugin",
            "community.grafana.grafana_plugin", kind="file")  # fmt: skip
def plugin(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """One directory a plugin; it counts after a restart."""
    short, name = call.module.rpartition(".")[2], args.need("name")
    top = args.text("plugin_dir") or args.text("grafana_plugins_dir") or _PLUGINS[short]
    path = posixpath.join(top, name)
    there = host.file(path, follow=True).exists
    gone = args.word("state", default="present") == "absent"
    if there is not None and there != gone and args.word("version", default="") in ("", "latest"):
        return Result(changed=False)
    if gone:
        return _done(host.remove(call, path))
    return _done(
        host.make_directory(call, path) if there is False else host.files.disturb(call, path, "which version is there")
    )


@understood("ansible.posix.acl", "community.general.capabilities", "community.general.xattr", kind="file")
def labelled(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Access lists, capabilities(7) and xattr(7) are not among what is read of a file."""
    path = remote_path(args.need("path", "name", "key"), call=call, host=host)
    if args.text("state") in ("query", "read", "keys", "all"):
        return Result(changed=False)
    if host.file(path, follow=True).exists is False:
        raise BadArgument(f"path not found or not accessible: {path}")
    short = call.module.rpartition(".")[2]
    if short == "acl":
        host.files.unsettle_mode(call, path)
    effect = Effect(kind="file", action="change", name=path, task=call.task, certainty="possible",
                    why=f"which {'access list' if short == 'acl' else short} it has", paths=(path,), detail=short)  # fmt: skip
    return _done((effect,))


_DESKTOP = {"dconf": ".config/dconf/user", "gconftool2": ".gconf", "xfconf": ".config/xfce4/xfconf", "kdeconfig": ".config",
            "xdg_mime": ".config/mimeapps.list", "gio_mime": ".config/mimeapps.list", "osx_defaults": "Library/Preferences",
            "krb_ticket": ".cache", "keyring": ".local/share/keyrings"}  # fmt: skip


@understood(*(f"community.general.{name}" for name in _DESKTOP), kind="file")
def desktop(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """A setting in the home of the user it runs as."""
    short = call.module.rpartition(".")[2]
    if args.text("state") in ("read", "get", "list"):
        return Result(changed=False)
    path = posixpath.join(home(call.become_user, host=host, text="~"), _DESKTOP[short])
    if short == "kdeconfig":
        path = remote_path(args.need("path"), call=call, host=host)
    effect = Effect(kind="file", action="change", name=path, task=call.task, certainty="possible", why="what is set already",
                    paths=(path,), detail=f"{short} {args.text('key', 'property', 'mime_type') or ''}".strip())  # fmt: skip
    return _done((effect,))


@understood("community.general.deploy_helper", kind="file")
def deploy_helper(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """Release directories; the names of new ones hold the time."""
    path = remote_path(args.need("path"), call=call, host=host)
    if args.word("state", default="present") == "query":
        return Result(changed=False, untold="deploy_helper, whose facts hold the time")
    return Result(effects=below(call, host, path, "the release has the time in its name"), changed=None,
                  untold="deploy_helper, whose facts hold the time")  # fmt: skip


@understood("community.general.sensu_check", "community.general.sensu_client", "community.general.sensu_handler",
            "community.general.sensu_subscription", "community.general.syslogger", kind="file")  # fmt: skip
def written_elsewhere(call: Call, host: PredictedHost, args: Arguments) -> Result:
    if call.module.endswith("syslogger"):
        return Result(changed=True)  # one line in the log, as any task writes one
    path = args.word("path", default="/etc/sensu/conf.d")
    text = text_of(host, path)
    return _done(host.files.disturb(call, path, text.why if isinstance(text, Unknown) else "how the module writes it"))
