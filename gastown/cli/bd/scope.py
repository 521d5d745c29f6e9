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


def require(ids: Sequence[str], message: str) -> None:
    """Refuse a command line without ids."""
    if not ids:
        raise NoIds(message, hint="`bd ready` and `bd list` show ids.")


def prefix_for(context: Context, session: "Session", rig: str | None) -> str:
    """The prefix of a new bead: the rig's, the calling agent's, or the town's."""
    own = prefix_of_session(context)
    if own is not None:
        if rig is not None and context.session_pass is not None and rig != context.session_pass.rig:
            raise OtherRig(f"an agent of {context.session_pass.rig} files no beads in {rig}", hint="Leave --rig out.")
        return own
    if rig is None:
        return TOWN_PREFIX
    from gastown import rigs

    return rigs.get(session, rig).prefix
