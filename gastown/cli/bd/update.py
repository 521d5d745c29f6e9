"""`bd update`, `defer`, `undefer`."""

import json
import math
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import named, require, resolve, writable
from gastown.cli.bd.shapes import issues
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead, Patch

# Options whose values are the bead's own, by column.
_PLAIN = {
    **{
        name: name
        for name in (
            *("title", "notes", "append_notes", "spec_id", "status", "issue_type", "assignee", "await_id"),
            *("ephemeral", "no_history", "external_ref"),
        )
    },
    "acceptance": "acceptance_criteria",
    "estimate": "estimated_minutes",
    "session": "by_session",
}


def _scalar(text: str) -> Any:
    """A value of --set-metadata: numbers, true, false and null as such, all else as text."""
    try:
        value = json.loads(text, parse_constant=lambda word: text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict | list) or value in (math.inf, -math.inf) else value


def _patch(context: Context, said: dict[str, Any]) -> "Patch":
    if said["notes"] is not None and said["append_notes"] is not None:
        raise options.BadOption("--notes and --append-notes exclude each other")
    found: dict[str, Any] = {column: said[option] for option, column in _PLAIN.items() if said[option] is not None}
    texts = {"description": options.long_text(context, said), "design": options.design_text(context, said)}
    found |= {column: text for column, text in texts.items() if text is not None}
    if said["priority"] is not None:
        found["priority"] = options.priority(said["priority"])
    for option, column in (("due", "due_at"), ("defer", "defer_until")):
        if said[option] is not None:
            found[column] = options.when(said[option], f"--{option}") if said[option] else None
    return _with_metadata(context, said, found)


def _with_metadata(context: Context, said: dict[str, Any], found: dict[str, Any]) -> "Patch":
    merged = options.metadata(context, said["metadata"]) if said["metadata"] else {}
    for pair in said["set_metadata"]:
        key, equals, value = pair.partition("=")
        if not equals:
            raise options.BadOption(f"--set-metadata wants KEY=VALUE, not {pair[:60]!r}")
        merged[key] = _scalar(value)
    if merged:
        found["merge_metadata"] = merged
    if said["unset_metadata"]:
        found["unset_metadata"] = said["unset_metadata"]
    patch: Patch = found  # type: ignore[assignment]
    return patch


def _labels(context: Context, session: "Session", bead_id: str, said: dict[str, Any]) -> None:
    from gastown import beads

    if said["set_labels"] is not None:
        beads.set_labels(session, bead_id, options.words([said["set_labels"]]), actor=context.actor)
    added, removed = said["add_label"], said["remove_label"]
    if added or removed:
        beads.change_labels(session, bead_id, add=added, remove=removed, actor=context.actor)


def _change(context: Context, session: "Session", text: str, patch: "Patch", said: dict[str, Any]) -> "Bead":
    """All that one call changes on one bead."""
    from gastown import beads

    bead = writable(context, session, text)
    if said["claim"]:
        beads.claim(session, bead.id, actor=context.actor)
    if patch:
        beads.update(session, bead.id, patch, actor=context.actor)
    _labels(context, session, bead.id, said)
    if said["parent"] is not None:
        parent = writable(context, session, said["parent"]).id if said["parent"] else ""
        beads.set_parent(session, bead.id, parent, actor=context.actor)
    return bead


@command("update", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("-s", "--status", help="open, in_progress, blocked, deferred, closed...")
@click.option("-p", "--priority", help="0 (most urgent) to 4.")
@click.option("--title", help="The title.")
@click.option("-t", "--type", "issue_type", help="The type.")
@click.option("-a", "--assignee", help='Who does it ("" for nobody).')
@options.DESCRIPTION
@options.DESIGN
@click.option("--notes", help="Notes, replacing those there are.")
@click.option("--append-notes", help="Notes, after those there are.")
@click.option("--acceptance", help="When it is done.")
@click.option("--external-ref", help='Its name elsewhere ("" for none).')
@click.option("--spec-id", help="The specification it comes from.")
@click.option("-e", "--estimate", type=int, help="Minutes.")
@click.option("--add-label", multiple=True, help="Add a label.")
@click.option("--remove-label", multiple=True, help="Remove a label.")
@click.option("--set-labels", help="Make these the labels (with commas).")
@click.option("--parent", help='The bead of which this is a part ("" for none).')
@click.option("--due", help='When it must be done ("" for no date).')
@click.option("--defer", help='Not ready before this time ("" for no such time).')
@click.option("--metadata", help="A JSON object to merge, or @FILE.")
@click.option("--set-metadata", multiple=True, metavar="KEY=VALUE", help="Set one key.")
@click.option("--unset-metadata", multiple=True, metavar="KEY", help="Remove one key.")
@click.option("--await-id", help="What a gate waits for: a run, a pull request, a bead.")
@click.option("--ephemeral/--persistent", default=None, help="Make it a wisp, or a bead like others.")
@click.option("--no-history/--history", default=None, help="Keep it here only, or export it like others.")
@click.option("--claim", is_flag=True, help="Take it: assignee and status at once, or not at all.")
@click.option("--session", help="With --status closed: the session that closes it.")
@pass_context
def update(context: Context, ids: tuple[str, ...], **said: Any) -> int:
    """Change fields of beads.

    \b
    Examples:
      bd update app-a1b2 --claim
      bd update app-a1b2 -p 0 --append-notes "Seen on staging, too"
    """
    ids = named(context, ids, "no issue IDs provided")
    if all(value in (None, False, ()) for value in said.values()):
        context.echo("No updates specified")
        return 0
    _check_options(said)
    patch = _patch(context, said)
    _warn_of_the_past(context, patch)
    return each(context, ids, lambda session, text: _change(context, session, text, patch, said), "Updated issue:")


def _check_options(said: dict[str, Any]) -> None:
    for one, other in (("claim", "status"), ("claim", "assignee")):
        if said[one] and said[other] is not None:
            raise options.BadOption(f"--{one} and --{other} exclude each other")
    both = sorted({*said["add_label"]} & {*said["remove_label"]})
    if both:
        raise options.BadOption(f"--add-label and --remove-label both name {brief(both[0])}")
    if said["set_labels"] is not None and (said["add_label"] or said["remove_label"]):
        raise options.BadOption("--set-labels says all labels: leave --add-label and --remove-label out")
    if said["status"] == "":
        raise options.BadOption("invalid status ''", hint="Give a status, like open.")


def _warn_of_the_past(context: Context, patch: "Patch") -> None:
    from gastown import clock

    until, due = patch.get("defer_until"), patch.get("due_at")
    if until is not None and until < clock.now():
        context.warn("Warning: --defer is in the past: the bead is ready at once")
    if due is not None and due < clock.now():
        context.warn("Warning: --due is in the past: the bead is overdue at once")


def each(context: Context, ids: tuple[str, ...], act: Any, done: str) -> int:
    """Do `act` to each bead in one transaction; report those that refuse, fail only when all do."""
    changed = []
    with context.write() as session:
        for text in ids:
            try:
                with session.begin_nested():
                    changed.append(act(session, text))
            except GastownError as error:
                context.warn(f"Error updating {brief(text)}: {error.message}")
                if error.hint:
                    context.warn(f"Hint: {error.hint}")
                failure = error
        session.expire_all()
        shown = issues(session, [resolve(context, session, bead.id) for bead in changed])
    if not changed:
        if context.json:
            context.print_json({"error": failure.message, "schema_version": 1})
        return 1
    if context.json:
        context.print_json(shown)
    else:
        for item in shown:
            context.echo(f"✓ {done} {item['id']} — {item['title']}")
    return 0


@command("defer", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--until", help="Until when (+2d, tomorrow, 2026-03-01); without it for good.")
@pass_context
def defer(context: Context, ids: tuple[str, ...], until: str | None) -> int:
    """Put beads off: they are not ready before the time comes, or until `bd undefer`.

    \b
    Example:
      bd defer app-a1b2 --until "next monday"
    """
    from gastown import beads, clock

    require(ids, "no issue ID provided")
    moment = options.when(until, "--until") if until else None
    if moment is not None and moment < clock.now():
        context.warn("Warning: --until is in the past: the bead is ready at once")
    return each(
        context,
        ids,
        lambda session, text: beads.defer(session, writable(context, session, text).id, moment, actor=context.actor),
        "Deferred",
    )


@command("undefer", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@pass_context
def undefer(context: Context, ids: tuple[str, ...]) -> None:
    """Make deferred beads open.

    \b
    Example:
      bd undefer app-a1b2
    """
    from gastown import beads

    require(ids, "no issue ID provided")
    with context.write() as session:
        found = [writable(context, session, text) for text in ids]
        changed = [beads.undefer(session, bead.id, actor=context.actor) for bead in found]
        shown = issues(session, found)
    for bead, is_changed in zip(found, changed, strict=True):
        (context.warn if context.json else context.echo)(
            f"Undeferred {bead.id}" if is_changed else f"{bead.id} is not deferred (status {bead.status})"
        )
    if context.json:
        context.print_json(shown)
