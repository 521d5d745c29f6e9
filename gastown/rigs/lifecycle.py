"""Every write to rigs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from gastown import clock
from gastown.errors import NotFound
from gastown.events import EventKind, record, say_time
from gastown.ids import check_label_name, check_prefix, check_rig_name
from gastown.rigs.areas import Areas, check_areas
from gastown.rigs.gates import GateSpec, more_of
from gastown.rigs.models import Gate, GatePhase, LandingStyle, Rig, TargetState
from gastown.rigs.queries import NoGates, check_free, get, list_gates


class AreaNotFound(NotFound):
    """The rig has no area of this name."""


@dataclass(frozen=True)
class NewRig:
    """What a rig is made from; the repository has been probed by the caller."""

    name: str
    prefix: str
    remote_url: str
    branch: str
    gates: Sequence[GateSpec] = ()
    no_gates: bool = False
    setup_command: str = ""
    agent: str = ""
    push_atomic: bool = True
    push_fence: bool = True
    updates_checkout: bool = False
    landing: LandingStyle = LandingStyle.MERGE
    provider: str = ""
    areas: Areas = field(default_factory=dict)


def add(session: Session, new: NewRig, *, actor: str) -> Rig:
    """Register a repository; refuse a taken name or prefix, and a rig without gates that does not say so."""
    check_rig_name(new.name)
    check_prefix(new.prefix)
    _check_some(new.name, new.gates, no_gates=new.no_gates)
    check_free(session, new.name, new.prefix)
    rig = Rig(
        name=new.name,
        prefix=new.prefix,
        remote_url=new.remote_url,
        branch=new.branch,
        setup_command=new.setup_command,
        agent=new.agent,
        no_gates=not new.gates,
        push_atomic=new.push_atomic,
        push_fence=new.push_fence,
        updates_checkout=new.updates_checkout,
        landing=new.landing,
        provider=new.provider,
        areas=_listed(check_areas(new.areas)),
        created_at=clock.now(),
    )
    session.add(rig)
    session.flush()
    _write_gates(session, new.name, new.gates)
    record(
        session,
        EventKind.RIG_ADDED,
        actor=actor,
        rig=new.name,
        prefix=new.prefix,
        branch=new.branch,
        gates={gate.name: gate.command for gate in new.gates},
        checks=_checks(new.gates),
        setup=new.setup_command,
        preset=new.agent,
        no_gates=rig.no_gates,
        push_atomic=rig.push_atomic,
        push_fence=rig.push_fence,
        updates_checkout=rig.updates_checkout,
        landing=rig.landing.value,
        provider=rig.provider,
        areas=rig.areas,
        created_at=say_time(rig.created_at),
    )
    return rig


def _listed(areas: Areas) -> dict[str, list[str]]:
    return {name: [*patterns] for name, patterns in areas.items()}


def _check_some(name: str, gates: Sequence[GateSpec], *, no_gates: bool) -> None:
    if not gates and not no_gates:
        raise NoGates(
            f"rig {name} has no gate",
            hint="Give --gate NAME=COMMAND (what must pass before work lands), or --no-gates to test nothing.",
        )
    if gates and not any(gate.is_required and gate.phase is GatePhase.PRE_MERGE for gate in gates):
        raise NoGates(
            f"no gate of rig {name} would keep anything from landing",
            hint="Have one that is required and runs before the merge, or give --no-gates to test nothing.",
        )


def _checks(gates: Sequence[GateSpec]) -> list[dict[str, object]]:
    named = [({"name": gate.name, "command": gate.command, "timeout_s": gate.timeout_s}, gate) for gate in gates]
    return [{**words, **more_of(gate)} for words, gate in named]


def _write_gates(session: Session, name: str, gates: Sequence[GateSpec]) -> None:
    for position, gate in enumerate(gates):
        label = check_label_name(gate.name)
        row = Gate(rig=name, name=label, command=gate.command, position=position, timeout_s=gate.timeout_s)
        row.is_required, row.phase = gate.is_required, gate.phase
        row.poll_s, row.memory_mb, row.environment = gate.poll_s, gate.memory_mb, sorted(gate.environment)
        session.add(row)


def set_gates(session: Session, name: str, gates: Sequence[GateSpec], *, no_gates: bool, actor: str) -> Rig:
    """Give a rig these gates instead of those it has; refuse to leave it without one unless `no_gates` says so."""
    rig = get(session, name, lock=True)
    _check_some(name, gates, no_gates=no_gates)
    for gate in list_gates(session, name):
        session.delete(gate)
    session.flush()
    _write_gates(session, name, gates)
    rig.no_gates = not gates
    changed = {
        "no_gates": rig.no_gates,
        "gates": {gate.name: gate.command for gate in gates},
        "timeouts": {gate.name: gate.timeout_s for gate in gates if gate.timeout_s is not None},
        "checks": _checks(gates),
    }
    record(session, EventKind.RIG_UPDATED, actor=actor, rig=name, changed=changed)
    return rig


def remove(session: Session, name: str, *, actor: str) -> Rig:
    """Take the rig off the town's list. Its beads, its history and its folder stay."""
    rig = get(session, name, lock=True)
    rig.removed_at = clock.now()
    record(session, EventKind.RIG_REMOVED, actor=actor, rig=name, removed_at=say_time(rig.removed_at))
    return rig


def park(session: Session, name: str, *, actor: str) -> Rig:
    """Start nothing new in this rig; what runs goes on."""
    rig = get(session, name, lock=True)
    if not rig.is_parked:
        rig.is_parked = True
        record(session, EventKind.RIG_PARKED, actor=actor, rig=name, is_parked=True)
    return rig


def unpark(session: Session, name: str, *, actor: str) -> Rig:
    """Start work in this rig again."""
    rig = get(session, name, lock=True)
    if rig.is_parked:
        rig.is_parked = False
        record(session, EventKind.RIG_UNPARKED, actor=actor, rig=name, is_parked=False)
    return rig


def dock(session: Session, name: str, *, actor: str) -> Rig:
    """Put this rig out of service: nothing starts in it. What runs is asked to hand over by the caller."""
    rig = get(session, name, lock=True)
    if not rig.is_docked:
        rig.is_docked = True
        record(session, EventKind.RIG_DOCKED, actor=actor, rig=name, is_docked=True)
    return rig


def undock(session: Session, name: str, *, actor: str) -> Rig:
    """Put this rig into service again."""
    rig = get(session, name, lock=True)
    if rig.is_docked:
        rig.is_docked = False
        record(session, EventKind.RIG_UNDOCKED, actor=actor, rig=name, is_docked=False)
    return rig


def freeze(session: Session, name: str, *, actor: str, why: str) -> Rig:
    """Stop this rig: nothing is dispatched, started or pushed in it, and what runs is frozen where it is."""
    rig = get(session, name, lock=True)
    if rig.frozen_at is None or rig.frozen_why != why:
        rig.frozen_at = rig.frozen_at or clock.now()
        rig.frozen_why = why
        at = rig.frozen_at.isoformat()
        record(session, EventKind.RIG_FROZEN, actor=actor, rig=name, frozen_at=at, frozen_why=why)
    return rig


def thaw(session: Session, name: str, *, actor: str) -> Rig:
    """Let a stopped rig go on exactly where it was."""
    rig = get(session, name, lock=True)
    if rig.frozen_at is not None:
        rig.frozen_at, rig.frozen_why = None, ""
        record(session, EventKind.RIG_THAWED, actor=actor, rig=name, frozen_at=None, frozen_why="")
    return rig


def pause_queue(session: Session, name: str, *, actor: str, why: str) -> Rig:
    """Pause this rig's merge queue: nothing boards, is tested anew or lands. Again with another reason, that counts."""
    rig = get(session, name, lock=True)
    if rig.queue_paused_at is None or rig.queue_paused_why != why:
        rig.queue_paused_at = rig.queue_paused_at or clock.now()
        rig.queue_paused_why = why
        at = say_time(rig.queue_paused_at)
        kind = EventKind.QUEUE_PAUSED
        record(session, kind, actor=actor, rig=name, queue_paused_at=at, queue_paused_why=why)
    return rig


def resume_queue(session: Session, name: str, *, actor: str) -> Rig:
    """Let this rig's merge queue go on where it was."""
    rig = get(session, name, lock=True)
    if rig.queue_paused_at is not None:
        rig.queue_paused_at, rig.queue_paused_why = None, ""
        kind = EventKind.QUEUE_RESUMED
        record(session, kind, actor=actor, rig=name, queue_paused_at=None, queue_paused_why="")
    return rig


def set_areas(session: Session, name: str, changes: Areas, *, actor: str) -> Rig:
    """Declare these areas of a rig, or declare them anew; one without a pattern is taken away. Refuses an unknown one.

    What is aboard a train of an area that is taken away rides on with the common one.
    """
    rig = get(session, name, lock=True)
    for gone in [area for area, patterns in changes.items() if not patterns]:
        if gone not in rig.areas:
            known = ", ".join(rig.areas) or "none"
            raise AreaNotFound(f"rig {name} has no area called {gone[:60]!r}", hint=f"Its areas: {known}.")
    areas = _listed(check_areas({area: some for area, some in {**rig.areas, **changes}.items() if some}))
    if areas != rig.areas:
        rig.areas = areas
        record(session, EventKind.RIG_UPDATED, actor=actor, rig=name, changed={"areas": areas})
    return rig


def update(session: Session, name: str, *, actor: str, **values: str | bool) -> Rig:
    """Change what the remote allows, how work lands, how worktrees are set up, or which preset is used."""
    rig = get(session, name, lock=True)
    for key, value in values.items():
        setattr(rig, key, value)
    record(session, EventKind.RIG_UPDATED, actor=actor, rig=name, changed=values)
    return rig


def set_target_state(session: Session, name: str, state: TargetState, oid: str, *, actor: str, why: str = "") -> Rig:
    """Note what the gates said of the target's head."""
    rig = get(session, name)
    if (rig.target_state, rig.target_oid) == (state, oid):
        return rig
    kind = EventKind.TARGET_MOVED
    if rig.target_state != state and state is not TargetState.UNKNOWN:
        kind = EventKind.TARGET_GREEN if state is TargetState.GREEN else EventKind.TARGET_RED
    rig.target_state, rig.target_oid = state, oid
    record(session, kind, actor=actor, rig=name, oid=oid, state=state.value, why=why)
    return rig
