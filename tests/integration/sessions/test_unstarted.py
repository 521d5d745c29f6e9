"""A run of an agent is counted before it begins: a worker that dies in between leaves one that never did."""

import pytest
from sqlmodel import select

from gastown.assignments import AssignmentState
from gastown.db.unit_of_work import reading
from gastown.events import Event, EventKind
from gastown.runtimes import host
from tests.support.refinery_town import Crash
from tests.support.session_host import Host


def _booked(number: int) -> list[tuple[int, str]]:
    with reading() as session:
        asked = select(Event).where(Event.assignment_id == number, Event.kind == EventKind.SESSION_ENDED)
        return [(row.payload["run"], row.payload["exit_reason"]) for row in session.exec(asked.order_by(Event.id))]  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_it_is_booked_as_one_that_never_began_when_the_next_one_is(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _bead, number = here.sling("true")

    def die(*_args: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(host, "start", die)
        here.watch(here.worker(), number).thread.join(30)
    assert here.row(number).runs == 1
    here.expire()

    assert here.watch(here.worker(), number).result() == "failed"

    row = here.row(number)
    assert (row.state, row.runs, row.booked_runs) == (AssignmentState.FAILED, 2, 2)
    assert _booked(number) == [(1, "unstarted"), (2, "exited")]
