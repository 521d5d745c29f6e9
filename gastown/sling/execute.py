"""Slinging and taking back: one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from gastown import assignments, beads, convoys, policy, rigs
from gastown.assignments import Assignment, NewAttempt, Reason
from gastown.beads import Bead, BeadStatus
from gastown.errors import Conflict
from gastown.runtimes import catalog
from gastown.sling.homes import find_home
from gastown.sling.plan import CONVOY_PREFIX, SlingRefused, Target, choose_preset, refuse


class NotSlung(Conflict):
    """The bead hangs on no hook."""


@dataclass(frozen=True)
class Slung:
    """One bead's attempt, as it was made."""

    bead_id: str
    rig: str
    preset: str
    assignment_id: int
    fence: int
    is_offered: bool
    waits_for: str = ""
    """Why it is not offered yet."""


def sling(
    session: Session,
    target: Target,
    *,
    actor: str,
    preset: str | None = None,
    no_code: bool = False,
    force: bool = False,
) -> list[Slung]:
    """Make an attempt for every bead named (a convoy stands for its members); all of them or none.

    Refuses what cannot be worked on, naming the first bead and why. Members of a convoy that are closed or slung
    already are passed over.
    """
    settings = policy.load(session)
    chosen: list[Slung] = []
    for bead, of_convoy in _resolve(session, target):
        rig = rigs.get(session, target.rig) if target.rig else rig_of(session, bead)
        is_slung = assignments.find_open(session, bead.id) is not None or bead.status == BeadStatus.SUBMITTED
        if of_convoy and (is_slung or bead.status == BeadStatus.CLOSED):
            continue
        is_home = target.rig is None or rig is find_home(session, bead)
        against = refuse(bead, rig, is_slung=is_slung, force=force, is_home=is_home)
        if against is not None:
            raise SlingRefused(f"{against.bead_id} is not slung: {against.why}", hint=against.hint)
        name = choose_preset(preset, rig, settings.text("default_agent"))
        catalog.get(name, policy.presets(session))  # unknown presets are refused before anything is made
        chosen.append(_one(session, bead, rig, name, actor=actor, no_code=no_code))
    return chosen


def _resolve(session: Session, target: Target) -> list[tuple[Bead, bool]]:
    found: dict[str, tuple[Bead, bool]] = {}
    for name in target.names:
        if name.startswith(CONVOY_PREFIX):
            for wave in convoys.status(session, name).waves:
                for member in wave:
                    found.setdefault(member.id, (member, True))
        else:
            bead = beads.find(session, name)
            found[bead.id] = (bead, False)
    _hold(session, list(found))
    return list(found.values())


def _hold(session: Session, bead_ids: Sequence[str]) -> None:
    """Lock the beads in one order, whatever order they were named in, so that two slings do not wait for each other."""
    query = select(Bead).where(col(Bead.id).in_(bead_ids)).order_by(col(Bead.id)).with_for_update()
    session.exec(query.execution_options(populate_existing=True)).all()


def rig_of(session: Session, bead: Bead) -> rigs.Rig:
    """The rig that the bead's work goes to by itself; refuses a bead of none."""
    rig = find_home(session, bead)
    if rig is None:
        raise SlingRefused(f"no rig has the prefix of {bead.id}", hint=f"Name one: gt sling {bead.id} RIG")
    return rig


def _one(session: Session, bead: Bead, rig: rigs.Rig, preset: str, *, actor: str, no_code: bool) -> Slung:
    if bead.status in (BeadStatus.ESCALATED, BeadStatus.IN_PROGRESS, BeadStatus.DEFERRED):
        # A person slings it again: whoever had it before has it no more.
        beads.set_status(session, bead.id, BeadStatus.OPEN, actor=actor, reason="slung again", rig=rig.name)
    beads.mark_slung(session, bead.id, is_code=not no_code, actor=actor)
    ready = not bead.is_blocked
    history = assignments.history(session, bead.id)
    row: Assignment = assignments.open_attempt(
        session,
        NewAttempt(
            bead_id=bead.id,
            rig=rig.name,
            preset=preset,
            reason=Reason.SLING,
            priority=bead.priority,
            slung_by=actor,
            start_oid=assignments.newest_head(history),
            notes=history[-1].notes if history else "",
        ),
        actor=actor,
        ready=ready,
    )
    assert row.id is not None
    is_offered = row.state is assignments.AssignmentState.OFFERED
    waits_for = "" if is_offered else _why_not(session, rig, ready=ready)
    return Slung(bead.id, rig.name, preset, row.id, row.fence, is_offered, waits_for)


def _why_not(session: Session, rig: rigs.Rig, *, ready: bool) -> str:
    if not ready:
        return "waiting for its blockers"
    return f"waiting: {rigs.find_pause(session, rig) or 'the next dispatch offers it'}"


def unsling(session: Session, bead_ids: Sequence[str], *, actor: str, why: str) -> list[Assignment]:
    """Take beads off their hooks. What runs is asked to save its work and stop; its commits stay on their branch."""
    taken = []
    for bead_id in sorted({beads.find(session, name).id for name in bead_ids}):
        row = assignments.release(session, bead_id, actor=actor, why=why)
        if row is None:
            raise NotSlung(f"{bead_id} hangs on no hook", hint="`gt status` lists what is slung.")
        taken.append(row)
    return taken
