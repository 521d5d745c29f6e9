"""The Celery app of this process's town, its tasks, and what happens when a worker starts and stops."""

from typing import Any

import click
from celery import signals

from gastown import config, db, logs, queue

app = queue.get_app()
app.conf.include = ["workers.sessions", "workers.refinery", "workers.gates", "workers.town", "workers.control"]

ROLES = ("all", "sessions", "refinery", "gates", "town")
app.user_options["worker"].add(
    click.Option(["--role"], type=click.Choice(ROLES), default="all", help="Which of the town's queues to serve.")
)


def _add_steps() -> None:
    from workers.follow import BeginToFollow, FollowTown

    app.steps["worker"].add(BeginToFollow)
    app.steps["consumer"].add(FollowTown)


_add_steps()


@signals.celeryd_init.connect
def _be_worker(**_kwargs: Any) -> None:
    db.be_worker()


@signals.setup_logging.connect
def _set_up_logging(**_kwargs: Any) -> None:
    """Celery's own logging set-up stays out: one line a record, on standard error."""
    logs.set_up(config.current().log_level)


@signals.worker_process_init.connect
def _after_fork(**_kwargs: Any) -> None:
    """A prefork child must not speak over its parent's connections."""
    db.forget_after_fork()


@signals.worker_shutting_down.connect
def _leave_sessions(**_kwargs: Any) -> None:
    """Sessions go on without us: their threads detach and return, so that a warm shutdown takes a second."""
    from workers import office

    office.begin_stopping()
