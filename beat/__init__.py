"""The town's clock: `celery -A beat beat` sends ticks and never works.

Two beats, a late one or none do no harm: a tick lets one caller a period through, and any worker of the town's queue
runs one that is overdue.
"""

from beat.app import app

__all__ = ["app"]
