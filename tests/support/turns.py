"""Which tests may run at once in several processes."""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

WHOLE_TOWNS = "tests/acceptance/"
# A whole town with its test takes about a core. More at once are not done sooner: who waits for what is busy asks again
# and again, and everything costs more where many take turns.
MOST_TOWNS = max(2, os.cpu_count() or 1)
# A folder whose towns take as much of the machine as two others.
HEAVY = WHOLE_TOWNS + "chaos"


class TownsInTurn(LoadScopeScheduling):  # type: ignore[misc]
    """The whole towns of one folder follow each other in one process, and so many folders' run at once.

    Everything else goes where there is room.
    """

    def _split_scope(self, nodeid: str) -> str:
        if not nodeid.startswith(WHOLE_TOWNS):
            return nodeid
        return WHOLE_TOWNS + nodeid.removeprefix(WHOLE_TOWNS).partition("/")[0]

    def _assign_work_unit(self, node: Any) -> None:
        busy = {
            other: scope
            for other, units in self.assigned_work.items()
            for scope in units
            if _has_towns_left(scope, units)
        }
        # What a process has in hand it will have done before it begins what it is given now.
        room = MOST_TOWNS - sum(_weight(scope) for other, scope in busy.items() if other is not node)
        fits = (scope for scope in self.workqueue if _is_town(scope) and _weight(scope) <= room)
        tests = (scope for scope in self.workqueue if not _is_town(scope))
        chosen = next(fits, None) or next(tests, None)
        if chosen is not None:
            self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)


def _weight(scope: str) -> int:
    return 2 if scope == HEAVY else 1


def _is_town(scope: str) -> bool:
    return scope.startswith(WHOLE_TOWNS)


def _has_towns_left(scope: str, units: Any) -> bool:
    return _is_town(scope) and not all(units[scope].values())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TownsInTurn | None:
    """Group by path what `--dist loadgroup` would group by mark: that of xdist 3.8 has no effect under pytest 9.2."""
    return TownsInTurn(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: somebody always waits."""
    return max(3, (os.cpu_count() or 1) + 1)
