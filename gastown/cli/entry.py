"""The entry points. Inside an agent's session only the standard library is imported: the worker does the work.

Everywhere else the command goes to this user's resident, or is run here and leaves a resident behind for the next one.
"""

import gc
import sys

from gastown.cli.resident import client

# What is imported is no garbage: looking for some after every 700 objects is a tenth of a command's time.
_OBJECTS_BETWEEN_LOOKS = 50_000


def _run(program: str) -> None:
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, 20, 20)
    argv = sys.argv[1:]
    if client.is_inside():
        from gastown.cli import session_client

        sys.exit(session_client.forward(program, argv))
    is_wanted = client.is_wanted(program, argv)
    if is_wanted:
        client.run(program, argv)  # comes back only where this process must run it
    from gastown.cli.app import main

    code = main(program, argv)
    if is_wanted:
        client.start()
    sys.exit(code)


def gt() -> None:
    """Run `gt`."""
    _run("gt")


def bd() -> None:
    """Run `bd`."""
    _run("bd")
