"""Where a store is, in the words of `bd where` and `bd context`."""

from pathlib import Path
from typing import Any

from sqlalchemy import inspect, make_url
from sqlmodel import Session

from gastown import __version__
from gastown.config import FolderStore, Settings
from gastown.db.revision import REVISION
from gastown.stores import layout


def database_name(settings: Settings) -> str:
    """The database's file, or its address without a password."""
    if settings.embedded_database:
        return str(settings.database_file)
    return make_url(settings.database).render_as_string(hide_password=True)


def describe_where(settings: Settings, prefix: str) -> dict[str, Any]:
    """`{path, redirected_from?, prefix, database_path}`."""
    shown: dict[str, Any] = {"path": str(settings.town)}
    if isinstance(settings, FolderStore) and settings.redirected_from is not None:
        shown["redirected_from"] = str(settings.redirected_from)
    return {**shown, "prefix": prefix, "database_path": database_name(settings)}


def describe_context(settings: Settings, start: Path, prefix: str) -> dict[str, Any]:
    """What a program asks first: where it is, and what is behind it."""
    url = make_url(settings.database)
    repository = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)
    redirected = isinstance(settings, FolderStore) and settings.redirected_from is not None
    return {
        "beads_dir": str(settings.town),
        "repo_root": str(repository) if repository else "",
        "is_redirected": redirected,
        "is_worktree": repository is not None and (repository / ".git").is_file(),
        "backend": "sqlite" if settings.embedded_database else "postgresql",
        "dolt_mode": "",
        "server_host": url.host or "",
        "server_port": url.port or 0,
        "database": database_name(settings),
        "project_id": "" if settings.is_town else layout.project_id(settings.town),
        "sync_remote": "",
        "role": "town" if settings.is_town else "maintainer",
        "prefix": prefix,
        "bd_version": __version__,
    }


def describe_schema(session: Session) -> dict[str, Any]:
    """The schema's revision and the columns of each table."""
    found = inspect(session.connection())
    tables = {name: [column["name"] for column in found.get_columns(name)] for name in sorted(found.get_table_names())}
    return {"revision": REVISION, "tables": tables}
