"""`bd show` and `bd children`."""

from typing import Any

import click

from gastown.cli.bd import history
from gastown.cli.bd.scope import require, resolve
from gastown.cli.bd.shapes import details, emit, print_beads
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError

_TEXTS = (
    ("description", "Description"),
    ("design", "Design"),
    ("acceptance_criteria", "Acceptance Criteria"),
    ("notes", "Notes"),
)
_LINES = (
    ("assignee", "Assignee"),
    ("owner", "Owner"),
    ("created_at", "Created"),
    ("updated_at", "Updated"),
    ("closed_at", "Closed"),
    ("close_reason", "Close Reason"),
    ("landed_sha", "Landed"),
    ("due_at", "Due"),
    ("defer_until", "Deferred Until"),
    ("external_ref", "External Ref"),
    ("parent", "Parent"),
)


@command("show", in_session=True)
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--id", "more", multiple=True, help="An id that starts with a hyphen.")
@click.option("--short", is_flag=True, help="One line a bead.")
@click.option("--children", is_flag=True, help="Its children instead.")
@history.AS_OF
@pass_context
def show(
    context: Context, ids: tuple[str, ...], more: tuple[str, ...], short: bool, children: bool, as_of: str | None
) -> int:
    """Show beads in full: fields, dependencies, dependents, comments.

    \b
    Example:
      bd show app-a1b2 --json
    """
    from gastown import beads

    wanted = (*ids, *more)
    require(wanted, "no issue ID provided")
    with context.read() as now, history.at(context, now, as_of, wanted) as (session, names):
        found, hints = [], set[str | None]()
        for text in names:
            try:
                found.append(resolve(context, session, text))
            except GastownError as error:
                context.warn(f"Error fetching {brief(text)}: {error.message}")
                hints.add(error.hint)
        if children:
            found = [child for bead in found for child in beads.list_children(session, bead.id)]
        shown = details(session, found)
    for hint in filter(None, hints):
        context.warn(f"Hint: {hint}")
    if not shown and not children:
        if context.json:
            emit(context, {"error": "no issues found matching the provided IDs"})
        return 1
    _print(context, shown, short)
    return 0


def _print(context: Context, shown: list[dict[str, Any]], short: bool) -> None:
    if context.json:
        context.print_json(shown)
        return
    for number, item in enumerate(shown):
        if short:
            context.echo(f"{item['id']} [{item['status']}] P{item['priority']} {item['issue_type']}: {item['title']}")
        else:
            context.echo("\n" * bool(number) + _text(item))


def _text(item: dict[str, Any]) -> str:
    lines = [f"{item['id']}: {item['title']}", f"Status: {item['status']}", f"Priority: P{item['priority']}"]
    lines.append(f"Type: {item['issue_type']}")
    lines += [f"{heading}: {item[name]}" for name, heading in _LINES if item.get(name)]
    if item["labels"]:
        lines.append(f"Labels: {', '.join(item['labels'])}")
    for name, heading in _TEXTS:
        if item.get(name):
            lines += ["", f"{heading}:", item[name]]
    for name, heading in (("dependencies", "Dependencies"), ("dependents", "Dependents")):
        if item[name]:
            lines += ["", f"{heading} ({len(item[name])}):"]
            lines += [
                f"  {other['id']} [{other['status']}] {other['dependency_type']}: {other['title']}"
                for other in item[name]
            ]
    if item["comments"]:
        lines += ["", f"Comments ({len(item['comments'])}):"]
        lines += [f"  {said.get('created_at', '')} {said['author']}: {said['text']}" for said in item["comments"]]
    return "\n".join(lines)


@command("children", in_session=True)
@click.argument("bead", metavar="ID")
@pass_context
def children(context: Context, bead: str) -> None:
    """List a bead's children.

    \b
    Example:
      bd children app-e5f6
    """
    from gastown import beads

    with context.read() as session:
        parent = resolve(context, session, bead)
        print_beads(context, session, beads.list_children(session, parent.id), empty=f"{parent.id} has no children.")
