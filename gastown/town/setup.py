"""`gt install`: a folder becomes a town, or this host joins one. Whatever goes wrong, nothing is changed."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from gastown import config, ids, queue
from gastown.errors import Conflict, Invalid, Refused, Unavailable
from gastown.town import schema, urls
from gastown.town.founding import found
from gastown.town.models import Town
from gastown.town.queries import find_town

Units = Callable[[str], AbstractContextManager[Session]]
# What an install that was cut short may have left: a second one goes on from there.
_UNFINISHED = frozenset({"gastown.db", "gastown.db-wal", "gastown.db-shm", "gastown.db-journal", "town.toml.new"})
# Characters that mean something else inside the URLs of the database and Redis, which hold the folder's path.
_NO_URL_CHARACTERS = frozenset("#?%;&")


class FolderTaken(Conflict):
    """The folder holds something that is no town of ours, or another town."""


class BadFolder(Invalid):
    """No town can be made at this path."""


class CannotWrite(Unavailable):
    """The disk is full, read-only, or not ours."""


class OlderSchema(Refused):
    """The town's database is of an older version."""


class RedisNotNamed(Invalid):
    """A second host was not told where the town's Redis is."""


class RedisAway(Unavailable):
    """The Redis that was named does not answer."""


@dataclass(frozen=True)
class Wanted:
    """What the person asked for; empty strings and 0 mean the defaults.

    What the environment says (`GASTOWN_DATABASE_URL` and so on) holds as for every other command: over these, and
    without being written down.
    """

    folder: Path
    name: str = ""
    database: str = ""
    redis: str = ""
    host: str = ""
    slots: int = 0
    upgrade: bool = False
    """Bring an older database to this version, instead of refusing it."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> config.Settings:
        """What holds for a new town, with the environment over it."""
        given = {"database_url": self.database, "redis_url": self.redis, "host": self.host}
        over = {key: self.environ.get(f"GASTOWN_{key.upper()}") or value for key, value in given.items()}
        return config.Settings(
            town=self.folder,
            database_url=urls.check_database(over["database_url"]),
            redis_url=urls.check_redis(over["redis_url"]),
            host=over["host"],
        )


@dataclass(frozen=True)
class Installed:
    """What there is now."""

    settings: config.Settings
    id: str
    name: str
    founded: bool
    """Whether the town is new; otherwise this folder belongs to a town that was there."""
    changed: bool
    """Whether anything was made by this call."""


def install(wanted: Wanted, units: Units, *, actor: str) -> Installed:
    """Make a town in the folder, or join the one in the named database; an existing one of this version is left alone.

    Refuses folders that hold something else, databases of other versions, addresses that do not answer.
    """
    wanted = _checked(wanted)
    if (wanted.folder / config.TOWN_FILE).is_file():
        return _existing(wanted, units, actor=actor)
    _check_folder(wanted.folder)
    settings = wanted.settings()
    _probe(settings, units, upgrade=wanted.upgrade)
    with _undone_on_failure(wanted.folder):
        waiting = _write_settings(wanted)
        town, founded = _found(settings, wanted, units, actor=actor)
        waiting.rename(wanted.folder / config.TOWN_FILE)
    return Installed(config.load(wanted.folder, wanted.environ), town.id, town.name, founded, True)


def _checked(wanted: Wanted) -> Wanted:
    folder = wanted.folder.absolute()
    odd = {letter for letter in str(folder) if letter in _NO_URL_CHARACTERS or not letter.isprintable()}
    if odd:
        raise BadFolder(
            f"the path holds {''.join(sorted(odd))!r}, which a town's addresses cannot", hint="Choose another folder."
        )
    name = wanted.name or _default_name(folder)
    host = wanted.host and ids.host_name(wanted.host)
    database, redis = urls.check_database(wanted.database), urls.check_redis(wanted.redis)
    return replace(wanted, folder=folder, name=ids.check_label_name(name), database=database, redis=redis, host=host)


def _default_name(folder: Path) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in folder.name.lower())
    return letters.strip("-").lstrip("0123456789-")[:40].rstrip("-") or "town"


def _existing(wanted: Wanted, units: Units, *, actor: str) -> Installed:
    settings = config.load(wanted.folder, wanted.environ)
    for key, asked, there in (
        ("database", wanted.database, settings.database_url),
        ("redis", wanted.redis, settings.redis_url),
        ("host", wanted.host, settings.host),
    ):
        if asked and asked != there:
            raise FolderTaken(
                f"{wanted.folder} is a town with another --{key}",
                hint=f"Change it in its {config.TOWN_FILE} while the town is down, or choose another folder.",
            )
    before = _probe(settings, units, upgrade=wanted.upgrade)
    town, founded = _found(settings, wanted, units, actor=actor)
    return Installed(settings, town.id, town.name, founded, founded or before != schema.head())


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is taken."""
    around = config.find_town(folder.parent)
    if around is not None:
        raise FolderTaken(f"{folder} lies inside the town {around}", hint="Choose a folder outside of it.")
    try:
        found_there = {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise BadFolder(f"{folder} is not a folder", hint="Name a folder that is empty or not there yet.") from None
    except OSError as error:
        raise CannotWrite(f"cannot read {folder}: {error.strerror}", hint="Choose a folder of your own.") from None
    if found_there - _UNFINISHED:
        raise FolderTaken(f"{folder} is not empty and no town", hint="Name an empty folder, or a new one.")


def _probe(settings: config.Settings, units: Units, *, upgrade: bool) -> str | None:
    """The database's revision, seen before anything is changed; refuses what does not fit or does not answer."""
    if settings.embedded_database and not Path(settings.database.removeprefix("sqlite:///")).is_file():
        revision = None
    else:
        revision = schema.current(settings.database)
        schema.check_known(revision)
    if revision is not None and revision != schema.head() and not upgrade:
        raise OlderSchema(
            f"the town's database is of an older version (schema {revision})",
            hint="Run `gt db upgrade` in the town on a host that has it already, with its workers stopped.",
        )
    if settings.redis_url:
        _check_redis(settings)
    elif revision is not None and not (settings.town / config.TOWN_FILE).is_file():
        with units(settings.database) as session:
            if find_town(session) is not None and not _is_own(settings):
                raise RedisNotNamed(
                    "this database belongs to a town, and its hosts must share one Redis",
                    hint="Give --redis URL, the address of the town's Redis.",
                )
    return revision


def _is_own(settings: config.Settings) -> bool:
    return settings.database_url == ""  # the file in this very folder, left by an install that was cut short


def _check_redis(settings: config.Settings) -> None:
    earlier = config.current_or_none()
    config.use(settings)
    try:
        answers = queue.redis_answers()
    finally:
        config.use(earlier)
    if not answers:
        raise RedisAway(f"no Redis answers at {urls.mask(settings.redis_url)}", hint="Start it, or mend the address.")


def _found(settings: config.Settings, wanted: Wanted, units: Units, *, actor: str) -> tuple[Town, bool]:
    schema.upgrade(settings.database)
    try:
        with units(settings.database) as session:
            return found(session, wanted.name, actor=actor)
    except IntegrityError:  # another host founded it in this very moment
        with units(settings.database) as session:
            return found(session, wanted.name, actor=actor)


def _write_settings(wanted: Wanted) -> Path:
    """Make the folder and write the settings beside their final name; return where."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Where this host's town is. What all hosts must agree on is set with `gt config`."))
    values = (
        ("database_url", wanted.database),
        ("redis_url", wanted.redis),
        ("host", wanted.host),
        ("slots", wanted.slots),
    )
    for key, value in values:
        if value:
            document.add(key, tomlkit.item(value))
    wanted.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted.folder.chmod(0o700)
    waiting = wanted.folder / "town.toml.new"
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(tomlkit.dumps(document))
        file.flush()
        os.fsync(file.fileno())
    return waiting


@contextlib.contextmanager
def _undone_on_failure(folder: Path) -> Iterator[None]:
    """Take back what an install that failed has made: its files, and the folders if they were missing."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    ours = [folder / name for name in _UNFINISHED if not (folder / name).exists()]
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(OSError):
            for path in ours:
                path.unlink(missing_ok=True)
            for path in missing:
                path.rmdir()
        if isinstance(error, OSError):
            raise CannotWrite(
                f"cannot write in {folder}: {error.strerror}", hint="Choose a folder of your own on a disk with room."
            ) from None
        raise
