"""What the checker of a chaos run looks at: read from SQL, git and the agents' own journal, never from hopes.

Pure data, so that a violation of each invariant can be made by hand and must be found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

CONFLICT = "conflict"


class Note(StrEnum):
    """What an agent writes into its journal, outside of the system, with one atomic append a line."""

    START = "start"  # its process runs
    NUDGED = "nudged"  # it was asked again: its prompt says so
    WORK = "work"  # it committed
    DONE = "done"  # its `gt done` was accepted
    REFUSED = "refused"  # its `gt done` was refused: its attempt is over
    END = "end"  # it exits by itself


@dataclass(frozen=True)
class JournalLine:
    """One line of the agents' journal."""

    at: datetime
    note: Note
    bead: str
    fence: int
    session: int
    """The attempt's number."""
    pid: int
    oid: str = ""
    """The commit that it speaks of."""
    detail: str = ""


@dataclass(frozen=True)
class Commit:
    """One commit of a target's first-parent line."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    trailers: Mapping[str, tuple[str, ...]]
    """Bead, Request, Actor, as the landing wrote them: one of each for every request that landed with it."""
    at: datetime


@dataclass(frozen=True)
class Remote:
    """One rig's remote: a bare repository on this machine, with `core.logAllRefUpdates=true`, and `watch`ed."""

    path: Path
    branch: str
    first_oid: str
    """The target when the rig was added."""
    is_green: Callable[[Path], bool] | None = None
    """The rig's gate on a folder that holds a tree, if every landed tree is to be gated once more: it must be cheap."""


@dataclass(frozen=True)
class Repository:
    """One rig's remote, as it is after the run."""

    rig: str
    branch: str
    first_parents: tuple[Commit, ...]
    """Of the target, oldest first, from the commit that the town found."""
    target_values: tuple[str, ...]
    """Every value that the target ever had, oldest first (the remote's reflog)."""
    reachable: frozenset[str]
    """Every commit in the target."""
    rewinds: tuple[str, ...]
    """Values of the target that are not ancestors of the next one."""
    branches: Mapping[str, str]
    deleted_branches: Mapping[str, datetime] = field(default_factory=dict)
    undone: tuple[str, ...] = ()
    """Files of landed beads that the target's tree does not hold as they landed."""
    red: tuple[str, ...] = ()
    """First-parent commits whose tree fails the rig's gate when it is run again."""
    temporary_refs: tuple[str, ...] = ()
    merges: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What merging a returned head into the target of then really gives: a tree, or `CONFLICT`; by (target, head)."""
    trees: Mapping[str, str] = field(default_factory=dict)
    """The trees of the targets that `merges` speaks of."""


@dataclass(frozen=True)
class Fault:
    """One fault that the driver brought about."""

    at: datetime
    kind: str
    """`kill.worker`, `kill.agent`, `kill.gate`, `kill.git`, `kill.beat`, `flush`, `stop`, `restart.redis`, ..."""
    target: str
    until: datetime | None = None
    """When it was over, for faults that last."""
    bead: str = ""
    """The bead that was being worked on by what was killed."""
    recovered_at: datetime | None = None
    """When that bead was worked on again."""


@dataclass(frozen=True)
class Evidence:
    """Everything that is known of a run."""

    slung: tuple[str, ...]
    """Beads that were slung, by the driver's own list."""
    bad: frozenset[str]
    """Beads whose agent hands in what fails the gate at first, on purpose: a return of theirs is right."""
    hopeless: frozenset[str]
    """Beads whose agent fails every time: their end is an escalation."""
    events: tuple[Row, ...]
    """Every event row, by number; columns as in `gastown.events.Event`."""
    tables: Mapping[str, tuple[Row, ...]]
    """Every other table by name; columns as in the models."""
    journal: tuple[JournalLine, ...]
    repositories: Mapping[str, Repository]
    faults: tuple[Fault, ...]
    settings: Mapping[str, Any]
    """The town's settings (`lease.ttl_s`, caps, ...)."""
    replay_differences: tuple[str, ...]
    leftovers: tuple[str, ...]
    """Processes, worktrees, locks, temporary refs that are still there when all is quiet."""
    ended_at: datetime
    quiet_at: datetime | None
    """When everything had ended; None: it never did."""


Checker = Callable[[Evidence], Sequence[str]]
"""Says every violation in words that name the rows; nothing when the invariant holds."""


@dataclass(frozen=True)
class Invariant:
    """One thing that must hold."""

    name: str
    """I1 to I23."""
    says: str
    """In one sentence, for people."""
    check: Checker
