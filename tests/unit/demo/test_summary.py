"""The demo's figures, made from crafted facts: each promise that could be broken shows."""

from datetime import UTC, datetime

import pytest

from gastown.beads import BeadStatus
from gastown.events import Event, EventKind
from gastown.town.demo.summary import Facts, Item, Landed, list_killed, summarise

_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _item(number: int, *, status: str = BeadStatus.CLOSED, sha: str | None = None) -> Item:
    return Item(f"a-{number}", "a", "Title", status, 1, f"c{number}" if sha is None else sha, _AT, _AT)


def _commit(number: int, *, names: tuple[str, ...] | None = None, has_verdict: bool = True) -> Landed:
    return Landed("a", f"c{number}", (f"a-{number}",) if names is None else names, has_verdict)


def _event(kind: EventKind, actor: str = "town", **values: object) -> Event:
    return Event(at=_AT, kind=kind, actor=actor, payload=values)


def test_all_is_good_when_every_bead_landed_once_on_green_commits() -> None:
    facts = Facts([_item(1), _item(2)], [_commit(1), _commit(2)], [])
    found = summarise(facts, {"c1": True, "c2": True})
    assert (found.landed, found.escalated, found.lost, found.double_landed, found.red) == (2, 0, 0, 0, [])
    assert found.is_good


@pytest.mark.parametrize(
    ("facts", "rechecks", "field", "value"),
    [
        pytest.param(
            Facts([_item(1), _item(2, status=BeadStatus.OPEN, sha="")], [_commit(1)], []), {}, "lost", 1, id="open"
        ),
        pytest.param(Facts([_item(1), _item(2)], [_commit(1)], []), {}, "lost", 1, id="closed but not on main"),
        pytest.param(Facts([_item(1, sha="")], [_commit(1)], []), {}, "lost", 1, id="closed without a commit"),
        pytest.param(
            Facts([_item(1)], [_commit(1), _commit(2, names=("a-1",))], []), {}, "double_landed", 1, id="landed twice"
        ),
        pytest.param(Facts([_item(1)], [_commit(1, has_verdict=False)], []), {}, "red", ["c1"], id="no verdict"),
        pytest.param(Facts([_item(1)], [_commit(1)], []), {"c1": False}, "red", ["c1"], id="red when run again"),
    ],
)
def test_figure_tells_when_a_promise_is_broken(
    facts: Facts, rechecks: dict[str, bool], field: str, value: object
) -> None:
    found = summarise(facts, rechecks)
    assert getattr(found, field) == value
    assert not found.is_good


def test_escalated_bead_is_not_lost_when_a_person_has_it() -> None:
    found = summarise(Facts([_item(1, status=BeadStatus.ESCALATED, sha="")], [], []), {})
    assert (found.escalated, found.lost, found.is_good) == (1, 0, True)


def test_worker_counts_as_killed_once_when_it_was_replaced_and_its_sessions_were_adopted() -> None:
    events = [
        _event(EventKind.WORKER_STARTED, "h:1", host="h", role="sessions"),
        _event(EventKind.WORKER_STARTED, "h:2", host="h", role="gates"),
        _event(EventKind.WORKER_STARTED, "h:3", host="h", role="sessions"),
        _event(EventKind.ASSIGNMENT_ADOPTED, "h:3", old_holder="h:1"),
        _event(EventKind.ASSIGNMENT_ADOPTED, "h:3", old_holder="h:1"),
    ]
    assert list_killed(events) == {"h:1"}


def test_worker_is_not_killed_when_it_said_goodbye_before_its_successor_came() -> None:
    events = [
        _event(EventKind.WORKER_STARTED, "h:1", host="h", role="sessions"),
        _event(EventKind.WORKER_STOPPED, "h:1", host="h", role="sessions"),
        _event(EventKind.WORKER_STARTED, "h:2", host="h", role="sessions"),
        _event(EventKind.ASSIGNMENT_ADOPTED, "h:2", old_holder="h:1"),
    ]
    assert list_killed(events) == set()


def test_only_agents_that_ended_by_a_signal_of_their_own_are_dead_when_sessions_end() -> None:
    events = [
        _event(EventKind.SESSION_ENDED, exit_signal=9, exit_reason="exited"),
        _event(EventKind.SESSION_ENDED, exit_signal=15, exit_reason="stopped"),
        _event(EventKind.SESSION_ENDED, exit_code=0, exit_reason="exited"),
        _event(EventKind.REQUEST_RETURNED, reason="conflict"),
        _event(EventKind.REQUEST_RETURNED, reason="red"),
    ]
    found = summarise(Facts([], [], events), {})
    assert (found.agent_deaths, found.reworks, found.conflicts) == (1, 2, 1)


def test_object_has_exactly_the_promised_keys_when_printed() -> None:
    shown = summarise(Facts([_item(1)], [_commit(1)], []), {}).as_json(town="/t", duration_s=1.26)
    assert shown == {
        "beads": {"total": 1, "landed": 1, "escalated": 0, "lost": 0},
        "double_landed": 0,
        "red_commits": 0,
        "worker_kills": 0,
        "agent_deaths": 0,
        "reworks": 0,
        "conflicts": 0,
        "duration_s": 1.3,
        "town": "/t",
        "items": [{"id": "a-1", "rig": "a", "status": "closed", "attempts": 1, "landed_sha": "c1"}],
    }
