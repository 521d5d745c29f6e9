"""Reading agents."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from gastown.agents.address import polecat_address, split_address
from gastown.agents.models import Polecat
from gastown.errors import NotFound


class PolecatNotFound(NotFound):
    """No agent has this address."""


def get(session: Session, address: str) -> Polecat:
    """The polecat at `address` (long or short form), or PolecatNotFound."""
    row = session.get(Polecat, polecat_address(*split_address(address)))
    if row is None:
        raise PolecatNotFound(f"no agent is called {address[:80]!r}", hint="`gt status` lists the agents.")
    return row


def find(session: Session, text: str) -> Polecat:
    """Like `get`, and a bare name will do when one polecat of the town has it."""
    if "/" in text:
        return get(session, text)
    rows = session.exec(select(Polecat).where(Polecat.name == text)).all()
    if len(rows) != 1:
        what = "no agent is" if not rows else "several agents are"
        raise PolecatNotFound(
            f"{what} called {text[:60]!r}", hint="Name it as RIG/polecats/NAME; `gt status` lists them."
        )
    return rows[0]


def list_polecats(session: Session, rig: str | None = None) -> Sequence[Polecat]:
    """Every polecat, or a rig's."""
    query = select(Polecat).order_by(col(Polecat.address))
    return session.exec(query.where(Polecat.rig == rig) if rig else query).all()
