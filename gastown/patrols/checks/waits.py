"""The gates of beads (`bd gate`) open when what they wait for has come, and a person is asked where it cannot."""

from collections.abc import Iterable

from sqlmodel import Session

from gastown import beads, clock
from gastown.beads import Bead
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning

_KINDS = ("bead", "timer")


def look(here: Here) -> Iterable[Fault]:
    """Gates that wait for a bead or a time; GitHub is asked by `bd gate check` alone."""
    with here.read() as session:
        gates = [gate for gate in beads.list_gates(session) if gate.await_type in _KINDS]
        found = [_say(session, gate) for gate in gates]
    yield from (said for said in found if said is not None)


def _say(session: Session, gate: Bead) -> Fault | None:
    verdict = beads.judge_gate(session, gate, clock.now())
    if verdict.outcome is beads.Outcome.ERROR:
        return warning(gate.id, f"this gate cannot be looked at: {verdict.why}", f"bd show {gate.id}")
    if verdict.outcome is not beads.Outcome.RESOLVED:
        return None
    if gate.await_type == "bead":
        return warning(gate.id, f"this gate can open: {verdict.why}", "bd gate check")
    return warning(
        gate.id, f"this gate's time is over, and somebody has to decide: {verdict.why}", f"bd gate resolve {gate.id}"
    )


def mend(hands: Hands, fault: Fault) -> str:
    """Open a gate whose bead is closed; mark one whose time is over for a person, and never open it by itself."""
    return hands.transact(lambda session: _act(session, fault.subject, actor=hands.actor))


def _act(session: Session, gate_id: str, *, actor: str) -> str:
    gate = beads.get_gate(session, gate_id)
    verdict = beads.judge_gate(session, gate, clock.now())
    if gate.status == beads.BeadStatus.CLOSED or verdict.outcome is not beads.Outcome.RESOLVED:
        return ""
    if gate.await_type == "bead":
        beads.resolve_gate(session, gate_id, actor=actor, reason=verdict.why)
        return f"opened it: {verdict.why}"
    if not beads.add_label(session, gate_id, beads.NEEDS_PERSON, actor=actor):
        return ""
    beads.add_comment(session, gate_id, f"This gate does not open by itself: {verdict.why}", actor=actor)
    return "asked for a person"


CHECK = Check(
    "waits",
    look,
    "no gate of a bead is overdue",
    category=Category.WORK,
    patrol=Patrol.DEACON,
    mend=mend,
    is_automatic=True,
)
