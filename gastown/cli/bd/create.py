"""`bd create` and `bd q`."""

import json
from typing import TYPE_CHECKING, Any

import click

from gastown.cli.bd import options
from gastown.cli.bd.scope import check_given_id, prefix_for, prefix_of_session, resolve, writable
from gastown.cli.bd.shapes import details, emit
from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError, Invalid, NotFound

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead, NewBead

_EVENT = ("event_category", "event_actor", "event_target", "event_payload")
_SECTIONS = (("skills", "Required Skills"), ("about", "Context"))


class TitleRequired(Invalid):
    """A bead was to be filed without a title."""


class NotFiled(Invalid):
    """A dependency of a new bead cannot be, so neither can the bead."""


def check_titles(positional: tuple[str, ...], option: str | None) -> str:
    """The one title that a command line gives."""
    if len(positional) > 1:
        raise TitleRequired("one title, please: put it in quotes", hint='bd create "Fix the login"')
    if positional and positional[0].startswith("-"):
        raise TitleRequired(f"a title cannot start with a hyphen: {brief(positional[0])}", hint="Use --title.")
    if positional and option is not None and positional[0] != option:
        raise TitleRequired("two different titles are given", hint="Give one.")
    if not positional and option is None:
        raise TitleRequired("title required", hint='bd create "Fix the login"')
    title = positional[0] if positional else str(option)
    if not title.strip():
        raise TitleRequired("title is required", hint="Say in one line what is to be done.")
    return title


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


def _texts(context: Context, said: dict[str, Any]) -> dict[str, Any]:
    description = options.long_text(context, said) or ""
    for name, heading in _SECTIONS:
        if said.get(name):
            description = f"{description}\n\n## {heading}\n{said[name]}".strip()
    return {
        "description": description,
        "design": options.design_text(context, said) or "",
        "acceptance_criteria": said.get("acceptance") or "",
        "notes": "\n".join(said[name] for name in ("notes", "append_notes") if said.get(name)),
        "spec_id": said.get("spec_id") or "",
        "assignee": said.get("assignee") or "",
    }


def _more(said: dict[str, Any]) -> dict[str, Any]:
    found = {name: said[name] for name in ("mol_type", "wisp_type", "no_history") if said.get(name)}
    events = {"event_category": "event_kind", "event_actor": "actor", "event_target": "target"}
    found |= {column: said[name] for name, column in events.items() if said.get(name)}
    return found | ({"payload": said["event_payload"]} if said.get("event_payload") else {})


def new_bead(context: Context, session: "Session", title: str, said: dict[str, Any]) -> "NewBead":
    """What the options of a command line ask for."""
    from gastown.beads import NewBead

    return NewBead(
        title=title,
        prefix=_prefix(context, session, said),
        issue_type=said["issue_type"],
        priority=options.priority(said["priority"]),
        labels=options.words(said["labels"]),
        parent=_parent(context, session, said["parent"]) if said.get("parent") else "",
        owner=options.owner(context),
        external_ref=said.get("external_ref"),
        estimated_minutes=said.get("estimate"),
        due_at=options.when(said["due"], "--due") if said.get("due") else None,
        defer_until=options.when(said["defer"], "--defer") if said.get("defer") else None,
        metadata=options.metadata(context, said["metadata"]) if said.get("metadata") else {},
        ephemeral=bool(said.get("ephemeral")),
        inherit_labels=not said.get("no_inherit_labels"),
        id=check_given_id(context, session, said["id"], force=said["force"]) if said.get("id") else "",
        more=_more(said),
        force=bool(said.get("force")),
        **_texts(context, said),
    )


def _prefix(context: Context, session: "Session", said: dict[str, Any]) -> str:
    """The rig that was named, or that of the bead during whose work this was discovered."""
    own = prefix_of_session(context)
    found = [text for text in options.words(said.get("deps") or ()) if text.startswith("discovered-from:")]
    if found and not said["rig"] and own is None and context.settings.is_town:
        return resolve(context, session, found[0].removeprefix("discovered-from:")).prefix
    return prefix_for(context, session, said["rig"])


def _parent(context: Context, session: "Session", text: str) -> str:
    from gastown.beads import ParentNotFound

    try:
        return writable(context, session, text).id
    except NotFound:
        raise ParentNotFound(f"parent issue {brief(text)} not found", hint="`bd list` shows the ids.") from None


def add_dependencies(context: Context, session: "Session", bead: "Bead", said: dict[str, Any]) -> None:
    """Add what --deps and --waits-for say; a bead whose dependencies cannot be is not filed."""
    from gastown import beads

    for text in options.words(said["deps"]):
        try:
            if text.startswith("blocks:"):
                writable(context, session, text.removeprefix("blocks:"))  # it is that bead that gets the edge
            beads.add_by_text(session, bead.id, text, actor=context.actor, prefix=prefix_of_session(context))
        except GastownError as error:
            message = f"dependency {brief(text)} was not added: {error.message}; nothing was filed"
            raise NotFiled(message, hint=error.hint) from None
    if said["waits_for"]:
        target = resolve(context, session, said["waits_for"]).id
        gate = json.dumps({"gate": said["waits_for_gate"] or "all-children"})
        beads.add_dependency(session, bead.id, target, actor=context.actor, type="waits-for", metadata=gate)


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
