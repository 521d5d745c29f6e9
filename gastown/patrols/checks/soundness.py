"""What is kept twice of each bead says the same: the checks of `bd doctor` that keep work from going on."""

from collections.abc import Iterable

from sqlmodel import Session

from gastown import beads
from gastown.beads import soundness
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, error, warning

_SHOWN = 20


def look(here: Here) -> Iterable[Fault]:
    """Derived columns, what waits for what, and circles in which nothing can ever close."""
    with here.read() as session:
        columns = [*soundness.find_wrong_columns(session), *soundness.find_wrong_blocked(session)]
        circles = beads.find_living_circles(session)
    for flaw in columns[:_SHOWN]:
        yield error(
            flaw.bead_id,
            f"{flaw.column} is {flaw.found!s}, and must be {flaw.wanted!s}",
            "`gt doctor --fix --slow --check beads` works it out anew; the event log keeps what it was.",
        )
    if len(columns) > _SHOWN:
        yield error("", f"and {len(columns) - _SHOWN} more columns of beads", "`gt doctor --fix --check beads`")
    for way in circles[:_SHOWN]:
        shown = " -> ".join([*way, way[0]])
        yield warning(
            way[0], f"these can never all be closed: {shown}", "Take one away: `bd dep remove ID DEPENDS_ON`."
        )


def mend(hands: Hands, _fault: Fault) -> str:
    """Work out anew what follows from other columns. Circles are for people."""
    return hands.transact(lambda session: _mend(session, actor=hands.actor))


def _mend(session: Session, *, actor: str) -> str:
    flaws = soundness.mend_columns(session, actor=actor)
    blocked = soundness.find_wrong_blocked(session)
    if blocked:
        soundness.mend_blocked(session)
    count = len(flaws) + len(blocked)
    return f"worked {count} columns out anew" if count else ""


CHECK = Check(
    "beads", look, "what is kept twice of each bead says the same", category=Category.CORE, mend=mend, is_slow=True
)
