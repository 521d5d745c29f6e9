"""Which tests may run at once in several processes."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

WHOLE_TOWNS = "tests/acceptance/"


class TownsInTurn(LoadScopeScheduling):  # type: ignore[misc]
    """Whole towns share one process, everything else goes wherever there is room."""

    def _split_scope(self, nodeid: str) -> str:
        return WHOLE_TOWNS if nodeid.startswith(WHOLE_TOWNS) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> TownsInTurn | None:
    """Group by path what `--dist loadgroup` would group by mark: that of xdist 3.8 has no effect under pytest 9.2."""
    return TownsInTurn(config, log) if config.getvalue("dist") == "loadgroup" else None
