"""Running advisory gates: after the verdict, and only while no gate run waits for the runner that they occupy."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import clock, logs
from gastown.errors import GastownError
from gastown.refinery import checks
from gastown.refinery.checks import Bench, Result
from gastown.refinery.command import Stopped
from gastown.refinery.heartbeat import Work
from gastown.refinery.models import GateRun, RunState
from gastown.rigs import Gate, Rig

log = logs.get(__name__)

# A run that nobody has taken up for so long finds no free runner.
PATIENCE = timedelta(seconds=2)
LOOK_EVERY_S = 2.0


def advise(bench: Bench, gates: Sequence[Gate], work: Work, note: Callable[[Sequence[Result]], None]) -> None:
    """Run the gates one by one, each noted when it ends; without a word where that cannot be done.

    They give way to the first run that waits: what they would have said of this tree then stays unsaid, until it is
    run again.
    """
    polite = replace(bench, given_up=_until_wanted(bench.given_up, work))
    try:
        for gate in gates:
            if polite.given_up():
                raise Stopped
            note(checks.advise(polite, [gate]))
    except Stopped:
        log.info("advisory gates were given up")
    except (GastownError, OSError) as error:
        log.warning("advisory gates could not run: %s", error)


def _until_wanted(given_up: Callable[[], bool], work: Work) -> Callable[[], bool]:
    looked = clock.monotonic() - LOOK_EVERY_S
    is_wanted = False

    def look() -> bool:
        nonlocal looked, is_wanted
        if not is_wanted and clock.monotonic() - looked >= LOOK_EVERY_S:
            looked = clock.monotonic()
            with work() as session:
                is_wanted = _waits_anybody(session)
        return is_wanted or given_up()

    return look


def _waits_anybody(session: Session) -> bool:
    """Whether a run waits for a runner, and not for its rig to be let go on."""
    query = (
        select(GateRun.id)
        .join(Rig, col(Rig.name) == col(GateRun.rig))
        .where(
            GateRun.state == RunState.REQUESTED,
            col(GateRun.created_at) <= clock.now() - PATIENCE,
            col(Rig.frozen_at).is_(None),
        )
    )
    return session.exec(query.limit(1)).first() is not None
