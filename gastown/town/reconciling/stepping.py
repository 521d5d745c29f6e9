"""How a step of the reconciliation goes through what it finds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlmodel import Session

from gastown import logs
from gastown.errors import GastownError, Unavailable
from gastown.town.caller import Caller

log = logs.get(__name__)
K = TypeVar("K")

# Of one kind in one tick; the rest follow in the next ones.
BATCH = 200


def each(
    caller: Caller, find: Callable[[Session], Sequence[K]], act: Callable[[Session, K], object], *, what: str
) -> int:
    """Do `act` about each thing found, in a transaction of its own that looks again; return how often it did something.

    One with which it cannot be done, whatever the reason, holds up no other.
    """
    with caller.read() as session:
        found = list(find(session))
    done = 0
    for key in found:
        try:
            done += bool(caller.transact(partial(_about, act=act, key=key)))
        except Unavailable:
            raise
        except GastownError as error:
            log.warning("%s %s is left to the next tick: %s", what, key, error)
        except Exception:
            log.exception("%s %s is left to the next tick", what, key)
    return done


def _about(session: Session, act: Callable[[Session, K], object], key: K) -> object:
    return act(session, key)
