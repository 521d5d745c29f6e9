"""What a command is given: who calls, where output goes, and the ways to the town."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from gastown import config
from gastown.cli.terminal import harmless, harmless_json
from gastown.errors import GastownError, Invalid, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from sqlmodel import Session

READ_LIMIT = 4_000_000
LONGEST_ACTOR = 128
SCHEMA_VERSION = 1
# How a line begins that only says that what was asked for was done.
_CONFIRMING = ("✓ ", "  ")
_SIGNS = ("✓ ", "⚠ ", "✗ ")


class BadActor(Invalid):
    """The word for who acts cannot stand in the log."""


@dataclass(frozen=True)
class SessionPass:
    """What an agent's session may touch: its own attempt. Every effect names its fence."""

    assignment_id: int
    bead_id: str
    rig: str
    prefix: str
    agent: str
    fence: int


@dataclass
class Context:
    """One invocation of `gt` or `bd`."""

    program: str
    out: TextIO
    err: TextIO
    stdin: TextIO
    is_terminal: bool
    actor_given: str | None = None
    json: bool = False
    town: Path | None = None
    start: Path | None = None
    """Where `bd` begins to look for its store; None is the working folder."""
    db: str = ""
    """The database file that `bd` was told to use."""
    quiet: bool = False
    """Confirmations are not printed."""
    readonly: bool = False
    """Nothing may be written."""
    envelope: bool = False
    """All JSON is wrapped in one object with the version of its shape."""
    may_ask: bool = False
    """Somebody is at the terminal who can answer."""
    no_emoji: bool = False
    """Lines begin with no sign."""
    verbose: bool = False
    """Say which store is used, and who acts."""
    sandbox: bool = False
    """Nothing is done but what was asked for."""
    touched: str = ""
    """The bead that was named or made last."""
    session_pass: SessionPass | None = None
    error: GastownError | None = None
    """What the command failed with, for who runs commands for others."""
    has_acted: bool = False
    """Something was committed, printed or read from standard input: a second run would not be the same."""
    has_written: bool = False
    """Something was committed."""
    may_repeat: bool = False
    """The unit of work that failed changed nothing, nothing was done before it, and it may succeed the next time."""

    @property
    def actor(self) -> str:
        """Who acts: the agent's address in a session, else --actor, the environment, git's user name, or the login."""
        if self.session_pass is not None:
            return self.session_pass.agent
        given = self.actor_given or config.actor_from_environment()
        if given is None:
            return _person()
        if not given.isprintable() or len(given) > LONGEST_ACTOR:
            raise BadActor(
                "who acts is not a name", hint=f"Give --actor 1 to {LONGEST_ACTOR} letters, on one line and in UTF-8."
            )
        return given

    @property
    def settings(self) -> config.Settings:
        """The settings of the town, or of the folder's store, that this command works on."""
        if self.session_pass is None and config.current_or_none() is None:
            if self.program == "bd":
                config.use(config.load_store(start=self.start, town=self.town, db=self.db))
                if self.verbose:
                    self.warn(f"store: {config.current().town}, actor: {self.actor}")
            elif self.town is not None:
                config.use(config.load(self.town))
        return config.current()

    @contextmanager
    def write(self) -> Iterator["Session"]:
        """A unit of work on the town's database; refuses a schema that is not ours.

        An agent's write names its attempt: once that is over it changes nothing (StaleFence).
        """
        from gastown.cli.database import is_transient, writing, writing_for

        self.check_writable()
        held = self.session_pass
        try:
            with writing_for(self.settings, held.assignment_id, held.fence) if held else writing(self.settings) as unit:
                yield unit
        except GastownError as error:
            self.may_repeat = not self.has_acted and is_transient(error)
            raise
        self.has_acted = self.has_written = True

    def check_writable(self) -> None:
        """Refuse to change anything under --readonly."""
        if self.readonly:
            raise Refused("--readonly was given, and this writes", hint="Leave it out to change something.")

    def read(self, *, frozen: bool = False) -> "AbstractContextManager[Session]":
        """A reading session on the town's database; refuses a schema that is not ours. Frozen: all of one moment."""
        from gastown.cli.database import reading

        return reading(self.settings, frozen=frozen)

    def obey_environment(self) -> None:
        """Take over what the environment, and the `.env` of the folder's store, say about every command of `bd`."""
        config.take_env_file(self.start)
        self.json = self.json or config.is_switched_on("BD_JSON")
        self.envelope = config.is_switched_on("BD_JSON_ENVELOPE")
        is_agent = config.is_switched_on("BD_AGENT_MODE")
        self.no_emoji = is_agent or config.is_switched_on("BD_NO_EMOJI")
        if is_agent or config.is_switched_on("BD_NON_INTERACTIVE"):
            self.may_ask = False

    def check_ready(self) -> None:
        """Load the settings now: refuse early where there is no store."""
        _ = self.settings

    def echo(self, text: str = "") -> None:
        """Print a line for people; a terminal gets nothing that steers it, a pipe gets the text as it is."""
        self.has_acted = True
        if self.quiet and self.has_written and text.startswith(_CONFIRMING):
            return
        if self.no_emoji and text.startswith(_SIGNS):
            text = text[2:]
        self.out.write((harmless(text) if self.is_terminal else text) + "\n")

    def warn(self, text: str) -> None:
        """Print a line to standard error."""
        self.has_acted = True
        self.err.write(harmless(text) + "\n")

    def print_json(self, value: object) -> None:
        """Print `value` as JSON with two spaces of indent."""
        if self.envelope:
            if isinstance(value, dict):
                value = {key: item for key, item in value.items() if key != "schema_version"}
            value = {"schema_version": SCHEMA_VERSION, "data": value}
        is_utf8 = (self.out.encoding or "utf-8").lower().replace("-", "") == "utf8"
        self.out.write(harmless_json(json.dumps(value, indent=2, default=str, ensure_ascii=not is_utf8)) + "\n")

    def text_out(self) -> str:
        """What was printed, of a context that collects it."""
        return self.out.getvalue() if isinstance(self.out, io.StringIO) else ""

    def text_err(self) -> str:
        """What was printed to standard error, of a context that collects it."""
        return self.err.getvalue() if isinstance(self.err, io.StringIO) else ""

    def read_text(self, path: str) -> str:
        """The text of a file that the caller named, or of standard input for `-`; an agent may only pipe."""
        if path == "-":
            self.has_acted = True
            return self.stdin.read(READ_LIMIT)
        if self.session_pass is not None:
            raise Refused("inside a session files are not read by name", hint="Pipe the text in: ... - < FILE")
        try:
            with Path(path).open(encoding="utf-8", errors="strict") as file:
                return file.read()
        except FileNotFoundError:
            raise NotFound(f"no such file: {path}") from None
        except UnicodeDecodeError:
            raise Invalid(f"{path} is not UTF-8 text") from None
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}") from None

    @contextmanager
    def open_bytes(self, path: str) -> Iterator[BinaryIO]:
        """The bytes of a file that a person named, or of standard input for `-`; an agent may not."""
        if self.session_pass is not None:
            raise Refused("inside a session files are not read by name")
        if path == "-":
            self.has_acted = True
            yield sys.stdin.buffer if self.stdin is sys.stdin else io.BytesIO(self.stdin.read().encode())
            return
        try:
            file = Path(path).open("rb")  # noqa: SIM115 - what the caller does with it is not ours to explain
            file.peek(1)
        except FileNotFoundError:
            raise NotFound(f"no such file: {path}") from None
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {error.strerror}") from None
        with file:
            yield file


def _person() -> str:
    """Git's user name, else the login: the order that beads uses."""
    import getpass

    from gastown.git import user_name

    name = "".join(letter for letter in user_name() or "" if letter.isprintable())[:LONGEST_ACTOR].strip()
    if name:
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def for_process(program: str) -> Context:
    """The context of a command typed by a person or a script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter must not stop a command
    return Context(
        program=program,
        out=sys.stdout,
        err=sys.stderr,
        stdin=sys.stdin,
        is_terminal=sys.stdout.isatty(),
        may_ask=sys.stdin.isatty() and sys.stdout.isatty(),
    )


def for_session(program: str, held: SessionPass, stdin: str) -> Context:
    """The context of a command that an agent's session sent: output is collected, never the worker's own."""
    return Context(
        program=program,
        out=io.StringIO(),
        err=io.StringIO(),
        stdin=io.StringIO(stdin),
        is_terminal=False,
        session_pass=held,
    )
