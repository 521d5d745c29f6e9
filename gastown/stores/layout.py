"""What lies in a `.beads` folder, and how files in it are replaced."""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from gastown.stores.errors import StoreExists

DATABASE = "beads.db"
NEW_DATABASE = "beads.db.new"  # a store that is being made: becomes DATABASE by one rename
EXCHANGE = "issues.jsonl"
BACKUPS = "backups"
METADATA = "metadata.json"
# What SQLite keeps beside a database.
COMPANIONS = ("-wal", "-shm", "-journal")

GITIGNORE_LINES = (
    *("*.db", "*.db?*", "*.db-journal", "*.db-wal", "*.db-shm", "backups/", "export-state/", ".env", "last-touched*"),
    *("daemon.lock", "daemon.log", "daemon.pid", "bd.sock", ".local_version", "db.sqlite", "bd.db"),
    *("beads.base.jsonl", "beads.left.jsonl", "beads.right.jsonl", "!*.jsonl", "!metadata.json", "!config.yaml"),
)
_GITIGNORE = """\
# The database stays on this machine; issues.jsonl is what is shared (`bd export`, `bd import`).
{lines}
"""
_README = """\
# Beads

This folder holds the work items ("beads") of this project, for the command `bd`.

| File | What it is |
|---|---|
| `beads.db` | the store: a SQLite database, this machine's own |
| `issues.jsonl` | the exchange file, one bead a line: shared through git |
| `backups/` | copies of the store |
| `metadata.json` | what this store is |

    bd ready                 what can be started now
    bd create "Title"        file a bead
    bd show ID               one bead in full
    bd close ID -r REASON    close it
    bd export -o .beads/issues.jsonl    write the exchange file
    bd import .beads/issues.jsonl       take it in
"""


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_text(path: Path, text: str) -> None:
    """Give the file its text, all of it or nothing; what it links to stays linked."""
    path = path.resolve()
    waiting = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        with waiting.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            waiting.chmod(path.stat().st_mode & 0o777)
        waiting.replace(path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one who makes or replaces the store in `folder`; the kernel lets go when we end, however."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreExists(
                f"somebody else makes or replaces the store in {folder} just now", hint="Look again in a moment."
            ) from None
        yield
    finally:
        os.close(descriptor)


def furnish(folder: Path) -> None:
    """Write the small files that are not there yet; those that are stay as they are."""
    metadata = {"database": DATABASE, "jsonl_export": EXCHANGE, "backend": "sqlite", "project_id": str(uuid.uuid4())}
    texts = {
        ".gitignore": _GITIGNORE.format(lines="\n".join(GITIGNORE_LINES)),
        "README.md": _README,
        METADATA: json.dumps(metadata, indent=2) + "\n",
    }
    for name, text in texts.items():
        if not (folder / name).exists():
            replace_text(folder / name, text)


def project_id(folder: Path) -> str:
    """The project's id in `metadata.json`; empty where it says none."""
    try:
        found = json.loads((folder / METADATA).read_bytes()[:65536])
    except (OSError, ValueError):
        return ""
    return str(found.get("project_id", "")) if isinstance(found, dict) else ""
