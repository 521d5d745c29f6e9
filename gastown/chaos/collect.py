"""From what the driver of a run knows to the evidence that the checker reads: asks SQL, git, the journal, the host."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gastown.chaos.evidence import Fault


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
class RunFacts:
    """What the driver knows of its run."""

    database: str
    """The URL, as in `Settings.database`."""
    remotes: Mapping[str, Remote]
    """By rig."""
    journal: Path
    """The agents' journal: one JSON object a line with the fields of `JournalLine`; `at` in seconds since the epoch."""
    towns: Sequence[Path]
    """The town's folder on each host: where processes, worktrees and locks are looked for."""
    slung: Sequence[str]
    bad: frozenset[str]
    hopeless: frozenset[str]
    faults: Sequence[Fault]
    settings: Mapping[str, Any]
    """The policy's values by key (`lease.ttl_s`, `cap.agent_failures`, ...)."""
    started_at: datetime
    quiet_at: datetime | None
    """When all had ended; None: it never did."""
    ended_at: datetime
    scratch: Path
    """A folder of the run's own, where trees may be put to be gated once more."""
