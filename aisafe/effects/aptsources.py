"""apt_repository and deb822_repository: files below /etc/apt, rendered as the modules render them (sources.list(5))."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from aisafe.effects.api import Call, Result
from aisafe.effects.aptcache import LISTS
from aisafe.effects.arguments import Arguments, BadArgument, as_text
from aisafe.effects.attributes import fresh, remote_path, understood, write
from aisafe.effects.modes import parse_mode
from aisafe.effects.packages import blind
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.frozen import frozen
from aisafe.model import Effect, Unknown, is_unknown

_LISTS = ("architectures", "components", "languages", "suites", "targets", "types", "uris")
_FLAGS = ("allow_downgrade_to_insecure", "allow_insecure", "allow_weak", "by_hash", "check_date", "check_valid_until",
          "enabled", "pdiffs", "trusted")  # fmt: skip
MAIN, PARTS = "/etc/apt/sources.list", "/etc/apt/sources.list.d"


@frozen
class Source:
    """One line of a sources.list: as apt_repository takes it apart, and writes it again."""

    valid: bool
    enabled: bool
    text: str
    comment: str

    def line(self) -> str:
        return f"{'' if self.enabled else '# '}{self.text}{f' # {self.comment}' if self.comment else ''}\n"


def parse_source(line: str) -> Source:
    line = line.strip()
    enabled = not line.startswith("#")
    line = line if enabled else line[1:]
    comment = ""
    at = line.find("#")
    if at > 0:
        line, comment = line[:at], line[at + 1 :].strip()
    text = line.strip()
    words = text.split()
    valid = bool(words) and words[0] in ("deb", "deb-src")
    return Source(valid=valid, enabled=enabled, text=" ".join(words) if valid else text, comment=comment)


def file_name(source: str) -> str:
    """The name that the module gives a new file: the address without options, protocol, user and password."""
    words = re.sub(r"\w+://", "", re.sub(r"\[[^\]]+\]", "", source)).split()
    address = next(word for word in words if word not in ("deb", "deb-src"))
    return "_".join(re.sub("[^a-zA-Z0-9]", " ", address.partition("@")[2] or address).split())


@understood("ansible.builtin.apt_repository", kind="file")
def apt_repository(call: Call, host: PredictedHost, args: Arguments) -> Result:
    repo, present = args.need("repo"), args.word("state", default="present") == "present"
    if repo.startswith("ppa:"):
        why = "what Launchpad tells about the archive"
        effect = Effect(
            kind="file", action="change", name=PARTS, task=call.task, certainty="possible", why=why, paths=("/etc/apt",)
        )
        return Result(effects=(effect,), changed=None)
    wanted = parse_source(repo)
    if not wanted.valid or not wanted.enabled:
        raise BadArgument(f"Invalid repository string: {repo}")
    paths = [MAIN, *(posixpath.join(PARTS, name) for name in host.files.entries(PARTS) if name.endswith(".list"))]
    host.prefetch(paths)
    before: dict[str, list[Source]] = {}
    for path in paths:
        found = host.file(path, follow=True)
        if found.exists is False:
            continue
        if found.text is None:
            return Result(effects=host.files.disturb(call, path, "what is in it could not be read"), changed=None)
        before[path] = [parse_source(line) for line in found.text.splitlines()]
    after = {path: list(sources) for path, sources in before.items()}
    given = args.text("filename")
    name = f"{given if given is not None else file_name(wanted.text)}.list" if given is None else given
    new = _change(after, wanted, present=present, path=name if "/" in name else posixpath.join(PARTS, name))
    if after == before:
        return Result(changed=False, values={"repo": repo, "state": args.word("state", default="present")})
    return _saved(call, host, args, after, new)


def _change(files: dict[str, list[Source]], wanted: Source, *, present: bool, path: str) -> str:
    """Enable, add or remove the source; returns the file it was added to, '' when it was there."""
    if not present:
        for name, sources in files.items():
            files[name] = [one for one in sources if not (one.valid and one.enabled and one.text == wanted.text)]
        return ""
    found = False
    for sources in files.values():
        for index, one in enumerate(sources):
            if one.valid and one.text == wanted.text:
                sources[index] = Source(valid=True, enabled=True, text=one.text, comment=one.comment)
                found = True
    if found:
        return ""
    path = path if path.endswith(".list") else f"{path}.list"
    files.setdefault(path, []).append(Source(valid=True, enabled=True, text=wanted.text, comment=""))
    return path


def _saved(call: Call, host: PredictedHost, args: Arguments, files: Mapping[str, list[Source]], new: str) -> Result:
    effects: tuple[Effect, ...] = ()
    for path, sources in files.items():
        if not sources:
            effects += host.remove(call, path)
            continue
        asked = args.raw("mode")
        mode = None
        if path == new:
            mode = 0o644 if asked is None or is_unknown(asked) else parse_mode(asked, current=0o644)
        owner = fresh(call, host) if host.file(path).exists is False else None
        effects += host.put(
            call, path, content="".join(one.line() for one in sources).encode(), mode=mode,
            owner=owner.owner if owner else None, group=owner.group if owner else None,
        )  # fmt: skip
    if args.flag("update_cache", "update-cache", default=True):
        why = "what the servers have"
        effects += (
            Effect(
                kind="file", action="change", name=LISTS, task=call.task, certainty="possible", why=why, paths=(LISTS,)
            ),
        )
    return Result(
        effects=effects, changed=True, values={"repo": args.raw("repo"), "state": args.word("state", default="present")}
    )


@understood("ansible.builtin.deb822_repository", kind="file")
def deb822_repository(call: Call, host: PredictedHost, args: Arguments) -> Result:
    name = args.need("name")
    if not args.flag("install_python_debian") and _lacks_debian(call, host):
        raise BadArgument(
            "Failed to import the required Python library (python3-debian): it is not installed for /usr/bin/python3"
        )
    slug = re.sub(r"[^a-z0-9-]+", "", re.sub(r"[_\s]+", "-", name.lower()))
    path = f"{PARTS}/{slug}.sources"
    keys = [f"/etc/apt/keyrings/{slug}.{kind}" for kind in ("asc", "gpg")]
    if args.text("state") == "absent":
        effects = tuple(effect for place in (path, *keys) for effect in host.remove(call, place))
        return Result(effects=effects, changed=changed_by(effects), values={"dest": path})
    effects, signed = _signed(call, host, args, keys)
    content: bytes | Unknown = Unknown("a part of the source", name)
    if isinstance(signed, str | None) and not any(is_unknown(args.raw(key)) for key in call.args):
        content = _deb822(call.args, signed).encode()
    mode = args.raw("mode")
    effects += write(call, host, Arguments({"mode": "0644" if mode is None else mode}), path, content)
    return Result(effects=effects, changed=changed_by(effects), values={"dest": path})


def _lacks_debian(call: Call, host: PredictedHost) -> bool:
    """Whether the module certainly does not find python3-debian, without which it fails."""
    python = call.facts.get("python") or call.facts.get("ansible_python") or {}
    if python.get("executable") not in ("/usr/bin/python3", "/usr/bin/python") or blind(host) or not host.packages:
        return False
    own = [f"/usr/local/lib/{name}/dist-packages/debian" for name in host.files.entries("/usr/local/lib")]
    places = ("/usr/lib/python3/dist-packages/debian", *own)
    return "python3-debian" not in host.packages and all(host.file(place).exists is False for place in places)


def _signed(
    call: Call, host: PredictedHost, args: Arguments, keys: list[str]
) -> tuple[tuple[Effect, ...], str | Unknown | None]:
    """The key's effects and what goes into Signed-By: a path, a fingerprint, or not known (a key from elsewhere)."""
    signed = args.raw("signed_by")
    if signed is None or (isinstance(signed, str) and signed.startswith("/")):
        return (), None if signed is None else remote_path(signed, call=call, host=host)
    if isinstance(signed, str) and "BEGIN PGP" in signed:
        return (), signed
    if isinstance(signed, str) and "://" not in signed:
        return (), signed
    there = next((key for key in keys if host.file(key).exists), None)
    if there is not None:
        return host.files.disturb(call, there, "the key that the server sends"), there
    why = "whether the key comes as text or binary"
    return tuple(effect for key in keys for effect in host.files.disturb(call, key, why)), Unknown(why)


def _deb822(args: Mapping[str, Any], signed: str | None) -> str:
    """The fields in the order of their argument names (deb822(5)); lists joined by blanks, booleans yes and no."""
    given = {"types": ["deb"], **args}
    lines = []
    for key, value in sorted(given.items()):
        if value is None or key in ("mode", "state", "install_python_debian"):
            continue
        text = signed if key == "signed_by" and signed is not None else value
        if isinstance(text, str) and key in _LISTS:
            text = text.split(",")
        elif isinstance(text, str) and key in _FLAGS:
            text = text.lower() in ("yes", "true", "on", "1", "y", "t")
        if isinstance(text, bool):
            text = "yes" if text else "no"
        elif isinstance(text, (list, tuple)):
            text = " ".join(map(as_text, text))
        text = as_text(text)
        if "\n" in text:
            text = "\n" + "\n".join(f"    {line.strip() or '.'}" for line in text.strip().splitlines())
        field = "X-Repolib-Name" if key == "name" else "URIs" if key == "uris" else key.replace("_", "-").title()
        lines.append(f"{field}: {text}\n")
    return "".join(lines)
