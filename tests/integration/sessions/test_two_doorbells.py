"""Two doorbells of one attempt in one worker: it has one supervisor, however slow anything is."""

import threading
from collections.abc import Callable

from sqlmodel import Session

from gastown import assignments
from gastown.assignments import AssignmentState
from gastown.db.unit_of_work import transact
from tests.support.session_host import Host

DEADLINE_S = 30


def test_a_claim_that_outlasts_its_lease_is_not_adopted_beside_itself(here: Host) -> None:
    """The answer to the claim comes when its lease has run out, and the second doorbell rings before it does."""
    office = here.worker()
    _bead, number = here.sling("gt done")
    is_claimed, may_answer = threading.Event(), threading.Event()

    def slow(act: Callable[[Session], object]) -> object:
        answer = transact(act)
        if isinstance(answer, assignments.Claim) and not is_claimed.is_set():
            here.expire()
            is_claimed.set()
            assert may_answer.wait(DEADLINE_S)
        return answer

    office.transact = slow
    first = here.watch(office, number)
    assert is_claimed.wait(DEADLINE_S)
    second = here.watch(office, number)
    second.thread.join(1.0)
    may_answer.set()

    results = sorted((first.result(), second.result()))

    assert "nothing to take" in results
    row = here.row(number)
    assert row.runs == 1
    assert (row.adoptions, row.state) != (1, AssignmentState.LOST)
