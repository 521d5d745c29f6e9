"""What follows a failed attempt: another one, when, or a person. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gastown.assignments.models import Assignment, AssignmentState, Reason
from gastown.policy import Policy


@dataclass(frozen=True)
class Again:
    """Make another attempt, not before `not_before`."""

    reason: Reason
    not_before: datetime | None = None


@dataclass(frozen=True)
class GiveUp:
    """Ask a person; `why` says which cap was spent."""

    why: str


@dataclass(frozen=True)
class Tally:
    """What has been tried since a person last slung the bead."""

    failures: int
    losses: int
    reworks: int
    handoffs: int


def tally(history: Sequence[Assignment]) -> Tally:
    """Count the attempts since the newest sling; `history` is oldest first and ends with the one that just ended."""
    since = max((i for i, row in enumerate(history) if row.reason is Reason.SLING), default=0)
    rows = history[since:]
    return Tally(
        failures=sum(row.state is AssignmentState.FAILED for row in rows),
        losses=sum(row.state is AssignmentState.LOST for row in rows),
        reworks=sum(row.reason is Reason.REWORK for row in rows),
        handoffs=sum(row.reason is Reason.HANDOFF for row in rows),
    )


def plan_next(reason: Reason, done: Tally, policy: Policy, now: datetime) -> Again | GiveUp:
    """Decide what follows. Each kind of trouble has its own cap; only an agent's own failures cool down.

    Caps and cool-down are DESIGN section 4's: three failures with five minutes from the second on, five losses, five
    reworks; all are settings.
    """
    if reason is Reason.RESUME:
        return Again(reason)
    counts = {
        Reason.RETRY: (done.failures, "cap.agent_failures", "the agent failed {n} times"),
        Reason.TAKEOVER: (done.losses, "cap.infrastructure", "{n} attempts were lost with their worker or host"),
        # The rework that is being decided is not in the tally yet.
        Reason.REWORK: (done.reworks + 1, "cap.reworks", "the merge queue returned it {n} times"),
        Reason.HANDOFF: (done.handoffs + 1, "cap.handoffs", "it was handed off {n} times"),
    }
    count, cap, words = counts[reason]
    limit = policy.count(cap)
    if (count >= limit) if reason in (Reason.RETRY, Reason.TAKEOVER) else (count > limit):
        return GiveUp(words.format(n=count))
    if reason is Reason.RETRY and count >= 2:
        return Again(reason, now + timedelta(seconds=policy.number("cooldown_s")))
    return Again(reason)
