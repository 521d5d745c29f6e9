"""How long a filled queue takes to land: `python -m tests.benchmarks.train_landing [REQUESTS] [--bad N] [--runners N]
[--gate-s S] [--files N]` prints JSON.

Real git, a real database (SQLite), real gate runs of a command that sleeps; the steps of the refinery and the gate
runners are threads of this process, each woken as a worker is by its doorbell. `gate_times` is the time until the last
good request had landed, in gate times.
"""

import argparse
import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from gastown import policy, refinery
from gastown.queue import Task
from gastown.rigs import GateSpec
from gastown.town import schema
from tests.support.refinery_town import RefineryTown, make_town


def travel(town: RefineryTown, runners: int, wanted: int) -> float:
    """Answer doorbells until so many have landed; the seconds that it took."""
    over, woken = threading.Event(), threading.Event()
    settings = replace(town.settings, gate_runners=runners)

    def gates() -> None:
        while not over.is_set():
            with town.work() as session:
                numbers = refinery.list_requested(session)
            for number in numbers:
                done = refinery.run_gates(town.work, number, settings=settings, holder=f"g:{threading.get_ident()}")
                if done.claimed:
                    woken.set()
                    break
            else:
                time.sleep(0.01)

    began = time.monotonic()
    with ThreadPoolExecutor(runners) as pool:
        for _ in range(runners):
            pool.submit(gates)
        try:
            while len(town.landed) < wanted and time.monotonic() < began + 600:
                woken.clear()
                town.step()
                if not any(bell.task is Task.REFINERY_STEP for bell in town.bells):
                    woken.wait(1)
                town.bells.clear()
        finally:
            took = time.monotonic() - began
            over.set()
    return took


def main() -> None:
    """Fill a queue, resume it, and watch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("requests", nargs="?", type=int, default=32)
    parser.add_argument("--bad", type=int, default=1)
    parser.add_argument("--runners", type=int, default=4)
    parser.add_argument("--gate-s", type=float, default=1.0)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--mode", choices=("fast", "thrifty"), default="fast")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        url = f"sqlite:///{root / 'town.db'}"
        schema.upgrade(url)
        gate = GateSpec("check", f"sleep {asked.gate_s}; ! ls bad* 2>/dev/null && echo 1 passed", 60)
        files: dict[str, str | None] = {f"d{i % 97}/f{i}": f"{i}\n" for i in range(asked.files)}
        town = make_town(root / "here", url, files=files, gates=(gate,))
        with town.work() as session:
            policy.set_value(session, "refinery.runners", str(asked.runners), actor="bench")
            policy.set_value(session, "refinery.mode", asked.mode, actor="bench")
        town.settle()
        place = asked.requests // 2
        for number in range(asked.requests):
            name = f"bad{number}" if place <= number < place + asked.bad else f"good{number}"
            town.submit({f"new/{name}" if name.startswith("good") else name: "x\n"})
        took = travel(town, asked.runners, asked.requests - asked.bad)
        runs = [run for run in town.runs() if run.riders]
        print(
            json.dumps(
                {
                    "requests": asked.requests,
                    "bad": asked.bad,
                    "runners": asked.runners,
                    "gate_s": asked.gate_s,
                    "mode": asked.mode,
                    "landed": len(town.landed),
                    "seconds": round(took, 2),
                    "gate_times": round(took / asked.gate_s, 2),
                    "gate_runs": len(runs),
                    "red_commits": len(town.red()),
                }
            )
        )


if __name__ == "__main__":
    main()
