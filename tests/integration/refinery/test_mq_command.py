"""`gt mq` on a real queue."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gastown import config, rigs
from gastown.cli import app
from gastown.cli.context import Context
from tests.support.refinery_town import RED, RefineryTown


@pytest.fixture
def queue(town: RefineryTown) -> Iterator[RefineryTown]:
    config.use(town.settings)
    yield town
    config.use(None)


def _gt(*argv: str, agent: Any = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    context = Context(
        "gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat", session_pass=agent
    )
    return app.invoke(context, list(argv)), out.getvalue(), err.getvalue()


def _json(*argv: str) -> Any:
    code, out, err = _gt(*argv, "--json")
    assert code == 0, err
    return json.loads(out)


def test_list_shows_position_state_and_reason_when_requests_wait(queue: RefineryTown) -> None:
    red = queue.submit({"check.sh": RED}, priority=0)
    queue.settle()
    first, second = queue.submit({"b.txt": "x"}), queue.submit({"c.txt": "x"})
    queue.step()
    rows = _json("mq", "list", "app")
    assert [(row["position"], row["bead"], row["state"]) for row in rows] == [
        (1, first, "testing"),
        (2, second, "testing"),
        (0, red, "returned"),
    ]
    assert rows[0]["waits_for"].startswith("gate run")
    assert rows[2]["waits_for"] == "rework (red)"
    assert rows[2]["retries"] == 1
    code, out, _ = _gt("mq", "list")
    assert code == 0
    assert first in out


def test_status_shows_target_and_counts_when_something_landed(queue: RefineryTown) -> None:
    queue.submit({"b.txt": "x"})
    queue.settle()
    (row,) = _json("mq", "status")
    assert (row["rig"], row["target_state"], row["target_oid"]) == ("app", "green", queue.target())
    assert row["counts"]["landed"] == 1
    assert row["landing"] is None


def test_empty_queue_says_so_in_words(queue: RefineryTown) -> None:
    assert _gt("mq", "list") == (0, "Nothing waits to land.\n", "")
    assert _json("mq", "list") == []


def test_unknown_rig_is_refused_with_the_known_ones(queue: RefineryTown) -> None:
    for argv in (("mq", "list", "nope"), ("mq", "status", "nope"), ("mq", "retry", "nope")):
        code, out, err = _gt(*argv)
        assert (code, out) == (4, "")
        assert "app" in err


def test_retry_starts_a_stopped_queue_when_a_person_asks_for_it(queue: RefineryTown) -> None:
    bead = queue.submit({"check.sh": RED})
    queue.settle()
    assert queue.request(bead).retries == 1
    assert _json("mq", "retry", "app") == {"rig": "app", "forgotten": 2}
    assert queue.runs()[-1].is_void


def test_simulate_prints_what_a_train_costs_and_refuses_what_cannot_be(queue: RefineryTown) -> None:
    words = ("mq", "simulate", "--requests", "32", "--bad", "1", "--runners", "4", "--trials", "50", "--seed", "2")
    shown = _json(*words, "--mode", "thrifty")
    assert (shown["trials"], shown["landed"], shown["wrong_ejections"], shown["red_commits"]) == (50, 50 * 31, 0, 0)
    assert shown["gate_runs_mean"] <= 14
    assert shown["makespan_mean"] <= 5
    assert shown["confirm_runs_mean"] <= 1
    assert shown["time_to_main_mean"] < shown["makespan_mean"]
    assert shown == _json(*words, "--mode", "thrifty")
    code, _, err = _gt("mq", "simulate", "--requests", "3", "--bad", "4")
    assert code == 2
    assert "3" in err


def test_list_shows_seats_and_who_is_set_aside(queue: RefineryTown) -> None:
    queue.settle()
    bad, good = queue.submit({"check.sh": RED}), queue.submit({"b.txt": "x"})
    for _ in range(3):
        queue.step()
        queue.gate()
        rows = {row["bead"]: row for row in _json("mq", "list", "app")}
        if bad in rows and rows[bad]["set_aside_at"]:
            break
    assert rows[bad]["seat"] is None
    assert rows[bad]["waits_for"].startswith("set aside: ")
    queue.settle()
    assert queue.landed == [good]


def test_stats_count_runs_waits_and_what_went_back(queue: RefineryTown) -> None:
    queue.settle()
    good = [queue.submit({f"{name}.txt": "x"}) for name in "ab"]
    queue.settle()
    queue.submit({"check.sh": RED})
    queue.settle()
    (row,) = _json("mq", "stats", "app")
    assert (row["landed"], row["landings"], row["returned"]) == (2, len(row["trains"]), {"red": 1})
    assert sum(train["riders"] for train in row["trains"]) == len(good)
    assert row["gate_runs"] == len([run for run in queue.runs() if run.riders])
    assert row["confirm_runs"] == 1
    assert row["gate_runs_per_landed"] == row["gate_runs"] / 2
    assert 0 <= row["wait_s"]["p50"] <= row["wait_s"]["p99"]
    code, out, _ = _gt("mq", "stats")
    assert code == 0
    assert "red 1" in out
    assert _json("mq", "stats", "--days", "1")[0]["rig"] == "app"


def test_list_shows_each_train_with_its_area(queue: RefineryTown) -> None:
    with queue.work() as session:
        rigs.set_areas(session, "app", {"web": ["web/**"]}, actor="ada")
    queue.settle()
    web, both = queue.submit({"web/b.txt": "x"}), queue.submit({"web/c.txt": "x", "d.txt": "x"})
    queue.step()

    assert {row["bead"]: row["area"] for row in _json("mq", "list", "app")} == {web: "web", both: None}
    _, out, _ = _gt("mq", "list")
    assert "\napp, web: 1 aboard; gate run" in out
    assert "\napp: 1 aboard; gate run" in out
    queue.gate()
    queue.step()
    (row,) = _json("mq", "list", "app")
    assert [point["riders"] for point in row["checkpoints"]] == [[both]]


def test_list_says_on_top_of_whom_a_train_is_tested(queue: RefineryTown) -> None:
    with queue.work() as session:
        rigs.set_areas(session, "app", {"web": ["web/**"]}, actor="ada")
    queue.settle()
    queue.submit({"web/b.txt": "x"})
    both = queue.submit({"d.txt": "x"})
    queue.step()
    queue.gate()
    queue.step()
    queue.submit({"web/c.txt": "x"})
    queue.step()

    assert f"on top of {both}, requested" in _gt("mq", "list")[1]
    queue.settle()
    assert queue.red() == []
