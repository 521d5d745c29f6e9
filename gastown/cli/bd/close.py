"""`bd close`, `reopen`, `delete`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import closable, require, resolve, writable
from gastown.cli.bd.shapes import emit, issues
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import NotFound

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Closing, Deletion


def _split_done(context: Context, session: "Session", words: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """`bd done ID... MESSAGE`: the last word is the reason when it names no bead."""
    if len(words) < 2:
        return list(words), []
    try:
        resolve(context, session, words[-1])
    except NotFound:
        return list(words[:-1]), [words[-1]]
    return list(words), []


@command("close", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option(
    "-r", "--reason", "--resolution", "-m", "--comment", "reasons", multiple=True, help="Why: one, or one an id."
)
@click.option("--reason-file", help="Read the reason from a file (- is standard input).")
@click.option("-f", "--force", is_flag=True, help="Past pins, open children and open blockers.")
@click.option("--no-code", is_flag=True, help="It needs no code after all: cancels the attempt (needs --reason).")
@click.option("--suggest-next", is_flag=True, help="Say what this sets free.")
@pass_context
def close(context: Context, ids: tuple[str, ...], **said: Any) -> int:
    """Close beads. A bead that was slung for code closes by itself when its work lands.

    \b
    Examples:
      bd close app-a1b2 -r "Fixed in the parser"
      bd close app-a1b2 --no-code -r "Not a bug"
    """
    from gastown import beads

    require(ids, "no issue ID provided")
    reasons = list(said["reasons"])
    if said["reason_file"]:
        reasons.append(context.read_text(said["reason_file"]).strip())
    with context.write() as session:
        if click.get_current_context().info_name == "done" and not reasons:
            names, reasons = _split_done(context, session, ids)
        else:
            names = list(ids)
        if said["suggest_next"] and len(names) != 1:
            raise BadOption("--suggest-next wants exactly one id")
        found = [closable(context, session, text).id for text in names]
        result = beads.close(
            session, found, actor=context.actor, reason=reasons or "", force=said["force"], no_code=said["no_code"]
        )
        shown = issues(session, result.closed)
        freed = issues(session, list(beads.find_many(session, result.unblocked).values()))
    return _report(context, result, shown, freed if said["suggest_next"] else None)


def _report(
    context: Context, result: "Closing", shown: list[dict[str, Any]], freed: list[dict[str, Any]] | None
) -> int:
    for _, error in result.refused:
        context.warn(f"Error: {error.message}")
        if error.hint:
            context.warn(f"Hint: {error.hint}")
    if not shown:
        if context.json:
            emit(context, {"error": "; ".join(error.message for _, error in result.refused)})
        return 1
    if context.json:
        if freed is None:
            context.print_json(shown)
        else:
            emit(context, {"closed": shown, "unblocked": freed})
        return 0
    for item in shown:
        context.echo(f"✓ Closed {item['id']}: {item.get('close_reason', '')}")
    for item in freed or ():
        context.echo(f"  Now unblocked: {item['id']} — {item['title']}")
    return 0


@command("reopen", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("-r", "--reason", default="", help="Why.")
@pass_context
def reopen(context: Context, ids: tuple[str, ...], reason: str) -> None:
    """Make closed beads open.

    \b
    Example:
      bd reopen app-a1b2 -r "It is back"
    """
    from gastown import beads

    require(ids, "no issue ID provided")
    with context.write() as session:
        found = [writable(context, session, text) for text in ids]
        changed = [beads.reopen(session, bead.id, actor=context.actor, reason=reason) for bead in found]
        shown = issues(session, found)
    for bead, is_changed in zip(found, changed, strict=True):
        text = f"✓ Reopened {bead.id}" if is_changed else f"{bead.id} is already open (status {bead.status})"
        (context.warn if context.json else context.echo)(text)
    if context.json:
        context.print_json(shown)


@command("delete")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Do it; beads that wait for these are left without them.")
@click.option("--reason", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@pass_context
def delete(context: Context, ids: tuple[str, ...], force: bool, reason: str, dry_run: bool) -> None:
    """Delete beads; without --force only show what that would do. A tombstone stays, so that no old file revives them.

    \b
    Example:
      bd delete app-a1b2 --force
    """
    from gastown import beads

    require(ids, "no issue ID provided")
    is_preview = dry_run or not force
    with context.write() as session:
        names = [resolve(context, session, text).id for text in ids]
        done = beads.delete(session, names, actor=context.actor, reason=reason, orphan=force or is_preview)
        if is_preview:
            session.rollback()
    _report_deletion(context, done, is_preview)


def _report_deletion(context: Context, done: "Deletion", is_preview: bool) -> None:
    names: Any = done.ids[0] if len(done.ids) == 1 else done.ids
    if context.json:
        shown = {"dependencies_removed": done.edges, "references_updated": len(done.rewritten)}
        emit(context, {"preview" if is_preview else "deleted": names, **shown})
        return
    context.echo("DELETE PREVIEW" if is_preview else f"✓ Deleted {', '.join(done.ids)}")
    context.echo(f"  Issues: {', '.join(done.ids)}")
    context.echo(f"  Dependencies removed: {done.edges}")
    context.echo(f"  References updated: {len(done.rewritten)}")
    if is_preview:
        context.echo("Nothing was changed. Add --force to delete.")
