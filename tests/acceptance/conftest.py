"""Whole towns take turns: two at once on two cores would measure each other's patience."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put every acceptance test into one group, which one test process runs."""
    for item in items:
        if "acceptance" in item.path.parts:
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.xdist_group("towns"))
