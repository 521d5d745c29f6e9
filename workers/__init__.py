"""The town's Celery workers: `celery -A workers worker --role ROLE`.

    sessions   threads   rig.<rig>, host.<host>   each task supervises one agent's session
    refinery   one       refinery.<rig>           the merge queues' next steps
    gates      threads   gates                    a rig's checks on a candidate tree
    town       any       town                     ticks and reactions
    all        threads   everything               one worker for a small town

Tasks are a few lines: they call a noun. A message is a doorbell, so that a task looks in SQL what there is to do.
"""

import gc

# Nothing that is imported becomes garbage: looking for some, again and again, is a sixth of the start.
gc.disable()

from workers.app import app  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["app"]
