"""What a series of runs says of one tree."""

from datetime import UTC, datetime, timedelta

import pytest

from gastown.refinery.judgement import LONGEST_PAUSE, Standing, judge, pause_after
from gastown.refinery.models import GateRun, RunState, Verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = {"asked": RunState.REQUESTED, "runs": RunState.RUNNING, "off": RunState.CANCELLED}
VERDICTS = {
    "pass": Verdict.PASS,
    "fail": Verdict.FAIL,
    "flaky": Verdict.FLAKY,
    "infra": Verdict.INFRASTRUCTURE_ERROR,
    "void": Verdict.FAIL,
}


def _runs(*words: str) -> list[GateRun]:
    return [
        GateRun(
            id=number,
            rig="app",
            base_oid="a",
            commit_oid="b",
            tree_oid="c",
            config_hash="d",
            state=STATES.get(word, RunState.FINISHED),
            verdict=VERDICTS.get(word),
            is_void=word == "void",
            created_at=AT,
            finished_at=AT,
        )
        for number, word in enumerate(words, start=1)
    ]


@pytest.mark.parametrize(
    ("runs", "standing", "attempt"),
    [
        ("", Standing.ASK, 1),
        ("asked", Standing.ASKED, 1),
        ("runs", Standing.ASKED, 1),
        ("off", Standing.ASK, 1),
        ("pass", Standing.GREEN, 1),
        ("fail", Standing.ASK, 2),
        ("fail runs", Standing.ASKED, 1),
        ("fail pass", Standing.GREEN, 1),
        ("fail flaky", Standing.GREEN, 1),
        ("fail fail", Standing.RED, 1),
        ("fail infra fail", Standing.RED, 1),
        ("fail infra", Standing.ASK, 2),
        ("infra", Standing.ASK, 1),
        ("infra infra infra", Standing.STUCK, 1),
        ("fail infra infra infra", Standing.STUCK, 2),
        ("infra infra infra runs", Standing.ASKED, 1),
        ("infra infra infra pass", Standing.GREEN, 1),
        ("void void", Standing.ASK, 1),
        ("void void fail", Standing.ASK, 2),
        ("fail fail asked", Standing.RED, 1),
    ],
)
def test_standing_follows_from_the_runs(runs: str, standing: Standing, attempt: int) -> None:
    judgement = judge(_runs(*runs.split()), max_infrastructure=3)
    assert judgement.standing is standing
    if standing in (Standing.ASK, Standing.STUCK):
        assert judgement.attempt == attempt


def test_finished_run_without_verdict_is_no_answer() -> None:
    (run,) = _runs("pass")
    run.verdict = None
    assert judge([run], max_infrastructure=3).standing is Standing.ASK


def test_stuck_tree_is_tried_again_later_each_time_when_it_stays_stuck() -> None:
    first = judge(_runs(*["infra"] * 3), max_infrastructure=3).again_at
    second = judge(_runs(*["infra"] * 4), max_infrastructure=3).again_at
    assert (first, second) == (AT + timedelta(minutes=1), AT + timedelta(minutes=2))


def test_pauses_stay_bounded_when_failures_go_on() -> None:
    assert pause_after(1000) == LONGEST_PAUSE
