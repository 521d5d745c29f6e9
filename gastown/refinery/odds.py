"""How often a rig's requests are bad and its gates fail for nothing, as its recent past has it."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown.refinery import queries
from gastown.refinery.models import GateRun, MergeHead, MergeRequest, RunState, Verdict
from gastown.refinery.planning import Odds

# Of the past, so much counts: enough for a steady estimate, little enough to follow a change within a day.
LAST_HEADS = 200
LAST_RUNS = 400
LANDED, RED = "landed", "red"


@dataclass
class Tally:
    """Counts, with what is believed before there are any: the means of two Beta distributions are the odds.

    One bad request in fifty, and a gate that fails for nothing once in a thousand runs; both give way to the first few
    dozen observations.
    """

    good: float = 49.0
    bad: float = 1.0
    sound: float = 49.95
    flaky: float = 0.05

    def odds(self) -> Odds:
        """The means."""
        return Odds(self.bad / (self.bad + self.good), self.flaky / (self.flaky + self.sound))


def learn(session: Session, rig: str) -> Odds:
    """The odds of a rig, from the heads that were decided last and the runs that ended last."""
    tally = Tally()
    decided = session.exec(
        select(MergeHead.result)
        .join(MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id))
        .where(MergeRequest.rig == rig, col(MergeHead.result).in_((LANDED, RED)))
        .order_by(col(MergeHead.id).desc())
        .limit(LAST_HEADS)
    ).all()
    tally.good += decided.count(LANDED)
    tally.bad += decided.count(RED)
    runs = session.exec(
        select(GateRun.verdict, GateRun.riders)
        .where(GateRun.rig == rig, GateRun.state == RunState.FINISHED, col(GateRun.is_void).is_(False))
        .where(queries.says_what_may_land())
        .order_by(col(GateRun.id).desc())
        .limit(LAST_RUNS)
    ).all()
    reds = [list(riders) for verdict, riders in runs if verdict is Verdict.FAIL and riders]
    flakes = sum(verdict is Verdict.FLAKY for verdict, _riders in runs) + _cleared(session, reds)
    tally.flaky += flakes
    tally.sound += max(0, len(runs) - flakes)
    return tally.odds()


def _cleared(session: Session, reds: list[list[int]]) -> int:
    """Of red runs, those whose riders have all landed since: nothing was wrong with them together."""
    numbers = {number for riders in reds for number in riders}
    landed = set(
        session.exec(select(MergeHead.id).where(col(MergeHead.id).in_(numbers), MergeHead.result == LANDED)).all()
    )
    return sum(landed.issuperset(riders) for riders in reds)
