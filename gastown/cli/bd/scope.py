"""Which beads a command may name. An agent changes beads of its own rig and reads all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gastown.cli.context import Context
from gastown.errors import Invalid, Refused

if TYPE_CHECKING:
    from sqlmodel import Session

    from gastown.beads import Bead

TOWN_PREFIX = "hq"  # of beads that belong to no rig


class OtherRig(Refused):
    """An agent names a bead of another rig."""


class NoIds(Invalid):
    """No bead was named."""


def prefix_of_session(context: Context) -> str | None:
    """The prefix of the calling agent's rig; None for a person."""
    return context.session_pass.prefix if context.session_pass else None


def rig_here(context: Context) -> str | None:
    """The rig in whose folder of the town a person works; None elsewhere."""
    if context.session_pass is not None or not context.settings.is_town:
        return None
    try:
        inside = (Path.cwd() / (context.start or "")).resolve().relative_to(context.settings.town.resolve() / "rigs")
    except (OSError, ValueError):
        return None
    return inside.parts[0] if inside.parts else None


def home_prefix(context: Context, session: "Session") -> str:
    """The prefix of what is at home here: of the agent's rig, the rig of the folder, the store."""
    from gastown import beads, rigs

    own = prefix_of_session(context)
    if own is not None:
        return own
    name = rig_here(context)
    prefix = next((rig.prefix for rig in rigs.list_all(session) if rig.name == name), None) if name else None
    if prefix is not None:
        return prefix
    said = beads.get_config(session, beads.PREFIX)
    if said or context.settings.is_town:
        return said or TOWN_PREFIX
    from gastown import stores

    return stores.default_prefix(context.settings.town)


def resolve(context: Context, session: "Session", text: str) -> "Bead":
    """The bead that `text` names: one that is at home here before one that is not."""
    from gastown import beads

    try:
        bead = beads.find(session, text, prefix=home_prefix(context, session))
    except beads.BeadNotFound:
        if context.session_pass is not None:
            raise
        bead = beads.find(session, text)
    context.touched = bead.id
    return bead


def writable(context: Context, session: "Session", text: str) -> "Bead":
    """The bead that `text` names, which the caller may change; refuses an agent a bead of another rig."""
    bead = resolve(context, session, text)
    prefix = prefix_of_session(context)
    if prefix is not None and not bead.id.startswith(f"{prefix}-"):
        raise OtherRig(
            f"{bead.id} belongs to another rig", hint="Agents change beads of their own rig; file one here that waits."
        )
    return bead


def closable(context: Context, session: "Session", text: str) -> "Bead":
    """The bead that `text` names, which the caller may close; refuses an agent what another agent is at work on."""
    from gastown.beads import UNDER_WAY

    bead = writable(context, session, text)
    held = context.session_pass
    if held is not None and bead.id != held.bead_id and bead.is_code is not None and bead.status in UNDER_WAY:
        raise Refused(f"{bead.id} is on another agent's hook", hint="Leave it, or tell that agent by `bd comment`.")
    return bead


def check_given_id(context: Context, session: "Session", bead_id: str, *, force: bool) -> str:
    """An explicit id for a new bead; refuses prefixes that no rig (for an agent: another rig) has, unless `force`."""
    from gastown import beads, ids, rigs

    own = prefix_of_session(context)
    known = {own or prefix_for(context, session, None)}
    if own is None:
        allowed = beads.get_config(session, "allowed_prefixes").replace(",", " ").split()
        known |= {*(word.rstrip("-") for word in allowed), *rigs.taken_prefixes(session)}
    is_known = ids.prefix_of(ids.check_bead_id(bead_id)) in known or any(bead_id.startswith(f"{p}-") for p in known)
    if not is_known and (own is not None or not force):
        raise OtherRig(
            f"no rig here has the prefix {ids.prefix_of(bead_id)!r}",
            hint=f"Begin the id with one of: {', '.join(sorted(known))}; or `bd config set allowed_prefixes`.",
        )
    return bead_id


def require(ids: Sequence[str], message: str) -> None:
    """Refuse a command line without ids."""
    if not ids:
        raise NoIds(message, hint="`bd ready` and `bd list` show ids.")


def named(context: Context, ids: Sequence[str], message: str) -> tuple[str, ...]:
    """The ids that were given, else that of the bead that was touched last in this store; refuses where none was."""
    if not ids and context.session_pass is None:
        from gastown import stores

        last = stores.last_touched(context.settings)
        ids = (last,) if last else ()
    require(ids, message)
    return tuple(ids)


def keep_touched(context: Context) -> None:
    """Note which bead this command was about, for verbs without an id; an agent's session notes none."""
    if context.touched and context.session_pass is None and not context.readonly:
        from gastown import stores

        stores.remember_touched(context.settings, context.touched)


def prefix_for(context: Context, session: "Session", rig: str | None) -> str:
    """The prefix of a new bead: the named rig's, or what is at home here."""
    own = prefix_of_session(context)
    if own is not None and rig is not None and context.session_pass is not None and rig != context.session_pass.rig:
        raise OtherRig(f"an agent of {context.session_pass.rig} files no beads in {rig}", hint="Leave --rig out.")
    if rig is None or own is not None:
        return home_prefix(context, session)
    from gastown import rigs

    return rigs.get(session, rig).prefix
