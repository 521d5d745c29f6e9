"""Tasks on the gates queue: each runs a rig's gates on one tree, in minutes."""

from gastown import config, refinery
from gastown.db.unit_of_work import unit_of_work
from gastown.queue import Task
from workers import office
from workers.app import app


@app.task(name=Task.GATE_RUN.value)
def run(run_id: int) -> None:
    """Claim a gate run and bring it to its verdict; nothing when somebody else has it."""
    settings = config.current()
    refinery.run_gates(unit_of_work, run_id, settings=settings, holder=office.holder(), stopping=office.is_stopping)
