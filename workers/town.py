"""Tasks on the town's queue: reactions and ticks. Each is bounded, and safe twice, late or in parallel."""

from gastown import sling, town
from gastown.db.unit_of_work import transact
from gastown.queue import Task
from workers import reactions
from workers.app import app
from workers.office import caller


@app.task(name=Task.REACT.value)
def react(event_id: int) -> None:
    """Do what follows from one fact."""
    transact(lambda session: reactions.react(session, event_id, actor="town"))


@app.task(name=Task.DISPATCH.value)
def dispatch() -> None:
    """Offer waiting work that may start."""
    transact(lambda session: sling.dispatch(session, actor="town"))


@app.task(name=Task.RECONCILE.value)
def reconcile() -> None:
    """Bring everything that was left half-way on its way again."""
    town.reconcile(caller())


@app.task(name=Task.SWEEP_OUTBOX.value)
def sweep_outbox() -> None:
    """Ring doorbells that are owed."""
    town.sweep_outbox(caller())


@app.task(name=Task.PATROL.value)
def patrol() -> None:
    """Run the witness's and the deacon's checks."""
    town.patrol(caller())
