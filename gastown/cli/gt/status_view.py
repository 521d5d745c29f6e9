"""The town's snapshot as JSON and as text."""

from collections.abc import Sequence
from typing import Any

from gastown.cli.context import Context
from gastown.cli.gt.halt import as_json as halts_as_json
from gastown.cli.output import ago, iso, short, table
from gastown.config import Settings
from gastown.patrols import Level
from gastown.rigs import HaltKind
from gastown.town.status import PolecatLine, RigLine, Snapshot, WorkerLine
from gastown.town.supervision import ProcessState

_TITLE_WIDTH = 50


def as_json(settings: Settings, snapshot: Snapshot, running: Sequence[ProcessState]) -> dict[str, Any]:
    """Everything, as one object."""
    return {
        "town": {"id": snapshot.town_id, "name": snapshot.name, "path": str(settings.town), "host": settings.host_id},
        "at": iso(snapshot.at),
        "up": bool(running),
        "services": [
            {"name": state.name, "state": state.state.lower(), "pid": state.pid or None, "log": str(state.log)}
            for state in running
        ],
        "workers": [_worker(line) for line in snapshot.workers],
        "rigs": [_rig(snapshot, line) for line in snapshot.rigs],
        **halts_as_json(snapshot.halts),
        "findings": [
            {
                "check": row.check,
                "subject": row.subject,
                "level": row.level.value,
                "message": row.message,
                "since": iso(row.raised_at),
            }
            for row in snapshot.findings
        ],
        "escalated": [{"bead": bead.id, "title": bead.title, "priority": bead.priority} for bead in snapshot.escalated],
    }


def _worker(line: WorkerLine) -> dict[str, Any]:
    row = line.worker
    return {
        "id": row.id,
        "host": row.host,
        "role": row.role,
        "pid": row.pid,
        "slots": row.slots,
        "queues": row.queues,
        "version": row.version,
        "seen_at": iso(row.seen_at),
        "present": line.present,
    }


def _rig(snapshot: Snapshot, line: RigLine) -> dict[str, Any]:
    return {
        "name": line.rig.name,
        "prefix": line.rig.prefix,
        "branch": line.rig.branch,
        "parked": line.rig.is_parked,
        "docked": line.rig.is_docked,
        "frozen": line.rig.frozen_at is not None,
        "queue_paused": line.rig.queue_paused_at is not None,
        "target": line.rig.target_state.value,
        "polecats": [_polecat(snapshot, polecat) for polecat in line.polecats],
        "work": {"running": line.running, "offered": line.offered, "waiting": line.waiting},
        "merge_queue": {
            "queued": line.queued,
            "testing": line.testing,
            "landing": line.landing,
            "returned": line.returned,
            "waits_for": line.stands_still,
        },
    }


def _polecat(snapshot: Snapshot, line: PolecatLine) -> dict[str, Any]:
    attempt = line.attempt
    since = attempt.started_at or attempt.claimed_at if attempt else None
    return {
        "address": line.polecat.address,
        "host": line.polecat.host,
        "bead": attempt.bead_id if attempt else None,
        "title": line.title or None,
        "attempt": attempt.fence if attempt else None,
        "preset": attempt.preset if attempt else None,
        "since": iso(since),
        "session_s": round((snapshot.at - since).total_seconds()) if since else None,
    }


def print_text(context: Context, snapshot: Snapshot, running: Sequence[ProcessState]) -> None:
    """For people: what is wrong first, then who works on what."""
    host = context.settings.host_id
    context.echo(f"{snapshot.name} ({context.settings.town}), host {host}")
    for halt in snapshot.halts:
        context.echo(f"{'STOPPED' if halt.kind is HaltKind.ESTOP else 'Halted'}: {halt.why}")
    if running:
        bad = [f"{state.name} {state.state.lower()}" for state in running if state.state != "RUNNING"]
        context.echo(f"Services: {', '.join(state.name for state in running)}" + (f"; {', '.join(bad)}" if bad else ""))
    else:
        context.echo("Services: the town is not up on this host (`gt up` starts it)")
    absent = [f"{line.worker.role}@{line.worker.host}" for line in snapshot.workers if not line.present]
    if absent:
        context.echo(f"Silent workers: {', '.join(absent)}")
    if snapshot.findings:
        worst = snapshot.findings[0]
        errors = sum(row.level is Level.ERROR for row in snapshot.findings)
        about = f"{worst.check} {worst.subject}".rstrip()
        context.echo(f"Findings: {len(snapshot.findings)}, {errors} of them errors (`gt doctor` shows them)")
        context.echo(f"  the worst, for {short(snapshot.at - worst.raised_at)}: {about}: {worst.message}")
    _print_rigs(context, snapshot)
    if snapshot.escalated:
        context.echo("Waiting for a person:")
        for bead in snapshot.escalated:
            context.echo(f"  {bead.id}  {bead.title[:_TITLE_WIDTH]}")


def _note(line: RigLine) -> str:
    rig = line.rig
    words = (
        ("stopped", rig.frozen_at is not None),
        ("docked", rig.is_docked),
        ("parked", rig.is_parked),
        ("queue paused", rig.queue_paused_at is not None),
    )
    return ", ".join(word for word, is_so in words if is_so) or line.stands_still


def _print_rigs(context: Context, snapshot: Snapshot) -> None:
    table(
        context,
        ["RIG", "TARGET", "AGENTS", "OFFERED", "WAITING", "QUEUE", "NOTE"],
        [
            [
                line.rig.name,
                f"{line.rig.branch} {line.rig.target_state.value}",
                line.running,
                line.offered,
                line.waiting,
                f"{line.queued}+{line.testing + line.landing} ({line.returned} returned)",
                _note(line),
            ]
            for line in snapshot.rigs
        ],
        empty="No rigs yet: `gt rig add NAME URL --gate NAME=CMD` adds one.",
    )
    at_work = [line for rig in snapshot.rigs for line in rig.polecats if line.attempt is not None]
    rows = []
    for line in at_work:
        assert line.attempt is not None
        since = line.attempt.started_at or line.attempt.claimed_at
        age = short(snapshot.at - since) if since else ""
        rows.append([line.polecat.address, line.polecat.host, line.attempt.bead_id, line.title[:_TITLE_WIDTH], age])
    if rows:
        table(context, ["AGENT", "HOST", "BEAD", "TITLE", "FOR"], rows, empty="")
    elif snapshot.rigs:
        idle = [
            line.polecat.last_used_at for rig in snapshot.rigs for line in rig.polecats if line.polecat.last_used_at
        ]
        context.echo("No agent is at work." + (f" The last one was, {ago(max(idle))} ago." if idle else ""))
