"""Which tests may run at once in several processes."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

WHOLE_TOWNS = "tests/acceptance/"


class TownsInTurn(LoadScopeScheduling):  # type: ignore[misc]
    """The whole towns of one folder follow each other in one process; everything else goes where there is room.

    Towns mostly wait, so that two at once, of two folders, do each other no harm; more would.
    """

    def _split_scope(self, nodeid: str) -> str:
        if not nodeid.startswith(WHOLE_TOWNS):
            return nodeid
        return WHOLE_TOWNS + nodeid.removeprefix(WHOLE_TOWNS).partition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TownsInTurn | None:
    """Group by path what `--dist loadgroup` would group by mark: that of xdist 3.8 has no effect under pytest 9.2."""
    return TownsInTurn(config, log) if config.getvalue("dist") == "loadgroup" else None
