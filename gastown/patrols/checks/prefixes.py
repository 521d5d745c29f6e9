"""Every bead's prefix leads to one rig."""

from collections.abc import Iterable
from itertools import combinations

from sqlmodel import col, select

from gastown import rigs
from gastown.beads import Bead, BeadStatus
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, warning
from gastown.rigs import Rig

_SHOWN = 10


def look(here: Here) -> Iterable[Fault]:
    """Prefixes that people take for each other, and open beads whose prefix is no rig's."""
    with here.read() as session:
        found = rigs.list_all(session)
        known = {"hq", *session.exec(select(Rig.prefix)).all()}
        used = session.exec(
            select(Bead.prefix)
            .where(col(Bead.status).in_((BeadStatus.OPEN.value, BeadStatus.HOOKED.value, BeadStatus.IN_PROGRESS.value)))
            .distinct()
        ).all()
    for one, other in combinations(found, 2):
        if one.prefix.casefold() == other.prefix.casefold():
            yield warning(one.name, f"its prefix {one.prefix} differs from {other.name}'s in nothing but case")
    lost = sorted(set(used) - known)
    for prefix in lost[:_SHOWN]:
        yield warning(
            prefix,
            "open beads have this prefix, and no rig has it",
            "Sling them with the rig's name and --force, or add the rig: gt rig add NAME URL --prefix " + prefix,
        )


CHECK = Check("prefixes", look, "every prefix leads to one rig", category=Category.RIG, patrol=Patrol.DEACON)
