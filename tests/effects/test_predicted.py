from __future__ import annotations

from aisafe.effects.api import Call, LiveFile, Result
from aisafe.effects.predicted import HIDDEN, changed, claims_of
from aisafe.model import BlindSpot, Coverage, Effect, Holder, User
from tests.cases import unit
from tests.effects.living import socket
from tests.effects.scenes import TASK, predicted

CALL = Call(module="x.y.z", args={}, task=TASK)
UNIT, BOX = Holder(kind="unit", name="a.service"), Holder(kind="container", name="a")
HTTP = socket("0.0.0.0", 80)


def effect(action: str, **more: object) -> Effect:
    given = {"kind": "unit", "name": "a.service", "task": TASK, "holder": UNIT, **more}
    return Effect(action=action, **given)  # type: ignore[arg-type]


def test_effects_are_numbered_over_the_whole_run() -> None:
    host = predicted()
    host.record(CALL, Result(effects=(effect("stop"), effect("start"))))
    host.opaque(CALL, "no model")
    host.record(CALL, Result(effects=(effect("enable"),)))
    found = host.forecast(Coverage()).effects
    assert [item.seq for item in found] == [1, 2, 3, 4]
    assert (found[2].kind, found[2].certainty, found[2].why) == ("command", "opaque", "no model")


def test_the_certainty_of_the_call_lowers_that_of_its_effects() -> None:
    perhaps = Call(module="x", args={}, task=TASK, certainty="possible", why="if it rains")
    mine = effect("start", certainty="possible", why="mine")
    result = predicted().record(perhaps, Result(effects=(effect("stop"), mine)))
    assert [(item.certainty, item.why) for item in result.effects] == [
        ("possible", "if it rains"),
        ("possible", "mine"),
    ]


def test_a_hidden_task_tells_no_values() -> None:
    call = Call(module="x", args={}, task=TASK, no_log=True)
    told = effect("run", kind="command", name="login hunter2", detail="hunter2", why="hunter2", certainty="possible")
    (shown,) = predicted().record(call, Result(effects=(told,))).effects
    assert "hunter2" not in str(shown)
    assert shown.name == HIDDEN


def test_blind_spots_are_told_once() -> None:
    spot = BlindSpot(kind="file", reason="x", blocks=False)
    host = predicted(blind_spots=(spot,))
    host.blind(spot)
    other = BlindSpot(kind="include", reason="y")
    assert host.forecast(Coverage(), [other, other]).blind_spots == (spot, other)


def test_services_are_worked_out_anew_when_a_task_was_run() -> None:
    host = predicted(units={"a.service": unit("a.service")})
    assert [service.active for service in host.forecast(Coverage()).services] == [True]
    host.record(CALL, Result(effects=host.units.stop(CALL, "a.service")))
    assert [service.active for service in host.services()] == [False]
    assert [service.active for service in host.forecast(Coverage()).services] == [False]


def test_hosts_that_share_what_was_seen_change_apart() -> None:
    """The units are the same objects, and what is unseen on both is one object."""
    units = {"a.service": unit("a.service", fragment_path="/etc/systemd/system/a.service")}
    unseen = {"/etc/x": LiveFile(path="/etc/x", kind="unseen", reason="no right")}
    changing, other = predicted(unseen, units=units), predicted(unseen, units=units)
    assert changing.file("/etc/x") is other.file("/etc/x")
    assert changing.units.get("a.service").unit is other.units.get("a.service").unit
    text = b"[Service]\nExecStart=/bin/b\n"
    for path, content in (("/etc/x", b"mine"), ("/etc/systemd/system/a.service", text)):
        changing.record(CALL, Result(effects=changing.put(CALL, path, content=content)))
    changing.units.daemon_reload(CALL)
    changing.record(CALL, Result(effects=changing.units.stop(CALL, "a.service")))
    changing.packages["mine"] = "1"
    changing.users["mine"] = User(name="mine", uid=1, gid=1)
    assert changing.file("/etc/x").content == b"mine"
    assert changing.units.get("a.service").unit.commands == (("/bin/b",),)
    assert other.file("/etc/x").kind == "unseen"
    assert other.units.get("a.service").unit == units["a.service"]
    assert not other.packages.keys() & {"mine"}
    assert not other.users.keys() & {"mine"}
    (before,) = other.forecast(Coverage()).services
    assert (before.active, before.by_run) == (True, False)


def test_changed() -> None:
    assert changed([]) is False
    assert changed([effect("start", certainty="possible")]) is None
    assert changed([effect("start", certainty="possible"), effect("start")]) is True


def test_claims_are_what_is_held_at_the_end() -> None:
    start = effect("start", binds=(HTTP,))
    assert [(claim.holder, claim.certainty) for claim in claims_of([start])] == [(UNIT, "certain")]
    assert claims_of([start, effect("stop", frees=(UNIT,))]) == ()
    assert claims_of([start, effect("restart")]) == ()
    assert claims_of([effect("enable")]) == ()
    (possible,) = claims_of([start, effect("stop", certainty="possible")])
    assert possible.certainty == "possible"
    (guessed,) = claims_of([effect("start", binds=(HTTP,), sockets_known=False)])
    assert guessed.certainty == "possible"
    moved = effect("change", kind="container", name="a", holder=BOX, frees=(BOX,), binds=(socket("0.0.0.0", 81),))
    made = effect("create", kind="container", name="a", holder=BOX, binds=(HTTP,))
    assert [claim.socket.port for claim in claims_of([made, moved])] == [81]
