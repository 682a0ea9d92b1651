"""ansible.builtin.pip and community.general.pipx: Python packages, seen as the folders that pip leaves of each.

Source: PyPA specification "Recording installed projects": ``NAME-VERSION.dist-info`` in site-packages; names compare as of "Names
and normalization".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from aisafe.effects.api import Call, Result
from aisafe.effects.arguments import Arguments, BadArgument
from aisafe.effects.attributes import home, remote_path, understood
from aisafe.effects.packages import package_effect
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.predicted import changed as changed_by
from aisafe.model import Action, Certainty, Effect

_SPEC = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*((?:===|==|~=|!=|>=|<=|>|<)[^;]*)?\s*(?:;.*)?")
_ENTRY = re.compile(r"(.+?)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_SYSTEM = ("/usr/lib", "/usr/local/lib", "/usr/lib64", "/usr/local/lib64")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(host: PredictedHost, folders: Iterable[str]) -> dict[str, str] | None:
    """Normalised name -> version of what is in ``folders`` and was installed by this run; None where that is not known."""
    found: dict[str, str] = {}
    for folder in folders:
        there = host.file(folder, follow=True)
        if there.exists is None:
            return None
        for entry in host.files.entries(folder) if there.exists else ():
            if hit := _ENTRY.fullmatch(entry):
                found[normal(hit[1])] = hit[2]
    return found


def site_packages(host: PredictedHost, tops: Iterable[str]) -> list[str]:
    """The folders of packages below ``lib`` directories, one for each Python that is there."""
    return [
        posixpath.join(top, name, kind)
        for top in tops for name in host.files.entries(top) if re.fullmatch(r"python3(\.\d+)?", name)
        for kind in ("site-packages", "dist-packages")
    ]  # fmt: skip


@understood("ansible.builtin.pip", kind="package", action="install")
def pip(call: Call, host: PredictedHost, args: Arguments) -> Result:
    venv, state = args.text("virtualenv"), args.word("state", default="present")
    listed = args.text("requirements")
    if not args.given("name") and listed is None:
        raise BadArgument("one of the following is required: name, requirements")
    effects: tuple[Effect, ...] = ()
    tops: Sequence[str] = _SYSTEM
    path = ""
    if venv is not None:
        path = remote_path(posixpath.join(args.text("chdir") or "/", venv), call=call, host=host)
        tops = (posixpath.join(path, "lib"), posixpath.join(path, "lib64"))
        if host.file(posixpath.join(path, "bin/activate"), follow=True).exists is False:
            effects += host.make_directory(call, path, mode=0o755)
            effects += host.put(
                call, posixpath.join(path, "bin/activate"), content=b"", mode=0o644, detail="a new virtualenv"
            )
    elif args.text("extra_args") and "--user" in args.need("extra_args"):
        tops = (posixpath.join(home(call.become_user, host=host, text="~"), ".local/lib"),)
    folders = site_packages(host, tops)
    there = installed(host, folders) if folders or path else None
    kept: dict[str, dict[str, str]] = host.memory.setdefault("pip", {})
    there = None if there is None else {**there, **kept.get(path, {})}
    specs = list(args.words("name")) or [f"-r {listed}"]
    if listed is not None and (lines := _required(call, host, args, listed)) is not None:
        specs = (
            [*args.words("name"), *lines] if there is not None and all(_met(line, there) for line in lines) else specs
        )
    for spec in specs:
        effects += tuple(_one(call, spec, there, kept.setdefault(path, {}), state=state, path=path, new=bool(effects)))
    return Result(effects=effects, changed=changed_by(effects), values={"virtualenv": path} if path else {})


def _required(call: Call, host: PredictedHost, args: Arguments, listed: str) -> list[str] | None:
    """The lines of a requirements file on the host; None where it is not known or goes beyond names and versions."""
    text = host.file(
        remote_path(posixpath.join(args.text("chdir") or "/", listed), call=call, host=host), follow=True
    ).text
    if text is None:
        return None
    lines = [line.partition(" #")[0].strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return lines if all(_SPEC.fullmatch(line) for line in lines) else None


def _met(spec: str, there: dict[str, str]) -> bool | None:
    """Whether a requirement is met; None for one whose versions would have to be compared, or that is no plain name."""
    hit = _SPEC.fullmatch(spec)
    if hit is None:
        return None
    version = there.get(normal(hit[1]))
    asked = (hit[2] or "").strip()
    if version is None or not asked:
        return version is not None
    exact = re.fullmatch(r"={2,3}\s*([^*,\s]+)", asked)
    return None if exact is None else True if exact[1] == version else False if exact[1][:1].isdigit() else None


def _one(
    call: Call, spec: str, there: dict[str, str] | None, kept: dict[str, str], *, state: str, path: str, new: bool
) -> Iterable[Effect]:
    met = None if there is None else _met(spec, there)
    gone = state == "absent"
    hit = _SPEC.fullmatch(spec)
    if gone and hit is not None and there is not None:
        met = normal(hit[1]) in there
        if not met:
            return
    if not gone and met and state == "present":
        return
    sure = (gone and met) or state == "forcereinstall" or (met is False) or (new and there == {})
    certainty: Certainty = "certain" if sure else "possible"
    if hit is not None and not gone and call.certainty == "certain":
        exact = re.fullmatch(r"={2,3}\s*(\S+)", (hit[2] or "").strip())
        kept[normal(hit[1])] = exact[1] if exact else kept.get(normal(hit[1]), "")
    action: Action = "remove" if gone else "upgrade" if met and state == "latest" else "install"
    yield Effect(
        kind="package", action=action, name=f"python {spec}", task=call.task, certainty=certainty,
        why="" if sure else "which Python packages, and versions of them, there are", paths=(path,) if path else (),
    )  # fmt: skip


@understood("community.general.pipx", kind="package", action="install")
def pipx(call: Call, host: PredictedHost, args: Arguments) -> Result:
    """One folder an application in PIPX_HOME/venvs (pipx documentation, "How pipx works")."""
    state, name = args.word("state", default="install"), args.text("name")
    if name is None:
        effect = package_effect(
            call, "upgrade", "python applications of pipx", certainty="possible", why="which there are"
        )
        return Result(effects=(effect,), changed=None)
    own = home(call.become_user, host=host, text="~")
    tops = (
        ("/opt/pipx/venvs",) if args.flag("global") else (f"{own}/.local/share/pipx/venvs", f"{own}/.local/pipx/venvs")
    )
    found = [host.file(posixpath.join(top, name)).exists for top in tops]
    there = True if True in found else None if None in found else False
    if (state in ("install", "present") and there) or (state in ("uninstall", "absent") and there is False):
        return Result(changed=False)
    action: Action = "remove" if state in ("uninstall", "absent", "uninject") else "install" if not there else "upgrade"
    plain = state in ("install", "present", "uninstall", "absent")
    sure: Certainty = "certain" if there is not None and plain else "possible"
    effects: tuple[Effect, ...] = (
        package_effect(
            call, action, f"pipx {name}", certainty=sure, why="" if sure == "certain" else "what is there already"
        ),
    )
    if sure == "certain":
        place = posixpath.join(tops[0], name)
        effects += host.make_directory(call, place) if action == "install" else host.remove(call, place)
    return Result(effects=effects, changed=changed_by(effects))
