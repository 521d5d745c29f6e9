"""`bd gate`: what holds up a step until something outside has happened."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.scope import resolve, writable
from gastown.cli.bd.shapes import details, emit, issues
from gastown.cli.commands import group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table

if TYPE_CHECKING:
    from gastown.beads import Bead, Look


@group("gate")
def gate() -> None:
    """Hold up a bead until a person, a time, a run, a pull request or another bead lets it go.

    \b
    Examples:
      bd gate create --blocks app-a1b2 --type timer --timeout 30m
      bd gate check
    """


@gate.command("create", in_session=True)
@click.option("--blocks", required=True, metavar="ID", help="The bead to hold up.")
@click.option("--type", "kind", default="human", show_default=True, help="human, timer, gh:run, gh:pr, bead or mail.")
@click.option("--await-id", default="", help="The run or workflow, the pull request, or the bead (RIG:ID).")
@click.option("--timeout", default="", help="A span like 90s, 30m or 1h30m.")
@click.option("--reason", default="", help="Why.")
@pass_context
def create(context: Context, blocks: str, kind: str, timeout: str, **said: Any) -> None:
    """File a gate that holds up a bead.

    \b
    Example:
      bd gate create --blocks app-a1b2 --type gh:pr --await-id 42
    """
    from gastown import beads

    span = beads.parse_duration(timeout) if timeout else 0
    with context.write() as session:
        name = writable(context, session, blocks).id
        new = beads.NewGate(blocks=name, await_type=kind, timeout=span, **said)
        made = beads.create_gate(session, new, actor=context.actor)
        shown = issues(session, [made])[0]
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Created gate: {shown['id']} ({kind}) blocks {name}")


@gate.command("list", in_session=True)
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.option("--type", "kind", default="", help="Of this type; gh for both of GitHub's.")
@click.option("-n", "--limit", type=click.IntRange(0), default=50, show_default=True, help="How many (0: all).")
@pass_context
def list_(context: Context, closed: bool, kind: str, limit: int) -> None:
    """List gates, oldest first.

    \b
    Example:
      bd gate list --all
    """
    from gastown import beads

    with context.read() as session:
        found = beads.list_gates(session, kind=kind, closed=closed, limit=limit)
        if context.json:
            context.print_json(issues(session, found))
            return
        rows = [(bead.id, bead.await_type, bead.await_id, _span(bead), bead.status, bead.title) for bead in found]
    table(context, ("ID", "TYPE", "AWAITS", "TIMEOUT", "STATUS", "TITLE"), rows, empty="No gates.")


def _span(bead: "Bead") -> str:
    from gastown.beads import format_duration

    return format_duration(bead.timeout) if bead.timeout else ""


@gate.command("show", in_session=True)
@click.argument("bead", metavar="GATE")
@pass_context
def show(context: Context, bead: str) -> None:
    """Show a gate in full.

    \b
    Example:
      bd gate show app-a1b2
    """
    from gastown import beads

    with context.read() as session:
        found = beads.get_gate(session, resolve(context, session, bead).id)
        shown, span = details(session, [found])[0], _span(found)
    if context.json:
        emit(context, shown)
        return
    context.echo(f"{shown['id']}: {shown['title']}")
    lines = {
        "Status": shown["status"],
        "Awaits": f"{shown.get('await_type', '')} {shown.get('await_id', '')}".strip(),
        "Timeout": span,
        "Waiters": ", ".join(map(str, shown.get("waiters", ()))),
        "Blocks": ", ".join(item["id"] for item in shown["dependents"]),
        "Reason": shown.get("description", ""),
    }
    for name, value in lines.items():
        if value:
            context.echo(f"  {name}: {value}")


def _look(context: Context, **said: Any) -> "Look":
    from gastown import beads

    return beads.Look(folder=Path(context.start or "."), actor=context.actor, **said)


@gate.command("check")
@click.option("--type", "kind", default="", help="Of this type; gh for both of GitHub's.")
@click.option("--escalate", is_flag=True, help="Label `human` what cannot open by itself any more.")
@click.option("-n", "--limit", type=click.IntRange(0), default=0, help="How many (0: all).")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@pass_context
def check(context: Context, **said: Any) -> None:
    """Look at every open gate and close those whose condition has come.

    \b
    Example:
      bd gate check --escalate
    """
    from gastown import beads

    found = beads.check_gates(context.read, context.write, _look(context, **said))
    lists = {"resolved": found.resolved, "escalated": found.escalated, "errors": found.errors}
    if context.json:
        counts = {name: len(entries) for name, entries in lists.items()}
        reasons = {name: why for entries in (*lists.values(), found.pending) for name, why in entries}
        emit(context, {"checked": found.checked, **counts, "dry_run": said["dry_run"], "reasons": reasons})
        return
    for name, entries in {**lists, "pending": found.pending}.items():
        for gate_id, why in entries:
            (context.warn if name == "errors" else context.echo)(f"{name.removesuffix('s')}: {gate_id}: {why}")
    totals = ", ".join(f"{len(entries)} {name}" for name, entries in lists.items())
    context.echo(f"Checked {found.checked} gates: {totals}")


@gate.command("discover")
@click.option("--branch", default="", help="Only runs of this branch.")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@pass_context
def discover(context: Context, branch: str, dry_run: bool) -> None:
    """Find the runs that young gh:run gates wait for: those that began when the gates were made.

    \b
    Example:
      bd gate discover --branch main
    """
    from gastown import beads

    found = beads.discover_runs(context.read, context.write, _look(context, dry_run=dry_run), branch=branch)
    if context.json:
        emit(context, {"discovered": [{"gate": name, "run": run} for name, run in found], "dry_run": dry_run})
        return
    for name, run in found:
        context.echo(f"{name} waits for run {run}")
    if not found:
        context.echo("No runs found for open gates.")


@gate.command("resolve")
@click.argument("bead", metavar="GATE")
@click.option("-r", "--reason", default="", help="Why.")
@pass_context
def resolve_(context: Context, bead: str, reason: str) -> None:
    """Say that what a gate waits for has come.

    \b
    Example:
      bd gate resolve app-a1b2 -r "Approved"
    """
    from gastown import beads

    with context.write() as session:
        found = beads.resolve_gate(session, resolve(context, session, bead).id, actor=context.actor, reason=reason)
        shown = issues(session, [found])[0]
    if context.json:
        emit(context, shown)
    else:
        context.echo(f"✓ Gate resolved: {shown['id']}")


@gate.command("add-waiter", in_session=True)
@click.argument("bead", metavar="GATE")
@click.argument("address", metavar="ADDRESS")
@pass_context
def add_waiter(context: Context, bead: str, address: str) -> None:
    """Note who wants to hear when a gate opens.

    \b
    Example:
      bd gate add-waiter app-a1b2 app/polecats/nux
    """
    from gastown import beads

    with context.write() as session:
        name = writable(context, session, bead).id
        is_new = beads.add_waiter(session, name, address, actor=context.actor)
        waiters = list(beads.get_gate(session, name).waiters)
    if context.json:
        emit(context, {"id": name, "waiters": waiters, "added": is_new})
    else:
        context.echo(f"✓ Added {address} to {name}" if is_new else f"{address} waits for {name} already")
