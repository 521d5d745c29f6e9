"""Fixtures shared by all tests live in tests/support; this file only names them."""

import os

from hypothesis import HealthCheck, settings

from tests.support.databases import database_url, postgres_server, session, shared_engine, sqlite_template
from tests.support.fake_clock import fake_clock
from tests.support.here import here
from tests.support.turns import pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler
from tests.support.whole_run import (
    pytest_collection_finish,
    pytest_configure,
    pytest_configure_node,
    pytest_sessionfinish,
)

# No command of a test may leave a resident behind; those of whole towns, and the resident's own tests, say otherwise.
os.environ["GASTOWN_RESIDENT"] = "off"
# Whole towns run beside every test: how long one example takes says nothing about the program.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

__all__ = [
    "database_url",
    "fake_clock",
    "here",
    "postgres_server",
    "pytest_collection_finish",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_sessionfinish",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
    "session",
    "shared_engine",
    "sqlite_template",
]
