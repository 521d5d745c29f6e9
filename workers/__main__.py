"""`python -m workers --role ROLE`: what `celery -A workers worker` does, with all of its options.

Celery's own command line loads all of its other commands and those of every plugin (Flower's web server, a shell): a
fifth of a worker's start, in each of them.
"""

from celery.bin.base import CLIContext
from celery.bin.worker import worker

from workers.app import app


def main() -> None:
    """Become a worker; ends with the process."""
    worker.params.extend(app.user_options["worker"])
    worker.main(obj=CLIContext(app=app, no_color=None, workdir=None, quiet=False), auto_envvar_prefix="CELERY_WORKER")


if __name__ == "__main__":
    main()
