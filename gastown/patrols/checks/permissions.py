"""Nobody but their owner reads the town's secrets or talks to its sockets."""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from gastown import config
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, Patrol, error, warning

_OTHERS = 0o077


def look(here: Here) -> Iterable[Fault]:
    """The folders with sockets, session passes and logs, and the file with the databases' addresses."""
    for path in _private(here):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        if mode & _OTHERS:
            kind = "folder" if stat.S_ISDIR(mode) else "file"
            # What lies inside of a private folder is out of reach all the same.
            is_open = path in (here.settings.town, here.settings.run) and here.settings.embedded_database
            yield (error if is_open else warning)(
                str(path),
                f"other users can get at this {kind} (mode {stat.S_IMODE(mode):o})",
                f"chmod go= {path}",
            )


def _private(here: Here) -> Iterator[Path]:
    settings = here.settings
    yield settings.town
    yield settings.run
    yield from (settings.town / name for name in ("services", "sessions", "logs"))
    if settings.database_url or settings.redis_url:  # these have passwords in them
        yield settings.town / config.TOWN_FILE
    yield from sorted((settings.town / "services").glob("*.json"))


def mend(hands: Hands, fault: Fault) -> str:
    """Take everybody else's rights away; what is of another owner is left alone."""
    for path in _private(hands.here):
        if str(path) != fault.subject:
            continue
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            raise NotMended("it is a link: what it leads to may be somebody else's")
        if not mode & _OTHERS:
            return ""
        path.chmod(mode & ~_OTHERS)
        return f"took the rights of others away (mode {mode & ~_OTHERS:o})"
    return ""


CHECK = Check(
    "permissions",
    look,
    "only their owner gets at the town's folders and secrets",
    category=Category.CORE,
    patrol=Patrol.DEACON,
    mend=mend,
    is_local=True,
    needs_sql=False,
)
