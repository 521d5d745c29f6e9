"""What a whole run of the tests has: a folder for everything that is written, and the resident of its towns."""

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import residents, scratch

_made: list[Path] = []
# As the commands themselves have it: what was imported and collected is no garbage, and is not looked at for some.
_OBJECTS_BETWEEN_LOOKS = 50_000


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder, with `tmp_path` in it unless somebody said where; its other processes are told."""
    scratch.use_memory()
    told = getattr(config, "workerinput", {}).get("run_folder")
    if told is not None:
        residents.use(told)
        return
    folder = scratch.begin_run()
    _made.append(folder)
    residents.use(str(folder))
    config.option.basetemp = config.option.basetemp or str(folder / "p")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell another process of the run."""
    node.workerinput["run_folder"] = str(_made[0])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """End the resident and remove the folder; what a test that failed has written stays until the next run."""
    if _made:
        residents.end()
        if exitstatus == 0:
            shutil.rmtree(_made.pop(), ignore_errors=True)


def pytest_collection_finish() -> None:
    """Spare the collector thousands of tests and modules that live as long as the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, 20, 20)
