"""Closing beads: the guards, the landing, and opening again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_
from sqlmodel import Session, col, select

from gastown import clock
from gastown.beads import externals, readiness
from gastown.beads.changes import Cause, apply, lock, lock_many, note, touch
from gastown.beads.checks import check_short, check_text
from gastown.beads.conditions import CHECKABLE, Outcome, judge
from gastown.beads.errors import BadField, BeadMoved, CloseRefused, CodeBead
from gastown.beads.models import (
    LANDED_PREFIX,
    SETTLED,
    Bead,
    BeadStatus,
    Dependency,
    DependencyType,
    Label,
    counts_as_failure,
)
from gastown.beads.queries import blockers_of, count_open_children, find_blockers
from gastown.beads.words.configuration import get_config
from gastown.errors import GastownError
from gastown.events import EventKind

DEFAULT_REASON = "Closed"
COMPLETE_REASON = "all steps complete"
TEMPLATE = "template"
ON_CLOSE = "validation.on-close"
REPLACEMENTS = ("duplicates", "supersedes")  # edges of a bead that was closed in favour of another
_LEAST_REASON = 20  # characters, where the store wants reasons that say something
_SHORT_SHA = 12
# The address of a worker agent. A person's actor name never has this form.
_AGENT = re.compile(r"[^/]+/polecats/[^/]+")


def is_agent(actor: str) -> bool:
    """Whether `actor` is a worker agent's address."""
    return _AGENT.fullmatch(actor) is not None


@dataclass(frozen=True)
class Closing:
    """What became of a `close`: the beads that are closed, who was set free, and why the others are not closed."""

    closed: list[Bead] = field(default_factory=list)
    refused: list[tuple[str, GastownError]] = field(default_factory=list)
    unblocked: list[str] = field(default_factory=list)
    completed: list[Bead] = field(default_factory=list)
    """Molecules and the like that closed by themselves, since their last step did."""
    warnings: list[str] = field(default_factory=list)


def close(  # noqa: PLR0913 - what one command line says
    session: Session,
    bead_ids: Sequence[str],
    *,
    actor: str,
    reason: str | Sequence[str] = DEFAULT_REASON,
    force: bool = False,
    no_code: bool = False,
    by_session: str = "",
) -> Closing:
    """Close each of these beads unless a guard stands in its way; closed ones stay as they are.

    `force` passes the guards of work (templates, pins, children, gates, blockers). None passes for a bead that was
    slung for code: only its landing closes it, or a person who says `no_code` and why, which ends the attempt.
    An unknown id stops everything. A molecule closes with its last step.
    """
    reasons = _reasons(bead_ids, reason)
    check_short("session", by_session)
    readiness.lock_graph(session)
    beads = lock_many(session, bead_ids)
    # To close a bead holds no other one back: who waits for nothing now needs no second look.
    held_back = {} if force else find_blockers(session, list(beads))
    result = Closing()
    strictness = get_config(session, ON_CLOSE)
    for bead_id in dict.fromkeys(bead_ids):
        bead = beads[bead_id]
        if bead.status == BeadStatus.CLOSED:
            result.closed.append(bead)
            continue
        why = check_text("reason", reasons[bead_id].strip() or DEFAULT_REASON)
        try:
            _guard_reason(strictness, bead_id, why, result.warnings)
            _guard_code(bead, actor=actor, why=why, no_code=no_code)
            if not force:
                _guard_work(session, bead)
                if bead_id in held_back:
                    _guard_blockers(session, bead_id)
        except GastownError as error:
            result.refused.append((bead_id, error))
            continue
        facts = {"no_code": True} if bead.is_code and no_code else {}
        if facts:
            bead.is_code = False  # nothing of it will land: a convoy need not wait for that
            facts["is_code"] = False
        _set_closed(session, bead, why, Cause(actor), by_session=by_session, **facts)
        result.closed.append(bead)
    names = [bead.id for bead in result.closed]
    result.completed.extend(_complete(session, names, actor))
    result.unblocked.extend(settle(session, [*names, *(bead.id for bead in result.completed)]))
    return result


def close_landed(  # noqa: PLR0913 - the facts of a landing
    session: Session,
    bead_id: str,
    *,
    actor: str,
    sha: str,
    target: str,
    fence: int,
    assignment_id: int,
    rig: str,
) -> Bead:
    """Close a bead because its commit `sha` is on `target`; refuses a bead that is closed already."""
    readiness.lock_graph(session)
    bead = lock(session, bead_id)
    if bead.status == BeadStatus.CLOSED:
        raise BeadMoved(f"{bead_id} is closed already ({bead.close_reason})")
    bead.landed_sha = sha
    cause = Cause(actor, rig=rig, assignment_id=assignment_id, fence=fence)
    _set_closed(session, bead, LANDED_PREFIX + sha[:_SHORT_SHA], cause, sha=sha, target=target, landed_sha=sha)
    completed = _complete(session, [bead_id], actor)
    settle(session, [bead_id, *(root.id for root in completed)])
    return bead


def reopen(session: Session, bead_id: str, *, actor: str, reason: str = "") -> bool:
    """Make a closed bead open again, as if it had never been slung; False when it is not closed.

    It is no longer the duplicate of another, nor superseded. Refuses an agent when the bead has landed.
    """
    readiness.lock_graph(session)
    bead = lock(session, bead_id)
    if bead.status != BeadStatus.CLOSED:
        return False
    guard_landed(bead, actor=actor)
    apply(
        session,
        bead,
        EventKind.BEAD_REOPENED,
        {"status": BeadStatus.OPEN.value, **OPENED},
        cause=Cause(actor),
        reason=check_text("reason", reason),
    )
    drop_replacements(session, bead_id, actor)
    settle(session, [bead_id])
    return True


def drop_replacements(session: Session, bead_id: str, actor: str) -> None:
    """Take away the edges that say in favour of what a bead was closed."""
    edges = session.exec(
        select(Dependency).where(Dependency.issue_id == bead_id, col(Dependency.type).in_(REPLACEMENTS))
    )
    for edge in edges.all():
        session.delete(edge)
        note(
            session,
            EventKind.DEPENDENCY_REMOVED,
            bead_id,
            Cause(actor),
            depends_on_id=edge.depends_on_id,
            type=edge.type,
            **touch(session, bead_id),
        )


def guard_landed(bead: Bead, *, actor: str) -> None:
    """Refuse an agent who would open a bead whose work is on the target."""
    if bead.landed_sha and is_agent(actor):
        raise CodeBead(f"cannot reopen {bead.id}: its work has landed", hint="File a new bead for what is left.")


# What a bead that leaves `closed` loses.
OPENED: dict[str, object] = {
    "closed_at": None,
    "close_reason": "",
    "closed_by_session": "",
    "defer_until": None,  # else it would be open, and not ready
    "is_failure": False,
    "is_code": None,
    "landed_sha": "",
}


def _reasons(bead_ids: Sequence[str], reason: str | Sequence[str]) -> dict[str, str]:
    given = [reason] if isinstance(reason, str) else list(reason) or [DEFAULT_REASON]
    if len(given) == 1:
        return dict.fromkeys(bead_ids, given[0])
    if len(given) != len(bead_ids):
        raise BadField(f"{len(given)} reasons for {len(bead_ids)} issues", hint="Give one reason, or one for each id.")
    return dict(zip(bead_ids, given, strict=True))


def _guard_code(bead: Bead, *, actor: str, why: str, no_code: bool) -> None:
    if not bead.is_code:
        return
    if is_agent(actor):
        raise CodeBead(
            f"cannot close {bead.id}: it closes when its work lands; use gt done",
            hint="Commit your work and run `gt done`, which submits it.",
        )
    if not no_code or why == DEFAULT_REASON:
        raise CodeBead(
            f"cannot close {bead.id}: it was slung for code and closes when its work lands",
            hint=f"`bd close {bead.id} --no-code --reason WHY` cancels the attempt and closes it without a landing.",
        )


def _guard_work(session: Session, bead: Bead) -> None:
    if bead.is_template:
        raise CloseRefused(f"cannot close {bead.id}: templates are read-only")
    if bead.pinned or bead.status == BeadStatus.PINNED:
        raise CloseRefused(f"cannot close {bead.id}: it is pinned (use --force to override)")
    if bead.issue_type == "epic" and (number := count_open_children(session, bead.id)):
        raise CloseRefused(
            f"cannot close epic {bead.id}: {number} open child issue(s); "
            "close children first or use --force to override"
        )
    if bead.issue_type == "gate" and bead.await_type in CHECKABLE:
        verdict = judge(session, bead, clock.now())
        if verdict.outcome is not Outcome.RESOLVED:
            raise CloseRefused(
                f"cannot close {bead.id}: gate condition not satisfied: {verdict.why} (use --force to override)",
                hint=f"`bd gate check` closes it when that comes; `bd gate resolve {bead.id}` closes it at once.",
            )


def _guard_blockers(session: Session, bead_id: str) -> None:
    session.flush()  # what was closed a moment ago is in nobody's way
    blockers = blockers_of(session, bead_id)
    if blockers:
        raise CloseRefused(
            f"cannot close {bead_id}: blocked by open issues [{', '.join(blockers)}] (use --force to override)"
        )


def _guard_reason(strictness: str, bead_id: str, why: str, warnings: list[str]) -> None:
    if strictness not in ("warn", "error") or len(why) >= _LEAST_REASON:
        return
    message = f"close reason of {bead_id} is too short: say in {_LEAST_REASON} characters or more what was done"
    if strictness == "error":
        raise CloseRefused(message, hint=f'bd close {bead_id} --reason "What was done, and where"')
    warnings.append(message)


def _complete(session: Session, closed: Sequence[str], actor: str) -> list[Bead]:
    """Close what is complete with these steps: molecules, wisps and epics labelled `template`, upwards."""
    done: list[Bead] = []
    steps = list(closed)
    while steps:
        session.flush()
        parents = session.exec(
            select(Bead).where(
                col(Bead.id).in_(
                    select(Dependency.depends_on_id).where(
                        col(Dependency.issue_id).in_(steps), Dependency.type == DependencyType.PARENT_CHILD.value
                    )
                ),
                col(Bead.status).not_in(SETTLED),
                or_(col(Bead.issue_type).in_(("molecule", "epic")), col(Bead.ephemeral).is_(True)),
            )
        ).all()
        steps = []
        for parent in sorted(parents, key=lambda bead: bead.id):
            if _closes_by_itself(session, parent) and not count_open_children(session, parent.id):
                _set_closed(session, lock(session, parent.id), COMPLETE_REASON, Cause(actor))
                done.append(parent)
                steps.append(parent.id)
    return done


def _closes_by_itself(session: Session, root: Bead) -> bool:
    if root.is_code or root.is_template or root.pinned:
        return False
    if root.issue_type == "molecule" or root.ephemeral:
        return True
    return root.issue_type == "epic" and session.get(Label, (root.id, TEMPLATE)) is not None


def _set_closed(session: Session, bead: Bead, why: str, cause: Cause, *, by_session: str = "", **facts: object) -> None:
    values = {
        "status": BeadStatus.CLOSED.value,
        "closed_at": clock.now(),
        "close_reason": why,
        "closed_by_session": by_session,
        "is_failure": counts_as_failure(why),
    }
    apply(session, bead, EventKind.BEAD_CLOSED, values, cause=cause, **facts)


def settle(session: Session, ids: Sequence[str]) -> list[str]:
    """Carry a change between open and closed to everything that waits; return who was set free."""
    session.flush()
    provided = session.exec(
        select(Label.label).where(col(Label.bead_id).in_(ids), col(Label.label).startswith(externals.PROVIDES))
    ).all()
    touched: list[str] = []
    for label in sorted(set(provided)):
        touched += readiness.refresh_external(session, label.removeprefix(externals.PROVIDES))
    freed = readiness.recompute(session, [*ids, *touched])
    return [bead_id for bead_id in freed if bead_id not in ids]
