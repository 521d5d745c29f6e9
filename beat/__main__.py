"""`python -m beat`: what `celery -A beat beat` does, with all of its options and none of Celery's other commands."""

from celery.bin.base import CLIContext
from celery.bin.beat import beat

from beat.app import app


def main() -> None:
    """Become the clock; ends with the process."""
    beat.main(obj=CLIContext(app=app, no_color=None, workdir=None, quiet=False), auto_envvar_prefix="CELERY_BEAT")


if __name__ == "__main__":
    main()
