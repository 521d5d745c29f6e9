"""Reading the town's own row."""

from sqlmodel import Session

from gastown.errors import Unavailable
from gastown.town.models import Town


class NotFounded(Unavailable):
    """The database has tables and no town."""


def find_town(session: Session) -> Town | None:
    """The town of this database, if it has been founded."""
    return session.get(Town, 1)


def get_town(session: Session) -> Town:
    """The town of this database, or NotFounded."""
    town = find_town(session)
    if town is None:
        raise NotFounded("the database holds no town yet", hint="Run `gt install DIR`, which founds it.")
    return town
