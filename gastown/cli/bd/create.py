"""`bd create` and `bd q`."""

from typing import Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.filing import add_dependencies, check_titles, new_bead
from gastown.cli.bd.shapes import details, emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

_EVENT = ("event_category", "event_actor", "event_target", "event_payload")


def _check_options(said: dict[str, Any]) -> None:
    if any(said[name] for name in _EVENT) and said["issue_type"] != "event":
        raise options.BadOption("--event-category, -actor, -target and -payload need --type event")
    if said["ephemeral"] and said["no_history"]:
        raise options.BadOption("--ephemeral and --no-history exclude each other")
    if said["wisp_type"] and not said["ephemeral"]:
        raise options.BadOption("--wisp-type needs --ephemeral")
    if said["waits_for_gate"] and not said["waits_for"]:
        raise options.BadOption("--waits-for-gate needs --waits-for")
    if said["id"] and said["parent"]:
        raise options.BadOption("--id and --parent exclude each other")


TYPE = click.option(
    "-t", "--type", "issue_type", default="task", show_default=True, help="bug, feature, task, epic, chore..."
)
PRIORITY = click.option("-p", "--priority", default="2", show_default=True, help="0 (most urgent) to 4, or P0 to P4.")


@command("create", in_session=True)
@click.argument("titles", metavar="TITLE", nargs=-1)
@click.option("--title", help="The title, instead of the argument.")
@options.DESCRIPTION
@TYPE
@PRIORITY
@click.option("-a", "--assignee", help="Who does it.")
@click.option("-l", "--labels", "--label", "labels", multiple=True, help="Labels, with commas.")
@click.option("--rig", "--repo", "rig", help="The rig whose repository it is about; without it the town's own.")
@click.option("--parent", help="The bead of which this is a part.")
@click.option("--deps", multiple=True, help="What it waits for: ID, TYPE:ID; blocks:ID makes that one wait for this.")
@click.option("--waits-for", help="It waits for the children of this bead.")
@click.option(
    "--waits-for-gate", type=click.Choice(["all-children", "any-children"]), help="For all of them, or for any."
)
@click.option("--id", help="An explicit id.")
@click.option("--force", is_flag=True, help="Also with a foreign prefix, or below a closed parent.")
@click.option("--external-ref", help="Its name elsewhere, like gh-9.")
@options.DESIGN
@click.option("--acceptance", help="When it is done.")
@click.option("--notes", help="Notes.")
@click.option("--append-notes", help="More notes.")
@click.option("--spec-id", help="The specification it comes from.")
@click.option("--skills", help="What one must know for it: a section of the description.")
@click.option("--context", "about", help="What it is about: a section of the description.")
@click.option("-e", "--estimate", type=int, help="Minutes.")
@click.option("--due", help="When it must be done (+2d, tomorrow, 2026-03-01).")
@click.option("--defer", help="Not ready before this time.")
@click.option("--metadata", help="A JSON object, or @FILE.")
@click.option("--ephemeral", is_flag=True, help="A wisp: not exported.")
@click.option("--no-history", is_flag=True, help="Kept here only, but never cleared away.")
@click.option("--mol-type", help="swarm, patrol or work.")
@click.option("--wisp-type", help="heartbeat, ping, patrol, gc_report, recovery, error or escalation.")
@click.option("--event-category", help="Of an event: what kind it is.")
@click.option("--event-actor", help="Of an event: who did it.")
@click.option("--event-target", help="Of an event: to what.")
@click.option("--event-payload", help="Of an event: details.")
@click.option("--no-inherit-labels", is_flag=True, help="Leave the parent's labels to the parent.")
@click.option("-f", "--file", help="File every bead of a Markdown page (## Title, ### Field).")
@click.option("--graph", help="File a whole graph from a JSON plan (- is standard input).")
@click.option("--validate", is_flag=True, help="Refuse a text without the sections of its type (bd lint).")
@click.option("--silent", is_flag=True, help="Print only the id.")
@click.option("--dry-run", is_flag=True, help="Print what would be filed.")
@pass_context
def create(context: Context, titles: tuple[str, ...], title: str | None, **said: Any) -> None:
    """File a bead. With a dependency that cannot be it is not filed.

    \b
    Examples:
      bd create "Fix the login" --rig app -t bug -p 1 -d "It fails for names with a dot"
      bd create "Write its test" --deps app-a1b2 --parent app-e5f6
      bd create --graph plan.json
    """
    from gastown import beads

    if said["file"] or said["graph"]:
        from gastown.cli.bd.create_many import create_many

        create_many(context, bool(titles or title), said)
        return
    wanted = check_titles(titles, title)
    _check_options(said)
    with context.write() as session:
        bead = beads.create(session, new_bead(context, session, wanted, said), actor=context.actor)
        context.touched = bead.id
        add_dependencies(context, session, bead, said)
        missing = beads.check_sections(session, bead, strict=said["validate"])
        session.flush()
        session.refresh(bead)
        shown = details(session, [bead])[0]
        is_late = bead.defer_until is not None and bead.defer_until < bead.created_at
        if said["dry_run"]:
            session.rollback()
    _print(context, shown, silent=said["silent"], dry_run=said["dry_run"])
    if is_late:
        context.warn("Warning: --defer is in the past: the bead is ready at once")
    if missing:
        context.warn(f"Warning: missing sections: {', '.join(missing)}")


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
@TYPE
@PRIORITY
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

    wanted = check_titles((" ".join(titles),) if titles else (), None)
    with context.write() as session:
        bead = beads.create(session, new_bead(context, session, wanted, said), actor=context.actor)
        context.touched = bead.id
    if context.json:
        emit(context, {"id": bead.id})
    else:
        context.echo(bead.id)
