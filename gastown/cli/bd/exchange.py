"""`bd import`, `bd export` and `bd sync`."""

from pathlib import Path
from typing import Any

import click

from gastown.cli.bd.options import stack, words
from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import harmless_json
from gastown.errors import Invalid, Refused

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
        result = beads.import_lines(session, data, actor=context.actor, options=options)
        if dry_run:
            session.rollback()
    for text in beads.import_warnings(result, all_lines=context.json):
        context.warn(text)
    if context.json:
        emit(context, beads.import_json(result, source, dry_run=dry_run))
    else:
        for text in beads.import_text(result, dry_run=dry_run):
            context.echo(text)
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
        emit(context, {"exported": done.number, "rendered": done.rendered, "changed": done.is_changed, "path": output})
    elif done.is_changed:
        context.echo(f"Exported {done.number} issue(s) to {output}")
    else:
        context.echo(f"{output} is up to date: {done.number} issue(s)")
