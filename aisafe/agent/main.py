"""The agent's entry: ``serve`` answers the controller over stdin and stdout; the other words are for the host's own units.

One JSON object a line. Request: ``{"id": 1, "op": "state", "args": {…}}``. Answers to it, in this order: any number of
``{"id": 1, "progress": "text"}``, then ``{"id": 1, "ok": {…}}`` or
``{"id": 1, "error": {"code": …, "message": …, "state": …, "fix": …}}``. End of input ends the agent.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Callable, Dict, List

from .failure import AgentFailure

Operation = Callable[[Dict[str, Any], Callable[[str], None]], Dict[str, Any]]
Send = Callable[[Dict[str, Any]], None]


def operations() -> dict[str, Operation]:
    """Every operation by name; each gets its arguments and a function that tells the controller of progress."""
    from . import guard_ops, snapshots, state_ops, verify  # noqa: PLC0415  they import this package

    return {**state_ops.OPS, **guard_ops.OPS, **snapshots.OPS, "verify": verify.verify}


def answer(table: dict[str, Operation], request: dict[str, Any], send: Send) -> None:
    """Do one request and send what came of it; never raises."""
    ident, name = request.get("id"), str(request.get("op"))
    try:
        if name not in table:
            raise AgentFailure("unknown-op", "the agent does not know %r" % name)
        send(
            {
                "id": ident,
                "ok": table[name](request.get("args") or {}, lambda text: send({"id": ident, "progress": text})),
            }
        )
    except AgentFailure as failure:
        told = {"code": failure.code, "message": failure.message, "state": failure.state, "fix": failure.fix}
        send({"id": ident, "error": told})
    except Exception as error:  # whatever it is, the controller must hear of it
        told = {"code": "bug", "message": "%s: %s" % (type(error).__name__, error), "state": "", "fix": ""}
        send({"id": ident, "error": {**told, "trace": traceback.format_exc()}})


def serve() -> int:
    """Answer until the input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing but answers may reach the controller

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    table = operations()
    for line in sys.stdin:
        if line.strip():
            answer(table, json.loads(line), send)
    return 0


def main(argv: List[str]) -> int:
    """``serve``, or a word of the host's own units (``watch``, ``rollback``, ``boot``)."""
    if argv[:1] == ["serve"]:
        return serve()
    from . import guard_ops  # noqa: PLC0415  as above

    return guard_ops.main(argv)
