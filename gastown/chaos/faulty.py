"""Become one of the town's Celery processes with a fault inside: `python -m gastown.chaos.faulty ORDER MODULE ...`.

A module of its own, which nothing imports, so that it can be run under its name as a fork of the supervisor.
"""

import sys

from gastown.chaos import launcher

if __name__ == "__main__":
    launcher.main(*sys.argv[1:])
