"""`gt feed` and `gt log`: what happened."""

import json
import re
import time
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.output import iso, short, table

if TYPE_CHECKING:
    from gastown.assignments import Assignment
    from gastown.events import Event
    from gastown.refinery import GateRun
    from gastown.town.story import Story

_POLL_S = 0.5
_SHORT_OID = 10
# Long values would push the rest off the line; --json has them.
_LONGEST_VALUE = 60
# Known from elsewhere on the line, or numbers that only programs follow.
_LEFT_OUT = frozenset({"rig", "agent", "config", "lease", "head_id", "run", "request", "intent"})
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@command("feed")
@click.option("--follow", "-f", is_flag=True, help="Go on printing until ctrl-C.")
@click.option("--rig", help="Of one rig only.")
@click.option("--limit", type=click.IntRange(0, 100_000), default=50, show_default=True, help="How many to begin with.")
@pass_context
def feed(context: Context, follow: bool, rig: str | None, limit: int) -> None:
    """Print what happened, newest last. With --follow and --json: one JSON object a line.

    \b
    Examples:
      gt feed --limit 200
      gt feed --follow --rig app
    """
    from gastown import events, rigs

    with context.read() as session:
        if rig is not None:
            rigs.get(session, rig)
        tail = events.Tail(session, rig=rig)
        past = events.latest(session, limit=limit, rig=rig) if limit else []
    if context.json and not follow:
        context.print_json([_event_json(event) for event in past])
        return
    _print(context, past)
    while follow:
        time.sleep(_POLL_S)
        with context.read() as session:
            fresh = tail.read(session)
        _print(context, fresh)


def _print(context: Context, found: "list[Event] | Any") -> None:
    for event in found:
        context.echo(json.dumps(_event_json(event), default=str, ensure_ascii=False) if context.json else _line(event))
    context.out.flush()


@command("log")
@click.argument("bead")
@pass_context
def log(context: Context, bead: str) -> None:
    """Tell a bead's whole story: events, attempts, gate runs, landing.

    \b
    Example:
      gt log app-a1b2
    """
    from gastown.town.story import tell

    with context.read() as session:
        story = tell(session, bead)
    if context.json:
        context.print_json(_story_json(story))
        return
    context.echo(f"{story.bead.id}: {story.bead.title} ({story.bead.status})")
    if story.bead.landed_sha:
        context.echo(f"landed as {story.bead.landed_sha}")
    _attempts(context, story)
    _gate_runs(context, story)
    context.echo("\nEVENTS")
    for event in story.events:
        context.echo(_line(event))


def _attempts(context: Context, story: "Story") -> None:
    context.echo("\nATTEMPTS")
    table(
        context,
        ("FENCE", "REASON", "STATE", "AGENT", "PRESET", "TOOK", "OUTCOME"),
        [
            (row.fence, row.reason.value, row.state.value, row.polecat or "", row.preset, _took(row), row.outcome)
            for row in story.attempts
        ],
        empty="It was never slung.",
    )


def _gate_runs(context: Context, story: "Story") -> None:
    if not story.gate_runs:
        return
    context.echo("\nGATE RUNS")
    table(
        context,
        ("RUN", "TREE", "STATE", "VERDICT", "HOST", "GATES"),
        [
            (
                row.id,
                row.tree_oid[:_SHORT_OID],
                row.state.value,
                row.verdict.value if row.verdict else "",
                row.host or "",
                ", ".join(f"{result.get('gate')} {result.get('verdict')}" for result in row.results),
            )
            for row in story.gate_runs
        ],
        empty="",
    )


def _took(row: "Assignment | GateRun") -> str:
    begun = row.started_at or getattr(row, "claimed_at", None)
    ended = getattr(row, "ended_at", None) or getattr(row, "finished_at", None)
    return short(ended - begun) if begun and ended else ""


def _line(event: "Event") -> str:
    where = event.bead_id or event.rig or ""
    values = " ".join(filter(None, (_value(name, value) for name, value in event.payload.items())))
    at = event.at.astimezone().strftime("%m-%d %H:%M:%S")
    return f"{at}  {event.kind.value:24} {where:16} {event.actor:28} {values}".rstrip()


def _value(name: str, value: object) -> str:
    """A value for people; empty for what they would not read here."""
    if name == "bead" and isinstance(value, dict):
        name, value = "title", value.get("title")
    if not value or name in _LEFT_OUT or name.endswith("_at") or isinstance(value, dict | list):
        return ""
    text = str(value)
    if _OID.fullmatch(text):
        text = text[:_SHORT_OID]
    # What an agent wrote must not move the cursor or start a line of its own.
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{name}={text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + '...'}"


def _event_json(event: "Event") -> dict[str, Any]:
    return {
        "id": event.id,
        "at": iso(event.at),
        "kind": event.kind.value,
        "actor": event.actor,
        "bead": event.bead_id,
        "rig": event.rig,
        "agent": event.agent,
        "fence": event.fence,
        **({"values": event.payload} if event.payload else {}),
    }


def _story_json(story: "Story") -> dict[str, Any]:
    return {
        "id": story.bead.id,
        "title": story.bead.title,
        "status": story.bead.status,
        "landed_sha": story.bead.landed_sha or None,
        "attempts": [
            {
                "fence": row.fence,
                "reason": row.reason.value,
                "state": row.state.value,
                "agent": row.polecat,
                "preset": row.preset,
                "host": row.host,
                "branch": row.branch or None,
                "head": row.head_oid or None,
                "created_at": iso(row.created_at),
                "started_at": iso(row.started_at),
                "ended_at": iso(row.ended_at),
                "outcome": row.outcome,
                "model": row.model or None,
                "agent_session_id": row.agent_session_id or None,
                "input_tokens": row.input_tokens,
                "output_tokens": row.output_tokens,
                "cache_read_tokens": row.cache_read_tokens,
                "cache_write_tokens": row.cache_write_tokens,
                "cost_usd": row.cost_usd,
            }
            for row in story.attempts
        ],
        "requests": [
            {"id": row.id, "state": row.state.value, "retries": row.retries, "landed_oid": row.landed_oid or None}
            for row in story.requests
        ],
        "gate_runs": [
            {
                "id": row.id,
                "tree": row.tree_oid,
                "state": row.state.value,
                "verdict": row.verdict.value if row.verdict else None,
                "host": row.host,
                "started_at": iso(row.started_at),
                "finished_at": iso(row.finished_at),
                "results": row.results,
            }
            for row in story.gate_runs
        ],
        "events": [_event_json(event) for event in story.events],
    }
