"""Tasks on the rigs' refinery queues: each makes the next step of one rig's merge queue, in seconds."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from gastown import config, convoys, refinery
from gastown.db.unit_of_work import unit_of_work
from gastown.queue import Task
from gastown.refinery import Hooks
from workers.app import app
from workers.office import holder, is_dead_here


@app.task(name=Task.REFINERY_STEP.value)
def step(rig: str) -> None:
    """Move the rig's merge queue as far as it goes without waiting for its gates."""
    refinery.step(
        unit_of_work,
        rig,
        settings=config.current(),
        holder=holder(),
        hooks=Hooks(after_landing=_check_convoys, convoy_since=_convoy_since, is_dead=is_dead_here),
    )


def _check_convoys(session: Session, bead_id: str) -> None:
    convoys.check_landed(session, bead_id, actor="refinery")


def _convoy_since(session: Session, bead_ids: Sequence[str]) -> Mapping[str, datetime]:
    return convoys.travelling_since(session, bead_ids)
