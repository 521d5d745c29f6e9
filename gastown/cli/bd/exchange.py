"""`bd import` and `bd export`."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown.cli.bd.shapes import emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import harmless_json
from gastown.errors import Refused, Unavailable

if TYPE_CHECKING:
    from gastown.beads import Imported

_SHOWN = 20  # refused lines spelt out for people; JSON has them all


class CannotWrite(Unavailable):
    """The file cannot be written; what was there is still there."""


@command("import")
@click.argument("file", default="-")
@click.option("--dry-run", is_flag=True, help="Read and report; change nothing.")
@pass_context
def import_(context: Context, file: str, dry_run: bool) -> int:
    """Bring in an exchange file (JSONL): one transaction, safe to repeat.

    Every line that holds a bead is taken; the others are reported by number, and then the exit status is 1.

    \b
    Examples:
      bd import issues.jsonl
      bd import --json < issues.jsonl
    """
    from gastown import beads

    data = context.read_bytes(file)
    with context.write() as session:
        result = beads.import_lines(session, data, actor=context.actor)
        if dry_run:
            session.rollback()
    for number, reason in result.refused if context.json else result.refused[:_SHOWN]:
        context.warn(f"Line {number} refused: {reason}")
    if len(result.refused) > _SHOWN and not context.json:
        context.warn(f"... and {len(result.refused) - _SHOWN} more refused lines; --json lists them all")
    for text in result.skipped_edges:
        context.warn(f"Dependency skipped: {text}")
    _report(context, file, result, dry_run)
    return 1 if result.refused else 0


def _report(context: Context, file: str, result: "Imported", dry_run: bool) -> None:
    if context.json:
        emit(
            context,
            {
                "source": file,
                "created": len(result.created),
                "updated": len(result.updated),
                "unchanged": result.unchanged,
                "skipped": result.unchanged + len(result.stale),
                "dedup_skipped": 0,
                "memories": 0,
                "ids": [*result.created, *result.updated],
                "stale_skipped_ids": result.stale,
                "skipped_dependencies": result.skipped_edges,
                "refused": [{"line": number, "reason": reason} for number, reason in result.refused],
                "dry_run": dry_run,
            },
        )
        return
    number = len(result.created) + len(result.updated)
    context.echo(
        f"{'Would import' if dry_run else 'Imported'} {number} issue(s): {len(result.created)} created, "
        f"{len(result.updated)} updated, {result.unchanged} unchanged, {len(result.stale)} older than the store, "
        f"{len(result.refused)} lines refused"
    )


@command("export", in_session=True)
@click.option("-o", "--output", help="Write this file, at once or not at all (default: standard output).")
@click.option("--all", "everything", is_flag=True, help="Wisps, templates and the town's own beads, too.")
@pass_context
def export(context: Context, output: str | None, everything: bool) -> None:
    """Write the store as an exchange file (JSONL), sorted by id; tombstones and dangling edges included.

    \b
    Example:
      bd export --all -o issues.jsonl
    """
    from gastown import beads

    if output is not None and context.session_pass is not None:
        raise Refused("inside a session files are not written by name", hint="bd export > FILE")
    with context.read() as session:
        lines = beads.export_lines(session, everything=everything)
        if output is None:
            context.out.writelines(map(harmless_json, lines) if context.is_terminal else lines)
            return
        number = replace_file(Path(output), lines)
    if context.json:
        emit(context, {"exported": number, "path": output})
    else:
        context.echo(f"Exported {number} issue(s) to {output}")


def replace_file(path: Path, lines: Iterable[str]) -> int:
    """Put `lines` where `path` is: a reader, or a crash, sees the old file or the new one. Return their number."""
    number = 0
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            for line in lines:
                file.write(line)
                number += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
        temporary = None
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint="Nothing was changed.") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return number


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
