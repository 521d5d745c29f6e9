"""`bd create` and `bd q`."""

from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import check_given_id, prefix_for, prefix_of_session, writable
from gastown.cli.bd.shapes import details, emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError, Invalid

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import NewBead


class TitleRequired(Invalid):
    """A bead was to be filed without a title."""


def _title(positional: tuple[str, ...], option: str | None) -> str:
    if len(positional) > 1:
        raise TitleRequired("one title, please: put it in quotes", hint='bd create "Fix the login"')
    if positional and option is not None and positional[0] != option:
        raise TitleRequired("two different titles are given", hint="Give one.")
    if not positional and option is None:
        raise TitleRequired("title required", hint='bd create "Fix the login"')
    title = positional[0] if positional else str(option)
    if not title.strip():
        raise TitleRequired("title is required", hint="Say in one line what is to be done.")
    return title


def _new(context: Context, session: "Session", title: str, said: dict[str, Any]) -> "NewBead":
    from gastown.beads import NewBead

    parent = writable(context, session, said["parent"]).id if said.get("parent") else ""
    return NewBead(
        title=title,
        prefix=prefix_for(context, session, said["rig"]),
        description=options.long_text(context, said) or "",
        issue_type=said["issue_type"],
        priority=options.priority(said["priority"]),
        labels=options.words(said["labels"]),
        parent=parent,
        assignee=said.get("assignee") or "",
        design=said.get("design") or "",
        acceptance_criteria=said.get("acceptance") or "",
        notes=said.get("notes") or "",
        spec_id=said.get("spec_id") or "",
        external_ref=said.get("external_ref"),
        estimated_minutes=said.get("estimate"),
        due_at=options.when(said["due"], "--due") if said.get("due") else None,
        defer_until=options.when(said["defer"], "--defer") if said.get("defer") else None,
        metadata=options.metadata(context, said["metadata"]) if said.get("metadata") else {},
        ephemeral=bool(said.get("ephemeral")),
        inherit_labels=not said.get("no_inherit_labels"),
        id=check_given_id(context, session, said["id"]) if said.get("id") else "",
    )


@command("create", in_session=True)
@click.argument("titles", metavar="TITLE", nargs=-1)
@click.option("--title", help="The title, instead of the argument.")
@options.DESCRIPTION
@click.option(
    "-t", "--type", "issue_type", default="task", show_default=True, help="bug, feature, task, epic, chore..."
)
@click.option("-p", "--priority", default="2", show_default=True, help="0 (most urgent) to 4, or P0 to P4.")
@click.option("-a", "--assignee", help="Who does it.")
@click.option("-l", "--labels", "--label", "labels", multiple=True, help="Labels, with commas.")
@click.option("--rig", "--repo", "rig", help="The rig whose repository it is about; without it the town's own.")
@click.option("--parent", help="The bead of which this is a part.")
@click.option("--deps", multiple=True, help="What it waits for: ID, TYPE:ID; blocks:ID makes that one wait for this.")
@click.option("--id", help="An explicit id.")
@click.option("--external-ref", help="Its name elsewhere, like gh-9.")
@click.option("--design", help="How to do it.")
@click.option("--acceptance", help="When it is done.")
@click.option("--notes", help="Notes.")
@click.option("--spec-id", help="The specification it comes from.")
@click.option("-e", "--estimate", type=int, help="Minutes.")
@click.option("--due", help="When it must be done (+2d, tomorrow, 2026-03-01).")
@click.option("--defer", help="Not ready before this time.")
@click.option("--metadata", help="A JSON object, or @FILE.")
@click.option("--ephemeral", is_flag=True, help="A wisp: not exported.")
@click.option("--no-inherit-labels", is_flag=True, help="Leave the parent's labels to the parent.")
@click.option("--silent", is_flag=True, help="Print only the id.")
@click.option("--dry-run", is_flag=True, help="Print what would be filed.")
@pass_context
def create(context: Context, titles: tuple[str, ...], title: str | None, **said: Any) -> None:
    """File a bead.

    \b
    Examples:
      bd create "Fix the login" --rig app -t bug -p 1 -d "It fails for names with a dot"
      bd create "Write its test" --deps app-a1b2 --parent app-e5f6
    """
    from gastown import beads

    wanted = _title(titles, title)
    with context.write() as session:
        bead = beads.create(session, _new(context, session, wanted, said), actor=context.actor)
        for text in options.words(said["deps"]):
            _add_dependency(context, session, bead.id, text)
        session.flush()
        session.refresh(bead)
        shown = details(session, [bead])[0]
        is_late = bead.defer_until is not None and bead.defer_until < bead.created_at
        if said["dry_run"]:
            session.rollback()
    _print(context, shown, silent=said["silent"], dry_run=said["dry_run"])
    if is_late:
        context.warn("Warning: --defer is in the past: the bead is ready at once")


def _add_dependency(context: Context, session: "Session", bead_id: str, text: str) -> None:
    """Add one item of --deps; the bead is filed also when that cannot be."""
    from gastown import beads

    try:
        if text.startswith("blocks:"):
            writable(context, session, text.removeprefix("blocks:"))  # it is that bead that gets the edge
        beads.add_by_text(session, bead_id, text, actor=context.actor, prefix=prefix_of_session(context))
    except GastownError as error:
        context.warn(f"Warning: dependency {brief(text)} was not added: {error.message}")


def _print(context: Context, shown: dict[str, Any], *, silent: bool, dry_run: bool) -> None:
    if context.json:
        emit(context, shown)
    elif silent:
        context.echo(shown["id"])
    else:
        context.echo(f"{'Would create' if dry_run else '✓ Created'} issue: {shown['id']} — {shown['title']}")
        context.echo(f"  Priority: P{shown['priority']}")
        context.echo(f"  Status: {shown['status']}")


@command("q", in_session=True)
@click.argument("titles", metavar="TITLE", nargs=-1)
@click.option(
    "-t", "--type", "issue_type", default="task", show_default=True, help="bug, feature, task, epic, chore..."
)
@click.option("-p", "--priority", default="2", show_default=True, help="0 (most urgent) to 4.")
@click.option("-l", "--labels", multiple=True, help="Labels, with commas.")
@click.option("--rig", help="The rig whose repository it is about.")
@pass_context
def quick(context: Context, titles: tuple[str, ...], **said: Any) -> None:
    """File a bead and print only its id; the words need no quotes.

    \b
    Example:
      bd q Fix the login -p 1
    """
    from gastown import beads

    wanted = _title((" ".join(titles),) if titles else (), None)
    with context.write() as session:
        bead = beads.create(session, _new(context, session, wanted, said), actor=context.actor)
    if context.json:
        emit(context, {"id": bead.id})
    else:
        context.echo(bead.id)
