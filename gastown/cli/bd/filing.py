"""What a new bead is made of, from the options of a command line."""

import json
from typing import TYPE_CHECKING, Any

from gastown.cli.bd import options
from gastown.cli.bd.scope import check_given_id, prefix_for, prefix_of_session, resolve, writable
from gastown.cli.context import Context
from gastown.cli.terminal import brief
from gastown.errors import GastownError, Invalid, NotFound

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead, NewBead

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
