"""A patrol's walk: run its checks, note what they found, and take the safe steps about it, with back-off."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlmodel import Session

from gastown import clock, logs, policy
from gastown.db import database_time, hold_time
from gastown.errors import GastownError
from gastown.patrols import catalog, lifecycle, queries
from gastown.patrols.findings import Check, Fault, Hands, Here, NotMended, Patrol
from gastown.patrols.looking import Look, look_at

log = logs.get(__name__)

# Steps a check and walk: the rest is found again by the next one.
MOST_STEPS = 20


@dataclass(frozen=True)
class Step:
    """What came of trying to put one fault right; both empty: there was nothing to do."""

    done: str = ""
    refused: str = ""
    """Why it was not done."""


@dataclass(frozen=True)
class WalkResult:
    """What a walk found and did."""

    checks: int
    faults: int
    raised: int
    cleared: int
    mended: int


def walk(hands: Hands, patrol: Patrol, *, is_local: bool = False, skip: frozenset[str] = frozenset()) -> WalkResult:
    """Run the patrol's checks of this host (`is_local`) or of the town, but for `skip` and those that are switched off.

    Safe twice and beside another walk: findings are one row a subject, and a mend looks again before it acts.
    """
    here = hands.here
    since = clock.monotonic()
    with here.read() as session:
        settings, now = policy.load(session), database_time(session)
    skip |= frozenset(name.strip() for name in settings.text("patrols.disabled").split(","))
    checks = [item for item in catalog.ALL if (item.patrol, item.is_local) == (patrol, is_local)]
    eyes = _with_one_view(here, settings, now, since)
    looks = [look_at(check, eyes) for check in checks if check.name not in skip]
    host = here.settings.host_id
    noted = hands.transact(partial(lifecycle.note_findings, looks=looks, host=host, actor=hands.actor))
    mended = sum(_mend(hands, look, settings) for look in looks)
    hands.transact(partial(_finish, patrol=patrol, host=host if is_local else None, actor=hands.actor))
    return WalkResult(len(looks), sum(len(look.faults) for look in looks), noted.raised, noted.cleared, mended)


def _with_one_view(here: Here, settings: policy.Policy, now: datetime, since: float) -> Here:
    """The same place, whose settings and time are not asked for by every check anew."""

    @contextmanager
    def read() -> Iterator[Session]:
        with here.read() as session:
            policy.hold(session, settings)
            hold_time(session, now, since)
            yield session

    return replace(here, read=read)


def _finish(session: Session, patrol: Patrol, host: str | None, actor: str) -> None:
    if host is None:
        lifecycle.forget_unseen(session, actor=actor)
    lifecycle.note_walk(session, patrol, host=host, holder=actor)


def _mend(hands: Hands, look: Look, settings: policy.Policy) -> int:
    """Take the steps about what a check found that are due; return how many were taken."""
    if look.check.mend is None or not look.check.is_automatic or not look.faults:
        return 0
    due = hands.transact(partial(_list_due, look=look, host=hands.here.settings.host_id, settings=settings))
    return sum(bool(take_step(hands, look.check, fault).done) for fault in due[:MOST_STEPS])


def _list_due(session: Session, look: Look, host: str, settings: policy.Policy) -> list[Fault]:
    now = database_time(session)
    rows = {row.subject: row for row in queries.list_open(session) if row.check == look.check.name}
    due = []
    for fault in look.faults:
        row = rows.get(lifecycle.stored_subject(look.check, fault.subject, host))
        if row is None:
            continue  # beyond the bound: its turn comes when others are cleared
        at = lifecycle.mend_due_at(row, settings)
        if at is None or at <= now:
            due.append(fault)
    return due


def take_step(hands: Hands, check: Check, fault: Fault) -> Step:
    """Try to put one fault right, and note what came of it. Never raises for what the step met."""
    if check.mend is None:
        return Step(refused="there is no safe step that could be taken by itself")
    step = _try(check, hands, fault)
    if step.done or step.refused:
        subject = lifecycle.stored_subject(check, fault.subject, hands.here.settings.host_id)
        log.warning("%s: %s %s: %s", hands.actor, check.name, subject, step.done or f"not mended: {step.refused}")
        note = partial(
            lifecycle.note_step,
            check=check.name,
            subject=subject,
            done=step.done,
            refused=step.refused,
            actor=hands.actor,
        )
        hands.transact(note)
    return step


def _try(check: Check, hands: Hands, fault: Fault) -> Step:
    assert check.mend is not None
    try:
        return Step(done=check.mend(hands, fault))
    except NotMended as refusal:
        return Step(refused=refusal.message)
    except (GastownError, OSError) as failure:
        return Step(refused=f"it was tried: {failure}")
    except Exception as failure:
        log.exception("the mend of check %s failed", check.name)
        return Step(refused=f"it was tried: {type(failure).__name__}: {str(failure)[:300]}")
