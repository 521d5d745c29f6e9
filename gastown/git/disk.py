"""A full, read-only or forbidden disk, met while we write a repository's files ourselves, as an error of ours."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from gastown.git.errors import DiskTrouble

P = ParamSpec("P")
R = TypeVar("R")


def on_disk(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` raise `DiskTrouble` where the operating system refuses it a file."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise DiskTrouble(
                f"{where}{error.strerror or 'files could not be copied'}",
                hint="Make room or mend the permissions there, then try again.",
            ) from error

    return guarded
