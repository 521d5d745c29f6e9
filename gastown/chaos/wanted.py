"""What a run of chaos is asked for, and the settings that it gives its town. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Value = int | float | str


@dataclass(frozen=True)
class Counts:
    """How many faults of each kind."""

    kills: int = 30
    flushes: int = 2
    stops: int = 0
    redis_restarts: int = 0
    database_restarts: int = 0
    floors: int = 0
    """Times that the disk is under its floor."""


@dataclass(frozen=True)
class Wanted:
    """What the person asked for."""

    folder: Path
    """New or empty: the run's own."""
    actor: str
    beads: int = 200
    rigs: int = 4
    seed: int = 1
    database: str = "sqlite"
    """`sqlite`, `postgresql` (a server of the run's own), or the address of an empty database."""
    hosts: int = 1
    slots: int = 6
    """Agents at once on each host."""
    beats: int = 1
    counts: Counts = field(default_factory=Counts)
    ttl_s: int = 8
    """Of a lease."""
    hopeless: int = 1
    drop_doorbells: bool = False
    doorbell_faults: float = 1.0
    """Percent of doorbells lost; as many come twice, as many late."""
    skew_s: int = 0
    """Seconds by which the clock of one worker is ahead."""
    timeout_s: int = 3600


def policy_of(wanted: Wanted) -> Mapping[str, Value]:
    """The town's settings, in the order in which they can be set."""
    return {
        "lease.heartbeat_s": max(1, wanted.ttl_s // 4),
        "lease.ttl_s": wanted.ttl_s,
        "lease.grace_s": max(60, 5 * wanted.ttl_s),
        "session.timeout_s": 120,
        "gate.timeout_s": 60,
        "cooldown_s": 1,
        "affinity_s": 5,
        "doorbell.again_s": 3,
        "done.max_behind": 100_000,
        "rig.max_polecats": max(4, 2 * wanted.slots),
        "disk.floor_mb": 10,
        "refinery.max_infrastructure_retries": 10,
    }


def make_wanted(folder: Path, *, actor: str, **given: Any) -> Wanted:
    """What the options of `gt chaos` ask for."""
    counted = {"disk_floors": "floors", **{name: name for name in ("kills", "flushes", "stops")}}
    counted |= {name: name for name in ("redis_restarts", "database_restarts")}
    renamed = {"ttl": "ttl_s", "skew": "skew_s", "timeout": "timeout_s"}
    counts = Counts(**{field: given.pop(name) for name, field in counted.items()})
    return Wanted(folder, actor, counts=counts, **{renamed.get(name, name): value for name, value in given.items()})
