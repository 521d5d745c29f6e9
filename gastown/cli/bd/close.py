"""`bd close`, `reopen`, `delete`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd.options import BadOption
from gastown.cli.bd.scope import closable, named, prefix_of_session, require, resolve, writable
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
@click.option("-f", "--force", is_flag=True, help="Past templates, pins, open children, gates and open blockers.")
@click.option("--no-code", is_flag=True, help="It needs no code after all: cancels the attempt (needs --reason).")
@click.option("--continue", "go_on", is_flag=True, help="Go on to the next ready step of the same molecule.")
@click.option("--no-auto", is_flag=True, help="With --continue: show the next step without taking it.")
@click.option("--suggest-next", is_flag=True, help="Say what this sets free.")
@click.option("--claim-next", is_flag=True, help="Take the most urgent ready bead afterwards.")
@click.option("--session", help="The session that closes them (default: CLAUDE_SESSION_ID).")
@pass_context
def close(context: Context, ids: tuple[str, ...], **said: Any) -> int:
    """Close beads. A bead that was slung for code closes by itself when its work lands.

    \b
    Examples:
      bd close app-a1b2 -r "Fixed in the parser"
      bd close app-a1b2 --continue
      bd close app-a1b2 --no-code -r "Not a bug"
    """
    from gastown import beads

    ids = named(context, ids, "no issue ID provided")
    _check_options(said)
    reasons = list(said["reasons"])
    if said["reason_file"]:
        reasons.append(context.read_text(said["reason_file"]).strip())
    with context.write() as session:
        if click.get_current_context().info_name == "done" and not reasons:
            names, reasons = _split_done(context, session, ids)
        else:
            names = list(ids)
        if (said["suggest_next"] or said["go_on"]) and len(names) != 1:
            raise BadOption(f"--{'continue' if said['go_on'] else 'suggest-next'} wants exactly one id")
        result = beads.close(
            session,
            [closable(context, session, text).id for text in names],
            actor=context.actor,
            reason=reasons or "",
            force=said["force"],
            no_code=said["no_code"],
            by_session=_session_name(context, said["session"]),
        )
        more = _follow(context, session, result, said)
        shown = issues(session, result.closed)
    return _report(context, result, shown, more)


def _check_options(said: dict[str, Any]) -> None:
    if said["no_auto"] and not said["go_on"]:
        raise BadOption("--no-auto needs --continue")
    if sum(map(bool, (said["go_on"], said["suggest_next"], said["claim_next"]))) > 1:
        raise BadOption("--continue, --suggest-next and --claim-next exclude each other")


def _session_name(context: Context, said: str | None) -> str:
    from gastown import config

    inherited = "" if context.session_pass else config.environment().get("CLAUDE_SESSION_ID", "")
    return said if said is not None else inherited


def _follow(context: Context, session: "Session", result: "Closing", said: dict[str, Any]) -> dict[str, Any] | None:
    """What the command does besides closing, as the key that it adds to the answer; None for nothing."""
    from gastown import beads

    if not result.closed:
        return None
    if said["suggest_next"]:
        return {"unblocked": issues(session, list(beads.find_many(session, result.unblocked).values()))}
    if said["claim_next"]:
        mine = beads.Filters(prefix=prefix_of_session(context) or "")
        taken = beads.claim_ready(session, mine, actor=context.actor)
        return {"claimed": issues(session, [beads.get(session, taken)])[0] if taken else None}
    if said["go_on"]:
        found = beads.continue_after(session, result.closed[0].id, actor=context.actor, advance=not said["no_auto"])
        return {"continue": found and beads.continuation_json(session, found)}
    return None


def _report(context: Context, result: "Closing", shown: list[dict[str, Any]], more: dict[str, Any] | None) -> int:
    for warning in result.warnings:
        context.warn(f"Warning: {warning}")
    for _, error in result.refused:
        context.warn(f"Error: {error.message}")
        if error.hint:
            context.warn(f"Hint: {error.hint}")
    if not shown and context.json:
        emit(context, {"error": "; ".join(error.message for _, error in result.refused)})
    elif context.json:
        context.print_json(shown) if more is None else emit(context, {"closed": shown, **more})
    else:
        _print(context, result, shown, more or {})
    return 0 if shown else 1


def _print(context: Context, result: "Closing", shown: list[dict[str, Any]], more: dict[str, Any]) -> None:
    for item in shown:
        context.echo(f"✓ Closed {item['id']}: {item.get('close_reason', '')}")
    for root in result.completed:
        context.echo(f"✓ Closed {root.id}: {root.close_reason}")
    for line in _follow_lines(more):
        context.echo(line)


def _follow_lines(more: dict[str, Any]) -> list[str]:
    lines = [f"  Now unblocked: {item['id']} — {item['title']}" for item in more.get("unblocked", ())]
    if "claimed" in more:
        taken = more["claimed"]
        lines.append(f"✓ Claimed {taken['id']} — {taken['title']}" if taken else "Nothing is ready.")
    if "continue" not in more:
        return lines
    step = more["continue"]
    if step is None:
        return [*lines, "It is no step of a molecule."]
    if step["molecule_complete"]:
        return [*lines, f"Molecule {step['molecule_id']} is complete"]
    if step["next_step"] is None:
        return [*lines, f"No step of {step['molecule_id']} is ready yet"]
    word = "Working on" if step["auto_advanced"] else "Next"
    return [*lines, f"{word}: {step['next_step']['id']} — {step['next_step']['title']}"]


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
    from gastown.beads import BeadStatus

    require(ids, "no issue ID provided")
    with context.write() as session:
        found = [writable(context, session, text) for text in ids]
        changed = [beads.reopen(session, bead.id, actor=context.actor, reason=reason) for bead in found]
        shown = issues(session, found)
    for bead, is_changed in zip(found, changed, strict=True):
        text = f"{bead.id} is already open (status {bead.status})"
        if bead.status == BeadStatus.DEFERRED:
            text += f"; it is put off: `bd undefer {bead.id}`"
        (context.warn if context.json else context.echo)(f"✓ Reopened {bead.id}" if is_changed else text)
    if context.json:
        context.print_json(shown)


@command("delete")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("-f", "--force", is_flag=True, help="Do it; beads that wait for these are left without them.")
@click.option("--cascade", is_flag=True, help="Delete what waits for these and what is below them, too.")
@click.option("--from-file", help="Read ids from a file, one a line (- is standard input).")
@click.option("--reason", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen.")
@pass_context
def delete(context: Context, ids: tuple[str, ...], from_file: str | None, **said: Any) -> None:
    """Delete beads; without --force only show what that would do. A tombstone stays, so that no old file revives them.

    \b
    Examples:
      bd delete app-a1b2 --force
      bd delete --from-file ids.txt --cascade
    """
    from gastown import beads

    lines = context.read_text(from_file).splitlines() if from_file else []
    wanted = [*ids, *(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))]
    require(wanted, "no issue ID provided")
    is_preview = said["dry_run"] or not said["force"]
    with context.write() as session:
        names = [resolve(context, session, text).id for text in wanted]
        done = beads.delete(
            session, names, actor=context.actor, reason=said["reason"], orphan=True, cascade=said["cascade"]
        )
        if is_preview:
            session.rollback()
    _report_deletion(context, done, is_preview)


def _report_deletion(context: Context, done: "Deletion", is_preview: bool) -> None:
    if context.json:
        shown = done.as_json()
        emit(context, {"preview": shown.pop("deleted"), **shown} if is_preview else shown)
        return
    context.echo("DELETE PREVIEW" if is_preview else f"✓ Deleted {', '.join(done.ids)}")
    context.echo(f"  Issues: {', '.join(done.ids)}")
    context.echo(f"  Dependencies removed: {done.edges}")
    context.echo(f"  Labels removed: {done.labels}")
    context.echo(f"  References updated: {len(done.rewritten)}")
    if done.orphaned:
        context.echo(f"  Left without them: {', '.join(done.orphaned)} (--cascade deletes those, too)")
    if is_preview:
        context.echo("Nothing was changed. Add --force to delete.")
