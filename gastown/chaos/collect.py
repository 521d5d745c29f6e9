"""From what the driver of a run knows to the evidence that the checker reads: asks SQL, git, the journal, the host."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlmodel import SQLModel

from gastown import replay, town
from gastown.chaos.evidence import Evidence, Fault, JournalLine, Note, Remote, Repository, Row
from gastown.chaos.leftovers import find_leftovers
from gastown.chaos.remotes import Claims, look
from gastown.db import unit_of_work

__all__ = ["Remote", "RunFacts", "collect"]

_EVENTS = "events"
# Remotes that are looked at side by side: nearly all of it is waiting for git.
_AT_ONCE = 4


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
    """The policy's values by key (`lease.ttl_s`, `cap.agent_failures`, ...); `slots`: sessions at once on all hosts."""
    started_at: datetime
    quiet_at: datetime | None
    """When all had ended; None: it never did."""
    ended_at: datetime
    scratch: Path
    """A folder of the run's own, where trees may be put to be gated once more."""


def collect(facts: RunFacts) -> Evidence:
    """Look at everything once. The town may still be up, and is quiet."""
    with unit_of_work.reading(facts.database, frozen=True) as session:
        tables = read_tables(session.connection())
        differences = tuple(str(found) for found in replay.verify(session))
    events = tables.pop(_EVENTS)
    return Evidence(
        slung=tuple(facts.slung),
        bad=facts.bad,
        hopeless=facts.hopeless,
        events=events,
        tables=tables,
        journal=read_journal(facts.journal),
        repositories=_look_at_all(facts, events),
        faults=tuple(facts.faults),
        settings=facts.settings,
        replay_differences=differences,
        leftovers=find_leftovers(facts.towns),
        ended_at=facts.ended_at,
        quiet_at=facts.quiet_at,
    )


def _look_at_all(facts: RunFacts, events: Sequence[Row]) -> dict[str, Repository]:
    def one(rig: str) -> Repository:
        return look(rig, facts.remotes[rig], Claims.of(events, rig), facts.scratch)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(facts.remotes, pool.map(one, facts.remotes), strict=True))


def read_tables(connection: Connection) -> dict[str, tuple[Row, ...]]:
    """Every row of every table, plainly, in the order of their keys."""
    assert town  # whose import, with what it imports, makes the metadata complete
    return {
        table.name: tuple(
            {name: _plain(value) for name, value in row.items()}
            for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        )
        for table in SQLModel.metadata.sorted_tables
    }


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def read_journal(path: Path) -> tuple[JournalLine, ...]:
    """What the agents wrote down. A last line that was cut off with its writer says nothing."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return tuple(_line(json.loads(line)) for line in lines if line.endswith("\n"))


def _line(said: Mapping[str, Any]) -> JournalLine:
    return JournalLine(
        at=datetime.fromtimestamp(said["at"], UTC),
        note=Note(said["note"]),
        bead=said["bead"],
        fence=said["fence"],
        session=said["session"],
        pid=said["pid"],
        oid=said.get("oid", ""),
        detail=said.get("detail", ""),
    )
