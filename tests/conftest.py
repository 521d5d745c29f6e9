"""Fixtures shared by all tests live in tests/support; this file only names them."""

from tests.support.databases import database_url, postgres_server, session, shared_engine, sqlite_template

__all__ = ["database_url", "postgres_server", "session", "shared_engine", "sqlite_template"]
