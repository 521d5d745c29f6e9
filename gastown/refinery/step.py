"""One bounded, repeatable step of a rig's queue, under the rig's lease."""

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from gastown import logs, policy, rigs
from gastown.config import Settings
from gastown.db import locks
from gastown.db.locks import LeaseLost, LockProof
from gastown.errors import Conflict, NotFound, Refused, Unavailable
from gastown.refinery import gate_runs, looks
from gastown.refinery.desk import Desk, Hooks, View, mark
from gastown.refinery.heartbeat import Heartbeat, Work
from gastown.refinery.landing import Move
from gastown.refinery.tidying import forget_landed, forget_left
from gastown.refinery.train import advance
from gastown.rigs import RigNotFound, TargetState

log = logs.get(__name__)

# Short, and never longer than an attempt's, so that a killed worker holds its rigs up for no longer; the heartbeat
# keeps it through slow pushes.
LEASE_S = 20.0
_BEATS = 4
# A step that finds more to do than this rings for the next one.
MAX_MOVES = 40
# Times that others may change what a move was decided from before the step leaves it to the next one.
MAX_CONFLICTS = 5


@dataclass
class StepResult:
    """What a step came to."""

    rig: str
    busy: bool = False  # another step holds the rig; it will see whatever this one was rung for
    lost: bool = False  # the lease went to somebody else on the way
    moves: int = 0
    conflicts: int = 0
    landed: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    waits_for: str = ""
    target: str = ""
    again: bool = False  # there was more to do: the next step has been rung for


def lease_name(rig: str) -> str:
    """The name of a rig's lease."""
    return f"refinery:{rig}"


def step(work: Work, rig: str, *, settings: Settings, holder: str, hooks: Hooks) -> StepResult:
    """Move the rig's queue as far as it goes without waiting; returns at once while another step holds the rig.

    A doorbell that finds the rig held is not lost: whoever holds it looks once more after letting go.
    """
    result = StepResult(rig)
    with logs.bound(rig=rig):
        while result.moves < MAX_MOVES:
            with work() as session:
                lease_s = min(LEASE_S, policy.load(session).number("lease.ttl_s"))
                name = lease_name(rig)
                proof = locks.try_acquire(session, name, holder=holder, ttl_s=lease_s, is_dead=hooks.is_dead)
            if proof is None:
                result.busy = True
                return result
            desk = Desk(work, rig, settings.town, proof, hooks, settings.gate_runners)
            seen = _hold(desk, result, lease_s)
            if result.lost or not _let_go(desk, result, seen):
                return result
    return result


def _hold(desk: Desk, result: StepResult, lease_s: float) -> object:
    """Make moves until there is none; returns what SQL looked like when the last one was decided."""
    known = len(result.landed)
    try:
        renew = partial(locks.renew, proof=desk.proof, ttl_s=lease_s)
        with Heartbeat(desk.work, renew, every_s=lease_s / _BEATS):
            if desk.proof.is_left:
                forget_left(desk)
            seen = _move_on(desk, result)
            if not result.lost:
                forget_landed(desk, result.landed[known:], result.target)
            return seen
    except BaseException:
        with suppress(Exception):
            _release(desk.work, desk.proof)
        raise


def _move_on(desk: Desk, result: StepResult) -> object:
    seen: object = None
    while result.moves < MAX_MOVES and result.conflicts < MAX_CONFLICTS:
        result.moves += 1
        try:
            move, view = advance(desk)
        except LeaseLost as error:
            log.warning("%s: this step ends", error)
            result.lost = True
            return None
        except Conflict as error:
            log.info("decided anew: %s", error)
            result.conflicts += 1
            continue
        except RigNotFound:
            return seen
        except (NotFound, Refused) as error:
            return _broken(desk, result, error.message)
        except Unavailable as error:
            result.waits_for = error.message
            return _now(desk)
        seen = _note(result, move, view)
        if not move.acted:
            break
    return seen


def _note(result: StepResult, move: Move, view: View) -> object:
    result.waits_for = move.waits_for
    result.target = move.target or result.target
    result.landed += move.landed
    if move.returned:
        result.returned.append(move.returned)
    return view.mark


def _now(desk: Desk) -> object:
    with desk.work() as session:
        return mark(session, desk.rig)


def _broken(desk: Desk, result: StepResult, why: str) -> object:
    """The remote or its target is not there, or not for us: a person is asked, and the next tick looks again."""
    result.waits_for = why
    with desk.write() as session:
        row = rigs.get(session, desk.rig)
        rigs.set_target_state(session, desk.rig, TargetState.BROKEN, row.target_oid, actor=desk.actor, why=why)
        return mark(session, desk.rig)


def _let_go(desk: Desk, result: StepResult, seen: object) -> bool:
    """Release the lease; True when something has changed since the last look, so that there may be more to do."""
    with desk.work() as session:
        with suppress(RigNotFound):
            rigs.get(session, desk.rig)
            looks.note_look(session, desk.rig, seen_oid=result.target, waits_for=result.waits_for)
        locks.release(session, desk.proof)
    # Only now: whoever changed something and found the rig held did so before the release.
    with desk.work() as session:
        changed = mark(session, desk.rig) != seen
        out_of_moves = result.moves >= MAX_MOVES or result.conflicts >= MAX_CONFLICTS
        if out_of_moves and changed:
            result.again = True
            session.info.setdefault("doorbells", []).append(gate_runs.refinery_bell(desk.rig))
    return changed and not out_of_moves


def _release(work: Work, proof: LockProof) -> None:
    with work() as session:
        locks.release(session, proof)
