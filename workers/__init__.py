"""The town's Celery workers: `celery -A workers worker --role ROLE`.

    sessions   threads   rig.<rig>, host.<host>   each task supervises one agent's session
    refinery   one       refinery.<rig>           the merge queues' next steps
    gates      threads   gates                    a rig's checks on a candidate tree
    town       any       town                     ticks and reactions
    all        threads   everything               one worker for a small town

Tasks are a few lines: they call a noun. A message is a doorbell, so that a task looks in SQL what there is to do.
"""

from workers.app import app

__all__ = ["app"]
