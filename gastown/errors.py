"""The whole error tree. A class knows its exit code and whether trying again may help.

    GastownError
    ├── Invalid       2   the request makes no sense; fix the words of it
    ├── Refused       3   understood, and not allowed here or by you
    ├── NotFound      4   no such bead, rig, agent, preset, path
    ├── Conflict      5   somebody or something else got there first
    ├── Unavailable   6   a database, Redis, remote or disk is away; the same call may succeed later
    └── Bug          70   an invariant of ours does not hold

Concrete errors live in the noun that raises them and inherit one of these. Agents obey what they read: a hint says
what to do next and never suggests deleting anything.
"""

from typing import ClassVar


class GastownError(Exception):
    """Root of everything raised on purpose: one line that says what happened, a hint that says what to do."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    bd_exit_code: ClassVar[int] = 1
    """What `bd` ends with: beads has numbers of its own for few errors, and 1 for all others."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Invalid(GastownError):
    """The request makes no sense as written."""

    exit_code = 2


class Refused(GastownError):
    """Understood, and not allowed."""

    exit_code = 3


class NotFound(GastownError):
    """The thing that was named does not exist."""

    exit_code = 4


class Conflict(GastownError):
    """The state of the world has moved on."""

    exit_code = 5


class Unavailable(GastownError):
    """Something outside did not answer; the same call may succeed later."""

    exit_code = 6
    retryable = True


class Bug(GastownError):
    """An invariant of ours does not hold."""

    exit_code = 70
