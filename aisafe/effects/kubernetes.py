"""kubernetes.core.k8s and kubectl: what they give to a cluster is looked at; what it does there is not of this host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aisafe.effects.api import Call, Result, model
from aisafe.effects.arguments import UnknownArgument
from aisafe.effects.attributes import remote_path
from aisafe.effects.elsewhere import elsewhere
from aisafe.effects.manifests import depends, give, of_path, read, unread
from aisafe.effects.predicted import PredictedHost
from aisafe.effects.programs import Ran, Scene, program, split_options
from aisafe.effects.shell import Word
from aisafe.model import Effect, Manifest, Unknown

_CHANGING = frozenset(
    "apply create replace patch delete scale autoscale expose run set label annotate taint drain cordon uncordon rollout".split()
)
_GIVING = ("apply", "create", "replace")
_VALUED = (
    "f filename n namespace l selector o output k kustomize context kubeconfig cluster user s server token as field-manager "
    "field-selector timeout grace-period dry-run validate"
)


@model("kubernetes.core.k8s", "community.kubernetes.k8s", "community.general.k8s", "community.okd.k8s")
def k8s(call: Call, host: PredictedHost) -> Result:
    """An object of a cluster; ``definition``, ``src`` (on the controller, else on the host) or ``template``."""
    if call.args.get("state") not in ("absent", "patched"):
        give(host, tuple(_of_module(call, host)))
    return elsewhere(call, host)


def _of_module(call: Call, host: PredictedHost) -> Iterator[Manifest]:
    definition = next(
        (call.args[key] for key in ("definition", "resource_definition", "inline") if call.args.get(key)), None
    )
    if call.no_log:
        yield unread(call.task, "definition", "the task has no_log", call=call)
    elif definition is not None:
        yield from read(definition, call.task, "definition", call=call)
    elif isinstance(call.source, Unknown):
        yield unread(call.task, "the template", f"it {depends(call.source)}", call=call)
    elif call.source is not None:
        for source in call.source:
            yield from read(source.content, call.task, source.name or "the template", call=call)
    elif isinstance(src := call.args.get("src"), str) and "://" not in src:
        path = remote_path(src, call=call, host=host)
        yield from of_path(host, path, call, strict=False)


@program("kubectl")
def kubectl(scene: Scene, words: Sequence[Word]) -> Ran:
    """What changes a cluster is not of this host; the files of apply, create and replace are looked at (kubectl reference)."""
    options, operands = split_options(words, valued=_VALUED)
    verb = operands[0].text if operands else ""
    if verb not in _CHANGING:
        return Ran(opaque=f"kubectl {verb} is not understood".replace("  ", " "))
    call, host = scene.call, scene.host
    files = _files(words)
    if verb in _GIVING:
        strict = options.get("validate", "true") in ("", "true", "strict")
        for name in files:
            give(host, _of_file(scene, name, strict=strict))
    effect = Effect(
        kind="command", action="run", name=" ".join(["kubectl", verb, *(f"-f {name}" for name in files)]), task=call.task,
        certainty="possible", why="what is there already", reversible=False, elsewhere=True,
        detail="outside of what a restore of the host brings back",
    )  # fmt: skip
    return Ran(effects=(effect,))


def _files(words: Sequence[Word]) -> list[str]:
    found: list[str] = []
    for word, following in zip(words, [*[item.text for item in words], ""][1:], strict=True):
        if word.text in ("-f", "--filename"):
            found += following.split(",")
        elif word.text.startswith(("-f", "--filename=")):
            found += word.text.removeprefix("--filename=").removeprefix("-f").removeprefix("=").split(",")
    return [name for name in found if name]


def _of_file(scene: Scene, name: str, *, strict: bool) -> tuple[Manifest, ...]:
    call = scene.call
    if call.no_log:
        return (unread(call.task, "its file", "the task has no_log", call=call),)
    if "://" in name:
        return (unread(call.task, name.partition("?")[0], "it comes from the network", call=call),)
    if name == "-":
        text = scene.stdin if scene.stdin is not None else Unknown("what it reads from its standard input")
        return tuple(read(text, call.task, "its standard input", call=call, strict=strict))
    try:
        return tuple(of_path(scene.host, scene.path(name), call, strict=strict))
    except UnknownArgument as error:
        return (unread(call.task, name, str(error), call=call),)
