"""What can be wrong with a folder's store."""

from gastown.errors import Conflict, GastownError, Invalid, Refused, Unavailable


class StoreExists(Conflict):
    """There is a store already, or somebody makes one just now."""

    bd_exit_code = 10


class StoreInUse(Conflict):
    """Another process has the store open."""


class BadStoreFolder(Invalid):
    """No store can be made at this path."""


class NotOurs(Refused):
    """The file holds a database of another program."""


class LinesRefused(Invalid):
    """A file that the new store must take in holds lines that it cannot."""


class CannotWrite(Unavailable):
    """The disk is full, read-only, or not ours."""


def cannot_write(where: object, error: OSError) -> GastownError:
    """What to say of a folder that did not take what was written."""
    return CannotWrite(
        f"cannot write in {where}: {error.strerror or error}",
        hint="Nothing was changed. Check that the disk has room, and who may write there.",
    )
