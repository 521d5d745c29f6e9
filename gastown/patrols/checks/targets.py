"""No rig's target branch is red or broken."""

from collections.abc import Iterable

from gastown import rigs
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error
from gastown.rigs import TargetState


def look(here: Here) -> Iterable[Fault]:
    """What the gates last said of each target."""
    with here.read() as session:
        found = list(rigs.list_all(session))
    for rig in found:
        if rig.target_state is TargetState.RED:
            yield error(
                rig.name,
                f"{rig.branch} fails its own gates at {rig.target_oid[:10]}: nothing lands, nobody is blamed",
                "Mend the branch, or the gate (gt rig set RIG --gate NAME=CMD); the queue goes on by itself.",
            )
        if rig.target_state is TargetState.BROKEN:
            yield error(
                rig.name,
                f"the gates cannot run on {rig.branch}: nothing lands",
                f"`gt mq status {rig.name}` says why; mend the gate or its tools.",
            )


CHECK = Check("targets", look, "no rig's target is red", category=Category.RIG, patrol=Patrol.DEACON)
