"""What `ready`, `create`, `claim` and `close` cost in big stores: `python -m tests.benchmarks.beads_ready [SIZES]`.

SIZES are numbers of beads with commas; each has two edges. Prints JSON: medians in milliseconds by the clock, and of
the process's own CPU time, which a busy machine stretches less. `--hostile SIZE` measures the mixes made to hurt.
PostgreSQL runs as for tests, without fsync.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmodel import Session

from gastown import beads, config
from gastown.beads import Filters, NewBead
from gastown.config.stores import FolderStore
from gastown.db import dispose
from gastown.db.unit_of_work import reading, unit_of_work
from tests.benchmarks.beads_stores import HOSTILE, ORDINARY, PREFIX, Mix, databases, fill

LIMIT = 100
HINT = 1000
FILTERS: dict[str, dict[str, Any]] = {
    "label": {"labels": ("team-1",)},
    "without_label": {"exclude_labels": ("team-1",)},
    "label_of_nobody": {"labels": ("nothing",)},
    "assignee_of_nothing": {"assignee": "bob"},
    "unassigned": {"unassigned": True},
    "type": {"types": ("bug",)},
    "epics": {"types": ("epic",)},
    "prefix": {"prefix": PREFIX},
    "below": {"below": f"{PREFIX}-10000001"},
    "oldest": {"sort": beads.Sort.OLDEST},
}


def median(act: Callable[[], object], laps: int) -> dict[str, float]:
    """By the clock and by CPU, after two laps that warm up."""
    act(), act()
    walls, cpus = [], []
    for _ in range(laps):
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "ms": round(statistics.median(walls) * 1e3, 2),
        "fastest_ms": round(min(walls) * 1e3, 2),
        "cpu_ms": round(statistics.median(cpus) * 1e3, 2),
    }


def yardstick() -> float:
    """Milliseconds of a fixed piece of pure Python: what this machine is worth at this moment."""
    laps = []
    for _ in range(5):
        began = time.perf_counter()
        sum(number * number for number in range(200_000))
        laps.append(time.perf_counter() - began)
    return round(statistics.median(laps) * 1e3, 2)


def read(url: str, ask: Callable[[Session], object]) -> Callable[[], object]:
    """A reading transaction."""

    def act() -> object:
        with reading(url) as session:
            return ask(session)

    return act


def write(url: str, do: Callable[[Session], object]) -> Callable[[], object]:
    """A writing transaction."""

    def act() -> object:
        with unit_of_work(url) as session:
            return do(session)

    return act


def close_hundred(url: str) -> dict[str, float]:
    """A hundred beads closed in one transaction, each of which sets another one free."""
    laps = []
    for _ in range(3):
        with unit_of_work(url) as session:
            made = [beads.create(session, NewBead(title="first", prefix=PREFIX), actor="ada").id for _ in range(100)]
            for bead_id in made:
                beads.create(session, NewBead(title="then", prefix=PREFIX, deps=(bead_id,)), actor="ada")
        wall, cpu = time.perf_counter(), time.process_time()
        with unit_of_work(url) as session:
            done = beads.close(session, made, actor="ada")
        laps.append((time.perf_counter() - wall, time.process_time() - cpu))
        assert len(done.closed) == len(done.unblocked) == 100
    walls, cpus = zip(*laps, strict=True)
    return {"ms": round(statistics.median(walls) * 1e3, 1), "cpu_ms": round(statistics.median(cpus) * 1e3, 1)}


def reads(url: str, laps: int) -> dict[str, object]:
    """The default listing, its number for the hint, and listings with filters."""
    plain = Filters(limit=LIMIT)
    return {
        "ready": median(read(url, lambda session: beads.list_ready(session, plain)), laps),
        "ready_number": median(read(url, lambda session: beads.count_ready(session, plain, at_most=HINT)), laps),
        "list": median(read(url, lambda session: beads.list_(session, Filters(limit=50))), laps),
    }


def measure(url: str, size: int) -> dict[str, object]:
    """Everything, in an ordinary store."""
    began = time.perf_counter()
    fill(url, size, ORDINARY)
    laps = 30 if size <= 100_000 else 9
    new = NewBead(title="a new bead", prefix=PREFIX)
    found: dict[str, object] = {
        "filled_in_s": round(time.perf_counter() - began, 1),
        "yardstick_ms": yardstick(),
        **reads(url, laps),
        "filters": {
            name: median(
                read(url, lambda session, said=said: beads.list_ready(session, Filters(limit=LIMIT, **said))), 3
            )  # type: ignore[misc]
            for name, said in FILTERS.items()
        },
        "create": median(write(url, lambda session: beads.create(session, new, actor="ada")), laps),
        "claim": median(write(url, lambda session: beads.claim_ready(session, Filters(), actor="ada")), laps),
        "close_100": close_hundred(url),
    }
    dispose()
    return found


def hostile(url: str, size: int, mix: Mix) -> dict[str, object]:
    """The default listing and a claim, in a store made to hurt."""
    fill(url, size, mix)
    found = reads(url, 3) | {
        "claim": median(write(url, lambda session: beads.claim_ready(session, Filters(), actor="ada")), 3)
    }
    dispose()
    return found


def main() -> None:
    """Measure on both databases."""
    words = sys.argv[1:]
    config.use(FolderStore(town=Path("/nowhere")))  # nobody answers doorbells
    found: dict[str, object] = {"limit": LIMIT}
    with databases() as makers:
        for kind, make in makers.items():
            if words[:1] == ["--hostile"]:
                size = int(words[1])
                names = words[2:] or list(HOSTILE)
                found[kind] = {"size": size, **{name: hostile(make(), size, HOSTILE[name]) for name in names}}
            else:
                sizes = [int(word) for word in (words[0] if words else "10000").split(",")]
                found[kind] = {str(size): measure(make(), size) for size in sizes}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
