"""Every session gives signs of life."""

from collections.abc import Iterable

from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning
from gastown.patrols.watching import Watched, list_watched, restart


def look(here: Here) -> Iterable[Fault]:
    """Sessions without output, commands or changed work for `witness.silent_s`."""
    with here.read() as session:
        for seen in list_watched(session):
            if why := find_why(seen):
                yield warning(seen.row.bead_id, f"{seen.row.polecat} {why}", hint(seen.row.bead_id))


def find_why(seen: Watched) -> str:
    """What is wrong with a session, in words for its agent, too; empty: nothing."""
    most = seen.policy.number("witness.silent_s")
    return f"gave no sign of life for {most:g} s" if seen.silent_s > most else ""


def hint(bead_id: str) -> str:
    """What a person may look at."""
    return f"`gt log {bead_id}` tells its story; the witness restarts it, then counts the attempt as failed."


def mend(hands: Hands, fault: Fault) -> str:
    """Restart it; when that was tried, give the attempt up."""
    return restart(hands, fault.subject, find_why)


CHECK = Check(
    "silent",
    look,
    "every session gives signs of life",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
)
