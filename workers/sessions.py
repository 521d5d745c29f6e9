"""Tasks on the rigs' and hosts' queues."""

from gastown import sessions
from gastown.queue import Task
from workers.app import app
from workers.office import get_office


@app.task(name=Task.SUPERVISE.value)
def supervise(assignment_id: int, bead_id: str = "") -> str:
    """Stay with one agent's session until it ends or this worker stops; `bead_id` is for people who watch queues."""
    return sessions.supervise(get_office(), assignment_id)
