"""Gates: beads that hold up a step until something outside it has happened."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import edges
from gastown.beads.changes import Cause, apply, lock
from gastown.beads.checks import check_short
from gastown.beads.closing import close
from gastown.beads.conditions import GATE_TYPES, Outcome, Verdict, expires_at, judge
from gastown.beads.creation import create
from gastown.beads.errors import BadField
from gastown.beads.gates import github
from gastown.beads.gates.github import GithubSilent, Run
from gastown.beads.labels import add_label
from gastown.beads.lifecycle import add_comment
from gastown.beads.models import Bead, BeadStatus, NewBead
from gastown.beads.queries import get
from gastown.errors import Unavailable
from gastown.events import EventKind

Units = Callable[[], AbstractContextManager[Session]]
NEEDS_PERSON = "human"  # the label of what a person must look at
_OUTSIDE = ("gh:run", "gh:pr")
# A run belongs to a gate when it began about when the gate was made.
_NEAR = timedelta(minutes=5)
_OLDEST = timedelta(minutes=30)


class GithubAway(Unavailable):
    """GitHub could not be asked."""


class NoGate(BadField):
    """The bead is not a gate."""


@dataclass(frozen=True)
class NewGate:
    """What a new gate holds up, and what it waits for."""

    blocks: str
    await_type: str = "human"
    await_id: str = ""
    timeout: int = 0
    """Nanoseconds."""
    reason: str = ""
    id: str = ""


@dataclass
class Checked:
    """What a look at gates found; each name with why."""

    checked: int = 0
    resolved: list[tuple[str, str]] = field(default_factory=list)
    escalated: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    pending: list[tuple[str, str]] = field(default_factory=list)


def create_gate(session: Session, new: NewGate, *, actor: str) -> Bead:
    """File a gate and make the bead `new.blocks` wait for it; refuses conditions that could never come."""
    _check_condition(session, new)
    held = get(session, new.blocks)
    what = f"{new.await_type} {new.await_id}".strip()
    more = {"await_type": new.await_type, "await_id": check_short("await id", new.await_id), "timeout": new.timeout}
    gate = create(
        session,
        NewBead(
            title=f"Gate: {what}",
            description=new.reason,
            issue_type="gate",
            prefix=held.prefix,
            id=new.id,
            more=more,
            ephemeral=held.ephemeral,
        ),
        actor=actor,
    )
    edges.add_dependency(session, held.id, gate.id, actor=actor)
    return gate


def _check_condition(session: Session, new: NewGate) -> None:
    if new.await_type not in GATE_TYPES:
        raise BadField(f"invalid gate type {new.await_type[:60]!r}", hint=f"Known: {', '.join(GATE_TYPES)}.")
    if new.timeout < 0 or (new.await_type == "timer" and new.timeout == 0):
        raise BadField("a timer gate needs a time-out", hint="Add --timeout 30m.")
    if new.await_type == "bead":
        get(session, new.await_id.rpartition(":")[2])
    if new.await_type == "gh:pr" and not (new.await_id.isascii() and new.await_id.isdigit()):
        raise BadField("a gh:pr gate needs the number of a pull request", hint="Add --await-id 42.")
    if new.await_id.startswith("-") or not new.await_id.isprintable():
        raise BadField(f"invalid await id {new.await_id[:60]!r}")


def get_gate(session: Session, bead_id: str) -> Bead:
    """The gate with this id; refuses other beads."""
    gate = get(session, bead_id)
    if gate.issue_type != "gate":
        raise NoGate(f"{bead_id} is not a gate but a {gate.issue_type}", hint="`bd gate list` shows the gates.")
    return gate


def list_gates(session: Session, *, kind: str = "", closed: bool = False, limit: int = 0) -> list[Bead]:
    """The gates, oldest first; `kind` is a type, `gh` for both of GitHub, or nothing for all."""
    if kind and kind not in (*GATE_TYPES, "gh", "all"):
        raise BadField(f"invalid gate type {kind[:60]!r}", hint=f"Known: {', '.join(GATE_TYPES)}, gh, all.")
    query = select(Bead).where(Bead.issue_type == "gate", Bead.status != BeadStatus.TOMBSTONE.value)
    if not closed:
        query = query.where(Bead.status != BeadStatus.CLOSED.value)
    if kind and kind != "all":
        query = query.where(col(Bead.await_type).in_(_OUTSIDE if kind == "gh" else (kind,)))
    query = query.order_by(col(Bead.created_at), col(Bead.id))
    return list(session.exec(query.limit(limit) if limit else query).all())


def resolve_gate(session: Session, bead_id: str, *, actor: str, reason: str = "") -> Bead:
    """Say that what a gate waits for has come: its step is held up by it no longer."""
    gate = get_gate(session, bead_id)
    close(session, [gate.id], actor=actor, reason=reason or "Gate resolved", force=True)
    return gate


def add_waiter(session: Session, bead_id: str, address: str, *, actor: str) -> bool:
    """Note who wants to hear of a gate; False when it is noted."""
    address = check_short("waiter", address.strip())
    if not address:
        raise BadField("the waiter's address cannot be empty")
    get_gate(session, bead_id)
    gate = lock(session, bead_id)
    if address in gate.waiters:
        return False
    return apply(session, gate, EventKind.BEAD_UPDATED, {"waiters": [*gate.waiters, address]}, cause=Cause(actor))


@dataclass(frozen=True)
class Look:
    """How to look at gates: which, where `gh` is called, and what to do about them."""

    folder: Path
    actor: str
    kind: str = ""
    limit: int = 0
    dry_run: bool = False
    escalate: bool = False


def check_gates(reading: Units, writing: Units, look: Look) -> Checked:
    """Look at every open gate and close those whose condition has come; GitHub is asked between two transactions."""
    now = clock.now()
    with reading() as session:
        gates = list_gates(session, kind=look.kind, limit=look.limit)
        verdicts = {gate.id: judge(session, gate, now) for gate in gates}
        session.expunge_all()
    for gate in gates:
        if gate.await_type in _OUTSIDE:
            verdicts[gate.id] = github.judge_outside(gate.await_type, gate.await_id, look.folder)
        end = expires_at(gate)
        is_late = end is not None and now > end and gate.await_type != "human"
        if is_late and verdicts[gate.id].outcome is Outcome.PENDING:
            verdicts[gate.id] = Verdict(Outcome.ESCALATED, f"its time is over; {verdicts[gate.id].why}")
    found = _sort(verdicts)
    if not look.dry_run and (found.resolved or (found.escalated and look.escalate)):
        with writing() as session:
            _act(session, found, look)
    return found


def _sort(verdicts: dict[str, Verdict]) -> Checked:
    found = Checked(checked=len(verdicts))
    lists = {
        Outcome.RESOLVED: found.resolved,
        Outcome.ESCALATED: found.escalated,
        Outcome.ERROR: found.errors,
        Outcome.PENDING: found.pending,
    }
    for name, verdict in verdicts.items():
        lists[verdict.outcome].append((name, verdict.why))
    return found


def _act(session: Session, found: Checked, look: Look) -> None:
    for name, why in found.resolved:
        if get(session, name).status != BeadStatus.CLOSED:
            resolve_gate(session, name, actor=look.actor, reason=why)
    for name, why in found.escalated if look.escalate else ():
        if add_label(session, name, NEEDS_PERSON, actor=look.actor):
            add_comment(session, name, f"This gate cannot open by itself: {why}", actor=look.actor)


def discover_runs(reading: Units, writing: Units, look: Look, *, branch: str = "") -> list[tuple[str, str]]:
    """Give gates that wait for a run of GitHub's, without knowing which, the run that began when they were made."""
    now = clock.now()
    with reading() as session:
        gates = [
            gate
            for gate in list_gates(session, kind="gh:run")
            if not gate.await_id.isdigit() and now - gate.created_at <= _OLDEST
        ]
        session.expunge_all()
    if not gates:
        return []
    try:
        runs = github.recent_runs(look.folder, branch=branch)
    except GithubSilent as error:
        raise GithubAway(str(error)) from None
    found = [(gate.id, run.id) for gate in gates if (run := _match(gate, runs)) is not None]
    if found and not look.dry_run:
        with writing() as session:
            for name, run_id in found:
                gate = lock(session, name)
                apply(session, gate, EventKind.BEAD_UPDATED, {"await_id": run_id}, cause=Cause(look.actor))
    return found


def _match(gate: Bead, runs: Sequence[Run]) -> Run | None:
    near = [
        run for run in runs if abs(run.created_at - gate.created_at) <= _NEAR and gate.await_id in ("", run.workflow)
    ]
    return min(near, key=lambda run: abs(run.created_at - gate.created_at), default=None)
