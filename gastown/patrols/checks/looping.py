"""What sessions say comes with work that changes."""

from collections.abc import Iterable

from gastown.patrols.checks import silent
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, Patrol, warning
from gastown.patrols.watching import Watched, list_watched, restart


def look(here: Here) -> Iterable[Fault]:
    """Sessions with output but without changed work for `witness.progress_s`."""
    with here.read() as session:
        for seen in list_watched(session):
            if why := find_why(seen):
                yield warning(seen.row.bead_id, f"{seen.row.polecat} {why}", silent.hint(seen.row.bead_id))


def find_why(seen: Watched) -> str:
    """What is wrong with a session; a silent one is not called looping, too."""
    most = seen.policy.number("witness.progress_s")
    if seen.idle_s <= most or silent.find_why(seen):
        return ""
    return f"goes on without changing its work for {most:g} s"


def mend(hands: Hands, fault: Fault) -> str:
    """Restart it; when that was tried, give the attempt up."""
    return restart(hands, fault.subject, find_why)


CHECK = Check(
    "looping",
    look,
    "every session's work goes on",
    category=Category.AGENTS,
    patrol=Patrol.WITNESS,
    mend=mend,
    is_automatic=True,
)
