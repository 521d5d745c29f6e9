"""The entry points. Inside an agent's session only the standard library is imported: the worker does the work."""

import sys


def _run(program: str) -> None:
    from gastown.cli import session_client

    if session_client.is_inside():
        sys.exit(session_client.forward(program, sys.argv[1:]))
    from gastown.cli.app import main

    sys.exit(main(program, sys.argv[1:]))


def gt() -> None:
    """Run `gt`."""
    _run("gt")


def bd() -> None:
    """Run `bd`."""
    _run("bd")
