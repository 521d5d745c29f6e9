"""`bd import`, `bd export` and `bd sync`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from gastown.cli.bd.options import stack, words
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import harmless_json
from gastown.errors import GastownError, Invalid, Refused

_ORPHANS = ("allow", "skip", "strict", "resurrect")


@command("import")
@click.argument("file", default="-")
@click.option("-i", "--input", "named", help="The file, for those who are used to naming it like this.")
@click.option("--dry-run", is_flag=True, help="Read and report; change nothing.")
@click.option("--dedup", is_flag=True, help="Leave out lines titled like an open bead with another id.")
@click.option(
    "--orphan-handling",
    type=click.Choice(_ORPHANS),
    help="Children whose parent is nowhere: take them (allow), leave them out (skip), take nothing at all (strict), or "
    "let a closed bead stand in for the parent (resurrect). Default: the key import.orphan_handling.",
)
@pass_context
def import_(
    context: Context, file: str, named: str | None, dry_run: bool, dedup: bool, orphan_handling: str | None
) -> int:
    """Bring in an exchange file (JSONL): one transaction, safe to repeat.

    Every line that holds a bead, a memory or an event of a bead is taken; the others are reported by number, and then
    the exit status is 1. Lines that are older than what the store has change nothing.

    \b
    Examples:
      bd import issues.jsonl
      bd import --json < issues.jsonl
    """
    from gastown import beads

    if named is not None and file != "-":
        raise Invalid("the file is named twice", hint="Name it once: bd import FILE")
    source = file if named is None else named
    with context.open_bytes(source) as data, context.write() as session:
        orphans = orphan_handling or beads.get_config(session, "import.orphan_handling", "allow")
        options = beads.ImportOptions(dedup=dedup, orphans=beads.Orphans(orphans))
        result = beads.import_file(session, data, context.settings.town, actor=context.actor, options=options)
        if dry_run:
            session.rollback()
    for text in beads.import_warnings(result, all_lines=context.json):
        context.warn(text)
    _say(context, beads.import_json(result, source, dry_run=dry_run), beads.import_text(result, dry_run=dry_run))
    return 1 if result.refused else 0


_CONDITIONS = stack(
    click.option("-s", "--status", "statuses", multiple=True, help="Only these statuses (also tombstone)."),
    click.option("-t", "--type", "types", multiple=True, help="Only these types."),
    click.option("-l", "--label", "labels", multiple=True, help="Only with all of these labels."),
    click.option("-a", "--assignee", help="Only assigned to this name."),
    click.option("--id", "ids", multiple=True, help="Only these ids."),
)


@command("export", in_session=True)
@click.option("-o", "--output", help="Write this file, at once or not at all (default: standard output).")
@click.option(
    "--all", "everything", is_flag=True, help="Wisps, templates, the town's own beads, memories and events, too."
)
@click.option("--include-memories", "memories", is_flag=True, help="Memories (`bd remember`), too.")
@click.option("--scrub", is_flag=True, help="Leave out what is titled like a trial: test, tmp issue, sample-1 ...")
@click.option("--allow-shrink", is_flag=True, help="Replace a file that holds what this export does not.")
@_CONDITIONS
@pass_context
def export(context: Context, output: str | None, allow_shrink: bool, **said: Any) -> None:
    """Write the store as an exchange file (JSONL), sorted by id; tombstones and dangling edges included.

    A file that holds beads which would be lost is not replaced. Where this store wrote the file before, only what
    changed is written anew, and nothing when nothing did.

    \b
    Examples:
      bd export -o issues.jsonl
      bd export --all > everything.jsonl
    """
    from gastown import beads

    if output is not None and context.session_pass is not None:
        raise Refused("inside a session files are not written by name", hint="bd export > FILE")
    said |= {name: words(said[name]) for name in ("statuses", "types", "labels", "ids")}
    options = beads.ExportOptions(**said)
    with context.read(frozen=True) as session:
        if output is None or output == "-":
            lines = beads.export_lines(session, options=options)
            context.out.writelines(map(harmless_json, lines) if context.is_terminal else lines)
            return
        target = beads.Target(Path(output).absolute(), context.settings.town, allow_shrink)
        done = beads.export_file(session, target, options)
    if context.json:
        emit(context, beads.exported_json(done, output))
    else:
        context.echo(beads.exported_text(done, output))


_STEPS = stack(
    click.option("--import-only", "--import", "only_takes", is_flag=True, help="Take in the file; write nothing."),
    click.option("--flush-only", "--export-only", "only_writes", is_flag=True, help="Write the file; take nothing in."),
    click.option("--status", "only_shows", is_flag=True, help="Say how far store and file are apart."),
    click.option("--dry-run", is_flag=True, help="Say what would be taken in; change nothing."),
)


@command("sync")
@click.argument("file", required=False)
@_STEPS
@click.option(
    "--resolve",
    type=click.Choice(("newest", "ours", "theirs")),
    default="newest",
    show_default=True,
    help="Who counts where the store (ours) and the file (theirs) changed one field of a bead.",
)
@click.option("--allow-shrink", "--force", is_flag=True, help="Write the file even if that loses what only it holds.")
@pass_context
def sync(context: Context, file: str | None, only_shows: bool, **said: Any) -> int:
    """Keep store and exchange file in step: take in what the file says, then write the file. Never runs git.

    The file is .beads/issues.jsonl, or what the key export.path says. Changes of both sides to one bead are brought
    together field by field, from what the file was after the last sync.

    \b
    Examples:
      git pull && bd sync && git add .beads/issues.jsonl
      bd sync --status
    """
    from gastown import beads

    dry_run = said["dry_run"]
    if said["only_takes"] + said["only_writes"] + only_shows > 1:
        raise Invalid("--import-only, --flush-only and --status exclude each other")
    folder = context.settings.town
    with context.read() as session:
        path = Path(file).absolute() if file else beads.export_path(session, folder)
    job = beads.SyncJob(
        path,
        folder,
        context.actor,
        resolve=beads.Resolve(said["resolve"]),
        takes=not said["only_writes"],
        writes=not said["only_takes"],
        allow_shrink=said["allow_shrink"],
        dry_run=dry_run,
    )
    if only_shows:
        with context.read(frozen=True) as session:
            status = beads.find_status(session, job)
        _say(context, beads.status_json(status), beads.status_text(status))
        return 0
    done = beads.sync(job, context.write, lambda: context.read(frozen=True))
    if done.imported is not None:
        for text in beads.import_warnings(done.imported, all_lines=context.json):
            context.warn(text)
    _say(context, beads.sync_json(done, dry_run=dry_run), beads.sync_text(done, dry_run=dry_run))
    return 1 if done.imported is not None and done.imported.refused else 0


def _say(context: Context, shown: dict[str, Any], lines: Iterable[str]) -> None:
    if context.json:
        emit(context, shown)
    else:
        for text in lines:
            context.echo(text)


def export_after(context: Context) -> None:
    """Write the exchange file after a change, where the key export.auto asks for that; a failure only warns."""
    from gastown import beads

    try:
        beads.export_if_due(lambda: context.read(frozen=True), context.settings.town)
    except (GastownError, OSError) as error:
        said = error.message if isinstance(error, GastownError) else f"{error.filename}: {error.strerror}"
        hint = f" {error.hint}" if isinstance(error, GastownError) and error.hint else ""
        context.warn(f"Warning: export.auto: {said}.{hint}")
