"""Whether what a gate waits for has come, as far as the store itself can say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from gastown.beads.models import Bead, BeadStatus

GATE_TYPES = ("human", "timer", "gh:run", "gh:pr", "bead", "mail")
_NS_IN_US = 1000
# What programs can find out; the others somebody must say.
CHECKABLE = frozenset({"timer", "gh:run", "gh:pr", "bead"})


class Outcome(StrEnum):
    """What is known of a gate's condition."""

    PENDING = "pending"
    RESOLVED = "resolved"
    ESCALATED = "escalated"  # it cannot come any more
    ERROR = "error"  # it could not be looked at


@dataclass(frozen=True)
class Verdict:
    """What was found about a gate, and why."""

    outcome: Outcome
    why: str


def expires_at(gate: Bead) -> datetime | None:
    """When a gate's time is over; None without a time-out."""
    return gate.created_at + timedelta(microseconds=gate.timeout // _NS_IN_US) if gate.timeout > 0 else None


def judge(session: Session, gate: Bead, now: datetime) -> Verdict:
    """What the store knows of a gate's condition; what is outside it stays pending."""
    if gate.await_type == "timer":
        end = expires_at(gate)
        if end is None:
            return Verdict(Outcome.ERROR, "a timer without a time-out")
        if now > end:
            return Verdict(Outcome.RESOLVED, f"its time was over at {end:%Y-%m-%d %H:%M:%S}Z")
        return Verdict(Outcome.PENDING, f"its time is over at {end:%Y-%m-%d %H:%M:%S}Z")
    if gate.await_type == "bead":
        return _judge_bead(session, gate)
    return Verdict(Outcome.PENDING, f"waits for {gate.await_type or 'somebody'}")


def _judge_bead(session: Session, gate: Bead) -> Verdict:
    name = gate.await_id.rpartition(":")[2]
    target = session.get(Bead, name)
    if target is None or target.status == BeadStatus.TOMBSTONE:
        return Verdict(Outcome.ERROR, f"no issue found matching {name!r}")
    if target.status == BeadStatus.CLOSED:
        return Verdict(Outcome.RESOLVED, f"{name} is closed")
    return Verdict(Outcome.PENDING, f"{name} is {target.status}")
