"""An attempt in a worker's hands, and the ways in which its session may end."""

from dataclasses import dataclass, field
from enum import StrEnum

from gastown import clock
from gastown.agents import Polecat
from gastown.assignments import Assignment
from gastown.policy import Policy
from gastown.rigs import Rig
from gastown.sessions.book import Entry
from gastown.sessions.worksite import Site


class EndKind(StrEnum):
    """What the end of a session means for its attempt."""

    HANDED_IN = "handed_in"  # the attempt ended by a command of the agent
    FAILED = "failed"  # the agent ended, or had to be ended, without handing in
    STOPPED = "stopped"  # somebody took the bead off its hook
    RESTART = "restart"  # the agent is to be started again in the same attempt
    LOST = "lost"  # the keeper died, the host went down, or nobody held the session for its grace
    SUPERSEDED = "superseded"  # the attempt was over; the session was stopped
    DETACHED = "detached"  # this worker stops; the session goes on
    LEFT = "left"  # another worker holds the attempt; the session goes on


@dataclass(frozen=True)
class Ending:
    """How a session ended, with words for people."""

    kind: EndKind
    words: str = ""


@dataclass
class Saves:
    """What is known of the saves of one session while it runs."""

    due_at: float
    """By the monotonic clock."""
    is_asked: bool = False
    """Whether one waits for its turn or is under way."""
    seen: tuple[object, ...] | None = None
    """How the worktree looked when all that it held was saved and sent."""


@dataclass
class Held:
    """An attempt in this worker's hands."""

    row: Assignment
    polecat: Polecat
    rig: Rig
    site: Site
    entry: Entry
    policy: Policy
    handed_in_at: float | None = None
    """When this worker first saw that the attempt had ended, by the monotonic clock."""
    output_size: int = -1
    saves: Saves = field(init=False)

    def __post_init__(self) -> None:
        self.saves = Saves(clock.monotonic() + self.policy.number("save_s"))

    @property
    def id(self) -> int:
        """The attempt's number."""
        assert self.row.id is not None
        return self.row.id
