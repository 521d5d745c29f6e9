"""The settings of one process: where its town is, and how it reaches SQL and Redis.

They come from `GASTOWN_*` variables, then from `<town>/town.toml`, then from defaults. What every host of a town must
agree on is not here but in SQL (`gastown.policy`).
"""

import difflib
import hashlib
import os
import socket
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from gastown.errors import Invalid, NotFound, Refused, Unavailable
from gastown.ids import host_name

TOWN_FILE = "town.toml"
# A unix socket's path has 107 bytes on Linux and 103 on macOS; the longest name put behind the run folder is 40.
_LONGEST_RUN_DIR = 60


class TownNotFound(NotFound):
    """No town here: no `town.toml` in this folder or above it, and none named."""


class BadSettings(Invalid):
    """`town.toml` or a `GASTOWN_*` variable holds something that is no setting."""


@dataclass(frozen=True)
class Settings:
    """One process's settings. Each field is a key of `town.toml` and, upper-cased, a `GASTOWN_` variable."""

    town: Path
    """The town's folder on this host."""
    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in the town's folder."""
    redis_url: str = ""
    """Redis URL; empty means the embedded one, which `gt up` starts on a private socket."""
    host: str = ""
    """This host's name in the town; empty means the machine's."""
    slots: int = 8
    """Agents that run at once on this host."""
    gate_runners: int = 2
    """Gate runs at once on this host."""
    rigs: str = ""
    """Rigs whose work this host takes, separated by commas; empty means all."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    @property
    def database(self) -> str:
        """The database's URL with the default filled in."""
        return self.database_url or f"sqlite:///{self.town / 'gastown.db'}"

    @property
    def database_file(self) -> Path:
        """Where the database is, when it is a file."""
        return Path(self.database.removeprefix("sqlite:///"))

    @property
    def redis(self) -> str:
        """The broker's URL with the default filled in."""
        return self.redis_url or f"redis+socket://{run_dir(self.town) / 'redis.sock'}"

    @property
    def embedded_redis(self) -> bool:
        """Whether `gt up` starts Redis itself."""
        return not self.redis_url

    @property
    def embedded_database(self) -> bool:
        """Whether the database is a file of the town."""
        return self.database.startswith("sqlite")

    @property
    def is_town(self) -> bool:
        """Whether workers, queues and rigs are behind this store."""
        return True

    @property
    def upgrade_command(self) -> str:
        """What brings this store's schema to our version."""
        return "gt db upgrade"

    @property
    def host_id(self) -> str:
        """This host's name, reduced to what queues and paths take."""
        return host_name(self.host or socket.gethostname())

    @property
    def rig_filter(self) -> frozenset[str] | None:
        """The rigs this host works for, or None for all."""
        return frozenset(part.strip() for part in self.rigs.split(",") if part.strip()) or None

    @property
    def run(self) -> Path:
        """The folder for sockets (see `run_dir`)."""
        return run_dir(self.town)


def run_dir(town: Path) -> Path:
    """The private folder for a town's sockets: inside the town, or under the temp folder if that path is too long."""
    inside = town / "run"
    if len(os.fsencode(inside)) <= _LONGEST_RUN_DIR:
        return inside
    digest = hashlib.sha256(os.fsencode(town)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"gastown-{os.getuid()}" / digest


def make_run_dir(town: Path) -> Path:
    """Create the socket folder, readable by its owner only; refuse one that somebody else made."""
    path = run_dir(town)
    for folder in (path.parent, path) if path.parent != town else (path,):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat()
        if owner.st_uid != os.getuid():
            raise Refused(f"{folder} belongs to another user", hint="Set TMPDIR to a folder of your own.")
        if owner.st_mode & 0o077:
            folder.chmod(0o700)
    return path


def find_town(start: Path) -> Path | None:
    """The nearest folder with a `town.toml`, from `start` upwards."""
    for folder in (start, *start.parents):
        if (folder / TOWN_FILE).is_file():
            return folder
    return None


def _suggest(unknown: str, known: list[str]) -> str:
    close = difflib.get_close_matches(unknown, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."


def _coerce(key: str, value: object) -> str | int:
    if key in {"slots", "gate_runners"}:
        try:
            number = int(str(value))
        except ValueError:
            raise BadSettings(f"{key} is not a number: {value!r}", hint="Give a whole number.") from None
        if not 1 <= number <= 1000:
            raise BadSettings(f"{key} is out of range: {number}", hint="Give 1 to 1000.")
        return number
    return str(value)


def _known() -> list[str]:
    return [field.name for field in fields(Settings) if field.name != "town"]


def _from_file(path: Path) -> dict[str, str | int]:
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not TOML: {error}", hint="Mend the line it names.") from None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    values: dict[str, str | int] = {}
    for key, value in data.items():
        if key not in _known():
            raise BadSettings(f"{path}: unknown setting {key!r}", hint=_suggest(key, _known()))
        values[key] = _coerce(key, value)
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, str | int]:
    return {
        key: _coerce(key, environ[f"GASTOWN_{key.upper()}"])
        for key in _known()
        if environ.get(f"GASTOWN_{key.upper()}", "") != ""
    }


def working_folder() -> Path:
    """The folder that the command was given in; refuses one that is gone."""
    try:
        return Path.cwd()
    except OSError:
        raise TownNotFound("the working folder is gone", hint="Go to one that is there, and try again.") from None


def load(town: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of the town in `town`, in `GASTOWN_TOWN`, or around the working folder; refuse unknown keys."""
    environ = os.environ if environ is None else environ
    named = town or (Path(environ["GASTOWN_TOWN"]) if environ.get("GASTOWN_TOWN") else None)
    here = working_folder()
    folder = here / named if named else find_town(here)
    if folder is None or not (folder / TOWN_FILE).is_file():
        where = folder or here
        raise TownNotFound(
            f"no town at {where}", hint="Make one with `gt install DIR`, or name one with --town DIR or GASTOWN_TOWN."
        )
    values = {**_from_file(folder / TOWN_FILE), **_from_environment(environ)}
    return replace(Settings(town=folder), **values)  # type: ignore[arg-type]


_current: Settings | None = None


def current() -> Settings:
    """The settings this process was started with, read at first use."""
    global _current
    if _current is None:
        _current = load()
    return _current


def current_or_none() -> Settings | None:
    """The settings in use, or None before the first use."""
    return _current


def use(settings: Settings | None) -> None:
    """Make `current` answer `settings`; None makes the next call read them anew. Also forgets engines and brokers."""
    global _current
    _current = settings
    for forget in _forgetters:
        forget()


_forgetters: list[Callable[[], None]] = []  # filled by the doors that keep a connection per process


def on_change(forget: Callable[[], None]) -> None:
    """Have `forget()` called when `use` changes the settings."""
    _forgetters.append(forget)


def environment() -> Mapping[str, str]:
    """The process's environment, for the few places that hand part of it on (agents, gates, git's transports)."""
    return os.environ


def override_of(key: str) -> str | None:
    """What the environment says instead of the store's key: `BD_` and the key in capitals, other signs as `_`."""
    name = "BD_" + "".join(letter if letter.isalnum() else "_" for letter in key).upper()
    return os.environ.get(name) or None


def forget_variables() -> None:
    """Drop this process's `GASTOWN_` variables: what follows, and all that it starts, obeys the town it names alone."""
    for name in [name for name in os.environ if name.startswith("GASTOWN_")]:
        del os.environ[name]


def actor_from_environment() -> str | None:
    """Who the caller says they are: `GT_ACTOR`, then the names that beads knows."""
    for name in ("GT_ACTOR", "BEADS_ACTOR", "BD_ACTOR"):
        if os.environ.get(name):
            return os.environ[name]
    return None


@cache
def python() -> str:
    """The interpreter that runs us, for starting processes of our own."""
    return sys.executable
