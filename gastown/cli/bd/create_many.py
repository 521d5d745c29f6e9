"""`bd create` of several beads at once: from a Markdown page, or from a plan."""

from typing import TYPE_CHECKING, Any

from gastown.cli.bd import options
from gastown.cli.bd.filing import add_dependencies, new_bead
from gastown.cli.bd.scope import prefix_for, writable
from gastown.cli.bd.shapes import details, emit
from gastown.cli.context import Context

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Draft


def create_many(context: Context, has_title: bool, said: dict[str, Any]) -> None:
    """File all that the file says, or nothing."""
    if has_title or (said["file"] and said["graph"]):
        raise options.BadOption("a title, --file and --graph exclude each other")
    if said["graph"]:
        _create_plan(context, said)
    else:
        _create_page(context, said)


def _create_plan(context: Context, said: dict[str, Any]) -> None:
    from gastown import beads

    plan = beads.read_plan(context.read_text(said["graph"]))
    with context.write() as session:
        made = beads.create_plan(
            session,
            plan,
            prefix=prefix_for(context, session, said["rig"]),
            actor=context.actor,
            resolve=lambda text: writable(context, session, text).id,
        )
        if said["dry_run"]:
            session.rollback()
    if context.json:
        emit(context, {"ids": made})
        return
    for key, bead_id in made.items():
        context.echo(bead_id if said["silent"] else f"✓ Created issue: {bead_id} ({key})")


def _create_page(context: Context, said: dict[str, Any]) -> None:
    from gastown import beads

    drafts = beads.read_page(context.read_text(said["file"]))
    with context.write() as session:
        made = [_file(context, session, draft, said) for draft in drafts]
        session.expire_all()
        shown = details(session, [beads.get(session, name) for name in made])
        if said["dry_run"]:
            session.rollback()
    if context.json:
        context.print_json(shown)
        return
    for item in shown:
        context.echo(item["id"] if said["silent"] else f"✓ Created issue: {item['id']} — {item['title']}")


def _file(context: Context, session: "Session", draft: "Draft", said: dict[str, Any]) -> str:
    from gastown import beads

    own = {
        **said,
        "priority": draft.texts.get("priority", said["priority"]),
        "issue_type": draft.texts.get("issue_type", said["issue_type"]),
        "assignee": draft.texts.get("assignee", said["assignee"]),
        "description": draft.texts.get("description"),
        "design": draft.texts.get("design"),
        "acceptance": draft.texts.get("acceptance_criteria"),
        "labels": (*said["labels"], *draft.words.get("labels", ())),
        "deps": (*said["deps"], *draft.words.get("deps", ())),
    }
    bead = beads.create(session, new_bead(context, session, draft.title, own), actor=context.actor)
    add_dependencies(context, session, bead, own)
    if missing := beads.check_sections(session, bead, strict=said["validate"]):
        context.warn(f"Warning: {bead.title}: missing sections: {', '.join(missing)}")
    return bead.id
