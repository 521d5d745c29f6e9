"""`gt refinery`, `gt mq next|submit|reject|pause|resume` and `gt metrics` on a real queue."""

import io
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import start_http_server
from prometheus_client.parser import text_string_to_metric_families

from gastown import beads, config, policy, rigs
from gastown.beads import NewBead
from gastown.cli import app
from gastown.cli.context import Context
from gastown.rigs import GateSpec
from gastown.town import metrics
from tests.support.refinery_town import RIG, RefineryTown, run_git

Make = Callable[..., RefineryTown]


@pytest.fixture
def queue(make: Make) -> Iterator[RefineryTown]:
    town = make(gates=(GateSpec("check", "! ls bad* 2>/dev/null && echo 1 passed", 30),))
    config.use(town.settings)
    town.settle()
    yield town
    config.use(None)


def _gt(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    context = Context(
        "gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat", session_pass=None
    )
    return app.invoke(context, list(argv)), out.getvalue(), err.getvalue()


def _json(*argv: str) -> Any:
    code, out, err = _gt(*argv, "--json")
    assert code == 0, err
    return json.loads(out)


def _say(*argv: str) -> str:
    code, out, err = _gt(*argv)
    assert code == 0, err
    return out


def test_next_says_which_lane_and_what_the_score_is_made_of(queue: RefineryTown) -> None:
    assert _json("mq", "next") == []
    queue.submit({"one": "x\n"})
    urgent = queue.submit({"two": "x\n"}, priority=0)
    (row,) = _json("mq", "next", RIG)
    assert (row["bead"], row["why"]) == (urgent, "it is a hotfix (P0)")
    assert row["parts"]["priority"] == 400
    assert round(sum(row["parts"].values()), 1) == round(row["score"], 1)
    assert "+400 priority" in _say("mq", "next")
    assert _gt("mq", "next", "nope")[0] == 4


def test_list_and_queue_show_the_train_its_checkpoints_and_what_each_waits_for(queue: RefineryTown) -> None:
    with queue.work() as session:
        policy.set_value(session, "refinery.runners", "1", actor="ada")
    riders = [queue.submit({name: "x\n"}) for name in ("one", "two", "three")]
    queue.step()
    rows = _json("mq", "list", RIG)
    assert [row["bead"] for row in rows] == riders
    (point,) = rows[2]["checkpoints"]
    assert (point["riders"], point["without"], point["state"]) == (riders, [], "requested")
    assert {row["waits_for"] for row in rows} == {f"gate run {point['run']} of the first 3, requested"}
    assert f"{RIG}: 3 aboard; gate run {point['run']} of the first 3, requested" in _say("mq", "list")
    assert [row["seat"] for row in _json("refinery", "queue")] == [1, 2, 3]
    assert f"gate run {point['run']} of the first 3" in _say("refinery", "queue", RIG)


def test_known_verdicts_are_among_the_checkpoints(queue: RefineryTown) -> None:
    with queue.work() as session:
        policy.set_value(session, "refinery.runners", "1", actor="ada")
    good, bad = queue.submit({"one": "x\n"}), queue.submit({"bad": "x\n"})
    queue.step()
    queue.gate()
    queue.step()
    rows = {row["bead"]: row for row in _json("mq", "list")}
    assert [point["verdict"] for point in rows[bad]["checkpoints"]] == ["fail"]
    assert [point["state"] for point in rows[good]["checkpoints"]] == ["requested"]
    assert rows[bad]["waits_for"] == "those before it"


def test_refinery_status_names_workers_and_the_holder_of_the_lease(queue: RefineryTown) -> None:
    from gastown.db import locks
    from gastown.refinery import lease_name
    from gastown.town import presence

    with queue.work() as session:
        presence.note_worker(session, queue.settings, "here:1:2:3", role="refinery", queues=[f"refinery.{RIG}"])
        presence.note_worker(session, queue.settings, "here:2:2:3", role="gates", queues=["gates"])
    (row,) = _json("refinery", "status")
    assert [worker["id"] for worker in row["workers"]] == ["here:1:2:3"]
    assert row["lease"]["holder"] is None
    with queue.work() as session:
        assert locks.try_acquire(session, lease_name(RIG), holder="here:1:2:3", ttl_s=20) is not None
    assert _json("refinery", "status", RIG)[0]["lease"]["holder"] == "here:1:2:3"
    assert "refinery@here" in _say("refinery", "status")


def test_blocked_says_why_of_each_that_cannot_move(queue: RefineryTown) -> None:
    assert _say("refinery", "blocked") == "Nothing is blocked.\n"
    returned = queue.submit({"bad": "x\n"})
    queue.settle()
    child = queue.submit({"child": "x\n"})
    aboard = queue.submit({"same": "one\n"})
    with queue.work() as session:
        beads.add_dependency(session, child, returned, actor="ada")
    queue.step()
    clash = queue.submit({"same": "two\n"})
    queue.step()
    found = {row["bead"]: row for row in _json("refinery", "blocked", RIG)}
    assert {bead: row["kind"] for bead, row in found.items()} == {
        returned: "rework",
        child: "dependency",
        clash: "conflict",
    }
    assert aboard in found[clash]["why"]
    assert returned in found[child]["why"]
    assert _json("mq", "pause", RIG, "--reason", "release day")["why"] == "release day"
    found = {row["bead"]: row for row in _json("refinery", "blocked")}
    assert (found[aboard]["kind"], found[clash]["kind"]) == ("paused", "conflict")


def test_a_pause_is_said_wherever_people_look_and_ends(queue: RefineryTown) -> None:
    bead = queue.submit({"one": "x\n"})
    assert "is paused" in _say("mq", "pause", RIG, "--reason", "release day")
    (row,) = _json("mq", "list")
    assert "release day" in row["waits_for"]
    (status,) = _json("mq", "status")
    assert (status["paused_why"], "release day" in status["waits_for"]) == ("release day", True)
    assert "goes on" in _say("mq", "resume", RIG)
    assert _json("mq", "status")[0]["paused_at"] is None
    queue.settle()
    assert queue.landed == [bead]
    assert _gt("mq", "pause", "nope")[0] == 4
    assert _gt("mq", "pause", RIG, "--reason", "x" * 300)[0] == 2


def test_submit_and_reject_say_what_they_did(queue: RefineryTown) -> None:
    with queue.work() as session:
        bead = beads.create(session, NewBead("By hand", prefix=RIG), actor="ada").id
    run_git(queue.person, "checkout", "--quiet", "-b", "fix/login", "origin/main")
    queue.commit(queue.person, {"b.txt": "x"})
    run_git(queue.person, "push", "--quiet", "origin", "fix/login")
    assert "an attempt in the name of pat" in _say("mq", "submit", bead, "--branch", "fix/login")
    assert _json("mq", "reject", bead, "--reason", "needs a test") == {
        "bead": bead,
        "rig": RIG,
        "state": "returned",
        "rework": True,
    }
    assert _json("mq", "submit", bead)["branch"] == "fix/login"
    assert "off the merge queue" in _say("mq", "reject", bead, "--cancel", "--reason", "not wanted")
    assert _json("mq", "list") == []
    assert _gt("mq", "submit", bead, "--branch", "fix/login", "--head", "nonsense")[0] == 2


def test_stats_tell_the_last_trains(queue: RefineryTown) -> None:
    riders = [queue.submit({name: "x\n"}) for name in ("one", "two")]
    queue.settle()
    queue.submit({"bad": "x\n"})
    queue.settle()
    (row,) = _json("mq", "stats")
    assert row["ejections"] == 1
    assert sum(train["riders"] for train in row["trains"]) == len(riders)
    for train in row["trains"]:
        assert train["outcome"] == "landed"
        assert train["runs"] >= 1
        assert 0 <= train["seconds"] < 60
    assert "OUTCOME" in _say("mq", "stats")


def _read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_the_queue_did(queue: RefineryTown, tmp_path: Path) -> None:
    queue.submit({"one": "x\n"})
    queue.settle()
    queue.submit({"bad": "x\n"})
    queue.settle()
    queue.submit({"two": "x\n"})
    _json("mq", "pause", RIG)
    text = _say("metrics")
    found = _read(text)
    in_rig = ("rig", RIG)
    assert found["gastown_merge_requests", (in_rig, ("state", "landed"))] == 1
    assert found["gastown_merge_requests", (in_rig, ("state", "queued"))] == 1
    assert found["gastown_merge_requests", (in_rig, ("state", "returned"))] == 1
    assert found["gastown_ejections_day", (("reason", "red"), in_rig)] == 1
    assert found["gastown_landings_day", (("outcome", "landed"), in_rig)] == 1
    assert found["gastown_landed_day", (in_rig,)] == 1
    assert found["gastown_queue_paused", (in_rig,)] == 1
    assert found["gastown_gate_runs_day", (in_rig, ("verdict", "fail"))] >= 2
    assert found["gastown_beads", (("status", "submitted"),)] == 1
    assert found["gastown_beads", (("status", "closed"),)] == 1
    assert found["gastown_wait_seconds", (("quantile", "0.5"), in_rig)] >= 0
    assert found["gastown_escalations", ()] == 0
    file = tmp_path / "gastown.prom"
    _say("metrics", "--out", str(file))
    assert _read(file.read_text()).keys() == found.keys()
    assert [path.name for path in tmp_path.glob("*.prom*")] == ["gastown.prom"]
    assert {one["name"] for one in _json("metrics")} == {name for name, _ in found}
    assert _gt("metrics", "--out", str(tmp_path / "no" / "such.prom"))[0] == 6
    assert _gt("metrics", "--out", str(file), "--port", "9477")[0] == 2


def test_metrics_are_read_anew_at_every_request(queue: RefineryTown) -> None:
    server, thread = start_http_server(0, addr="127.0.0.1", registry=metrics.registry(queue.work))
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        seen = []
        for _ in range(2):
            with urllib.request.urlopen(url, timeout=10) as answer:
                seen.append(
                    re.findall(r'gastown_merge_requests\{rig="app",state="queued"\} (\S+)', answer.read().decode())
                )
            queue.submit({"one": "x\n"})
        assert seen == [["0.0"], ["1.0"]]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def test_a_queue_that_is_paused_for_long_is_a_finding(queue: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from gastown import clock
    from gastown.patrols.checks import halts

    _json("mq", "pause", RIG, "--reason", "release day")

    class Here:
        read = staticmethod(queue.work)

    assert list(halts.look(Here())) == []  # type: ignore[arg-type]
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=5))
    (fault,) = halts.look(Here())  # type: ignore[arg-type]
    assert (fault.subject, "gt mq resume app" in fault.hint) == (f"{RIG} queue", True)
    with queue.work() as session:
        assert rigs.list_halts(session) == []
