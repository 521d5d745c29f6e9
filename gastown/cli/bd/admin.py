"""`bd admin`: compaction, and what cleans up."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options, upkeep
from gastown.cli.bd.scope import resolve
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, group, pass_context
from gastown.cli.context import Context
from gastown.cli.output import table
from gastown.errors import Refused

if TYPE_CHECKING:
    from gastown.beads import Compaction


class NeverReset(Refused):
    """Nothing here throws a store away."""


@group("admin")
def admin() -> None:
    """Compact what closed long ago, and clean up.

    \b
    Example:
      bd admin compact --stats
    """


@command("compact")
@click.option("--analyze", "mode", flag_value="analyze", help="List what can be compacted, with its texts.")
@click.option("--apply", "mode", flag_value="apply", help="Put --summary in place of the texts of --id.")
@click.option("--auto", "mode", flag_value="auto", help="Let the program of the key compact.command write summaries.")
@click.option("--stats", "mode", flag_value="stats", help="How much each tier would compact.")
@click.option("--id", "bead", default="", help="The bead.")
@click.option("--summary", help="The file with the summary (- is standard input).")
@click.option("--all", "everything", is_flag=True, help="With --auto: every candidate.")
@click.option("--tier", type=click.IntRange(1, 2), default=1, show_default=True, help="1: after 30 days. 2: after 90.")
@click.option("--limit", type=click.IntRange(0), default=0, help="With --analyze: how many (0: all).")
@click.option("--workers", type=click.IntRange(1, 32), default=5, show_default=True, help="Summaries at once.")
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@click.option("-f", "--force", is_flag=True, help="With --id: however young it is.")
@pass_context
def compact(context: Context, mode: str | None, **said: Any) -> int | None:
    """Put summaries in place of the long texts of beads that closed long ago; `bd restore` brings the texts back.

    \b
    Examples:
      bd admin compact --analyze --json
      bd admin compact --apply --id app-a1b2 --summary short.txt
      bd admin compact --auto --all
    """
    modes = {"analyze": _analyze, "apply": _apply, "auto": _auto, "stats": _stats}
    if mode is None:
        raise options.BadOption("say --analyze, --apply, --auto or --stats", hint="bd admin compact --stats")
    return modes[mode](context, said)


def _analyze(context: Context, said: dict[str, Any]) -> None:
    from gastown import beads

    with context.read() as session:
        found = beads.list_candidates(session, said["tier"], limit=said["limit"])
    if context.json:
        context.print_json([candidate.as_json() for candidate in found])
        return
    rows = [(each.bead.id, each.size, each.age_days, each.dependents, each.bead.title) for each in found]
    table(context, ("ID", "BYTES", "DAYS", "DEPENDENTS", "TITLE"), rows, empty="Nothing to compact.")


def _stats(context: Context, _said: dict[str, Any]) -> None:
    from gastown import beads

    with context.read() as session:
        found = beads.measure_tiers(session)
    if context.json:
        emit(context, dict(found))
        return
    rows = [(name, each["candidates"], each["total_size"]) for name, each in found.items()]
    table(context, ("TIER", "CANDIDATES", "BYTES"), rows, empty="")


def _apply(context: Context, said: dict[str, Any]) -> None:
    from gastown import beads

    if not said["bead"] or said["summary"] is None:
        raise options.BadOption("--apply needs --id and --summary", hint="Write the summary to a file first.")
    summary = context.read_text(said["summary"])
    with context.write() as session:
        done = beads.compact(
            session,
            resolve(context, session, said["bead"]).id,
            summary,
            actor=context.actor,
            tier=said["tier"],
            force=said["force"],
        )
        if said["dry_run"]:
            session.rollback()
    _report(context, [done], said["dry_run"])


def _auto(context: Context, said: dict[str, Any]) -> int:
    from gastown import beads

    if bool(said["bead"]) == said["everything"]:
        raise options.BadOption("--auto needs either --id or --all")
    with context.read() as session:
        only = resolve(context, session, said["bead"]).id if said["bead"] else None
        tasks = beads.plan_summaries(session, said["tier"], only=only, force=said["force"])
        program = beads.summary_program(session)
    if said["dry_run"]:
        context.echo(f"{len(tasks)} issues would be compacted, {sum(task.size for task in tasks)} bytes")
        return 0
    done: list[Compaction] = []
    for task, summary in beads.summarize(program, tasks, workers=said["workers"]):
        if isinstance(summary, beads.SummaryFailed):
            context.warn(f"Error: {task.id}: {summary.message}")
            continue
        with context.write() as session:
            done.append(
                beads.compact(session, task.id, summary, actor=context.actor, tier=said["tier"], force=said["force"])
            )
    _report(context, done, is_preview=False)
    return int(bool(tasks) and not done)


def _report(context: Context, done: "list[Compaction]", is_preview: bool) -> None:
    if context.json:
        emit(context, {"success": True, "compacted": [each.as_json() for each in done], "dry_run": is_preview})
        return
    for each in done:
        word = "Would compact" if is_preview else "✓ Compacted"
        context.echo(f"{word} {each.id} (tier {each.tier}): {each.before} → {each.after} bytes")


@command("cleanup")
@click.option("--older-than", help="Closed so long ago: 30, 12h, 4w (default: any time).")
@click.option("--ephemeral", is_flag=True, help="Only closed wisps.")
@upkeep.FORCE
@pass_context
def cleanup(context: Context, older_than: str | None, ephemeral: bool, dry_run: bool, force: bool) -> None:
    """Delete closed beads that no open one depends on; a tombstone stays of each.

    \b
    Example:
      bd admin cleanup --older-than 30
    """
    from gastown import beads

    act = beads.purge_wisps if ephemeral else beads.prune
    age = beads.parse_age(older_than) if older_than else None
    upkeep.remove(
        context,
        lambda session: {"cleanup": act(session, actor=context.actor, older_than=age)},
        force and not dry_run,
    )


@command("reset")
@pass_context
def reset(context: Context) -> None:
    """Refuse: nothing here throws a store away.

    \b
    Example:
      bd admin reset
    """
    where = Path(context.settings.town)
    raise NeverReset(
        f"bd never throws a store away ({where})",
        hint="`bd doctor --fix` mends a store, `bd restore` brings texts back, `bd import` takes a file in.",
    )


for _member in (compact, cleanup, reset):
    admin.add_command(_member)
