"""Claims by many processes at once: `python -m tests.benchmarks.beads_claims [RUNS] [PROCESSES] [BEADS]` prints JSON.

Each run races the processes for the same ready beads and counts who won what; then one process alone claims one bead
after another. SQLite syncs every commit to disk, as shipped; the PostgreSQL of tests does not.
"""

import json
import statistics
import sys
import time

from gastown import beads
from gastown.beads import Filters, NewBead
from gastown.db import dispose
from gastown.db.unit_of_work import unit_of_work
from tests.benchmarks.beads_stores import databases
from tests.support.processes import run_at_once

# Not this module: where it is run, each process runs it under another name.
PRELOAD = ("gastown.beads", "gastown.tables", "tests.benchmarks.beads_stores")
WITHIN_S = 600


def fill(url: str, number: int) -> set[str]:
    """Make ready beads."""
    with unit_of_work(url) as session:
        made = {
            beads.create(session, NewBead(title=f"bead {n}", prefix="app", priority=n % 5), actor="ada").id
            for n in range(number)
        }
    dispose()  # the processes below are forked
    return made


def claim_all(number: int, url: str, at: float) -> tuple[list[str], float]:
    """From the moment `at`, claim until nothing is left; what was won, and when that was over."""
    with unit_of_work(url):
        pass
    time.sleep(max(0.0, at - time.time()))
    mine = []
    while True:
        with unit_of_work(url) as session:
            taken = beads.claim_ready(session, Filters(), actor=f"agent-{number}")
        if taken is None:
            return mine, time.time()
        mine.append(taken)


def race(url: str, processes: int, number: int) -> dict[str, object]:
    """One race; `lost` and `twice` are to be 0."""
    made, at = fill(url, number), time.time() + 1 + processes / 4
    answers = run_at_once(claim_all, [(n, url, at) for n in range(processes)], within_s=WITHIN_S, preload=PRELOAD)
    winners = [bead_id for mine, _ in answers for bead_id in mine]
    took = max(end for _, end in answers) - at
    return {
        "lost": len(made - set(winners)),
        "twice": len(winners) - len(set(winners)),
        "foreign": len(set(winners) - made),
        "winners": sum(bool(mine) for mine, _ in answers),
        "claims_per_s": round(len(winners) / took),
    }


def alone(url: str, number: int) -> dict[str, float]:
    """One process, one bead a transaction."""
    fill(url, number + 20)
    for _ in range(20):
        with unit_of_work(url) as session:
            beads.claim_ready(session, Filters(), actor="ada")
    began, busy = time.perf_counter(), time.process_time()
    laps = []
    for _ in range(number):
        lap = time.perf_counter()
        with unit_of_work(url) as session:
            assert beads.claim_ready(session, Filters(), actor="ada") is not None
        laps.append(time.perf_counter() - lap)
    took, cpu = time.perf_counter() - began, time.process_time() - busy
    dispose()
    return {
        "claims_per_s": round(number / took),
        "median_ms": round(statistics.median(laps) * 1e3, 2),
        "fastest_ms": round(min(laps) * 1e3, 2),
        "cpu_ms": round(cpu / number * 1e3, 2),
    }


def main() -> None:
    """Race on both databases."""
    runs, processes, number = (int(word) for word in (*sys.argv[1:], *("10", "16", "1000")[len(sys.argv) - 1 :]))
    found: dict[str, object] = {"runs": runs, "processes": processes, "beads": number}
    with databases() as makers:
        for kind, make in makers.items():
            races = [race(make(), processes, number) for _ in range(runs)]
            found[kind] = {"alone": alone(make(), 500), "races": races, "one_bead": race(make(), processes, 1)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
