"""Which beads a command may name. An agent changes beads of its own rig and reads all."""

from collections.abc import Sequence
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


def resolve(context: Context, session: "Session", text: str) -> "Bead":
    """The bead that `text` names."""
    from gastown import beads

    return beads.find(session, text, prefix=prefix_of_session(context))


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


def prefix_for(context: Context, session: "Session", rig: str | None) -> str:
    """The prefix of a new bead: the rig's, the calling agent's, or the town's."""
    from gastown import beads

    own = prefix_of_session(context)
    if own is not None:
        if rig is not None and context.session_pass is not None and rig != context.session_pass.rig:
            raise OtherRig(f"an agent of {context.session_pass.rig} files no beads in {rig}", hint="Leave --rig out.")
        return own
    if rig is None:
        return beads.get_config(session, beads.PREFIX) or TOWN_PREFIX
    from gastown import rigs

    return rigs.get(session, rig).prefix
