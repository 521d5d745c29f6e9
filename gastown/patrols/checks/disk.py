"""There is room on the town's disk."""

import os
import shutil
from collections.abc import Iterable

from gastown import policy
from gastown.errors import Unavailable
from gastown.patrols.findings import Category, Check, Fault, Here, Patrol, error, warning

_MEGABYTE = 1_000_000
# Files on a disk without free inodes cannot be made, however many megabytes are left.
_LEAST_INODES = 10_000


def look(here: Here) -> Iterable[Fault]:
    """Free space against `disk.floor_mb`, under which no work is claimed."""
    floor = _floor(here)
    free = shutil.disk_usage(here.settings.town).free // _MEGABYTE
    hint = "Make room; `gt config set disk.floor_mb N` moves the line."
    if free < floor:
        yield error(str(here.settings.town), f"{free} MB are free; under {floor} MB no work is claimed", hint)
    elif free < 2 * floor:
        yield warning(str(here.settings.town), f"{free} MB are free; under {floor} MB no work will be claimed", hint)
    system = os.statvfs(here.settings.town)
    if system.f_files and system.f_favail < _LEAST_INODES:
        yield warning(str(here.settings.town), f"only {system.f_favail} files can still be made", "Make room.")
    if not os.access(here.settings.town, os.W_OK):
        yield error(str(here.settings.town), "the town's folder cannot be written to", "Check its owner and its mount.")


def _floor(here: Here) -> int:
    """In megabytes. A full disk keeps an embedded database from answering, and is looked at all the same."""
    try:
        with here.read() as session:
            return policy.load(session).count("disk.floor_mb")
    except Unavailable:
        return int(policy.get_key("disk.floor_mb").default)


CHECK = Check(
    "disk",
    look,
    "the town's disk has room",
    category=Category.INFRASTRUCTURE,
    patrol=Patrol.DEACON,
    is_local=True,
    needs_sql=False,
)
