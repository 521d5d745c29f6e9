"""On whose train a request rides: on that of the area in which all of its change lies, else on the common one."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from gastown import git, rigs
from gastown.errors import GastownError
from gastown.refinery.desk import Entry, View
from gastown.refinery.ties import Ties
from gastown.rigs import COMMON

# Changes whose area is remembered: a queue is looked at far more often than the target moves.
_MOST_KNOWN = 4096
_Declared = tuple[tuple[str, tuple[str, ...]], ...]


def choose(view: View, entry: Entry, tied: Ties, sits: Mapping[int, str], target: str) -> str:
    """The area on whose train the request boards; `sits` says on which train those ride who are aboard.

    One that builds on somebody aboard boards behind that one, wherever its own change lies.
    """
    if len(view.areas) == 1:
        return COMMON
    before = {sits[number] for number in tied.after.get(entry.change.request.id or 0, ()) if number in sits}
    if len(before) == 1:
        return before.pop()
    declared = tuple((name, tuple(patterns)) for name, patterns in sorted(view.rig.areas.items()))
    with suppress(GastownError):  # what git cannot tell of its change is told when it is merged
        return _area_of(view.repository.land, entry.change.head.head_oid, target, declared)
    return COMMON


def seated(view: View) -> dict[int, str]:
    """On which train each request rides that is aboard."""
    return {entry.change.request.id or 0: view.area_of(entry) for entry in view.of(None).train}


@lru_cache(maxsize=_MOST_KNOWN)
def _area_of(land: Path, head: str, target: str, declared: _Declared) -> str:
    fork = git.merge_base(land, target, head)
    return COMMON if fork is None else rigs.find_area(dict(declared), git.changed_paths(land, fork, head))
