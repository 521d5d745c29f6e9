"""The runs of an attempt's agent: each start is counted before it happens, each end is booked once."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlmodel import Session

from gastown import clock
from gastown.assignments import queries
from gastown.assignments.facts import tell
from gastown.assignments.lifecycle import held
from gastown.assignments.models import Assignment, AssignmentState, Desired
from gastown.db import database_time
from gastown.events import EventKind, say_time

# Of an attempt: what the runs that were booked so far made of it.
TOTALS = (
    *("booked_runs", "model", "agent_session_id", "cost_usd"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
)


@dataclass(frozen=True)
class RunStart:
    """One start of an agent's process."""

    pass_hash: str
    """SHA-256 of the session's pass."""
    holder: str
    """Who is about to start it."""
    agent_session_id: str = ""
    is_resumed: bool = False


def note_run(session: Session, assignment_id: int, fence: int, *, actor: str, start: RunStart) -> Assignment:
    """Count one start of the agent's process, before it is started; the pass of the run before is worth nothing now.

    Whoever asked for a restart has it. A start counts as a sign of life and as progress. Refuses (`LeaseLost`) a holder
    that another one has followed: it must start nothing.
    """
    row = held(session, assignment_id, fence, holder=start.holder)
    if row.desired is Desired.RESTART:
        row.desired = Desired.RUN
    row.active_at = row.progress_at = database_time(session)
    row.runs += 1
    row.agent_session_id = start.agent_session_id
    row.session_pass = start.pass_hash
    row.started_at = row.started_at or clock.now()
    tell(
        session,
        EventKind.SESSION_STARTED,
        row,
        actor=actor,
        run=row.runs,
        is_resumed=start.is_resumed,
        preset=row.preset,
        branch=row.branch,
        base_oid=row.base_oid,
        agent_session_id=row.agent_session_id,
        started_at=say_time(row.started_at),
        desired=row.desired.value,
    )
    return row


def book_usage(  # noqa: PLR0913 - one keyword a column
    session: Session,
    assignment_id: int,
    fence: int,
    *,
    actor: str,
    run: int,
    exit_reason: str,
    exit_code: int | None = None,
    exit_signal: int | None = None,
    tokens: Mapping[str, int] = MappingProxyType({}),
    cost_usd: float | None = None,
    model: str = "",
    agent_session_id: str = "",
    error: Mapping[str, object] | None = None,
) -> None:
    """Book one run's end and what it cost, once: a run that is booked already, or one before it, changes nothing.

    `error` is what the agent itself says of its failure; it goes into the event.
    """
    row = queries.get(session, assignment_id, lock=True)
    if row.fence != fence or row.booked_runs >= run:
        return
    row.booked_runs = run
    for name, count in tokens.items():
        setattr(row, name, getattr(row, name) + count)
    if cost_usd is not None:
        row.cost_usd = (row.cost_usd or 0.0) + cost_usd
    row.model = model or row.model
    row.agent_session_id = agent_session_id or row.agent_session_id
    tell(
        session,
        EventKind.SESSION_ENDED,
        row,
        actor=actor,
        run=run,
        exit_code=exit_code,
        exit_signal=exit_signal,
        exit_reason=exit_reason,
        cost_usd=cost_usd,
        model=model,
        done=row.state is not AssignmentState.RUNNING,
        tokens=dict(tokens),
        error=dict(error or {}),
        totals={name: getattr(row, name) for name in TOTALS},
    )
