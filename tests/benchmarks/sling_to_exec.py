"""How long it takes from the commit of a sling to the exec of its agent, and what a bare Python start costs beside it.

    python -m tests.benchmarks.sling_to_exec [RUNS]

A town is started for real (SQLite, embedded Redis) and a shell agent is slung again and again into a warm worktree. The
clock starts at the event that the sling's transaction wrote (so the commit itself counts) and stops when the agent's
first instruction notes the time. Prints one JSON object; milliseconds.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gastown import events
from gastown.events import EventKind
from tests.support.towns import Town, make_town, wait_until

AGENT = 'date +%s%N > "$STAMPS/$GT_BEAD"; echo "# $GT_BEAD" >> calc.py; git commit -qam work; gt done >/dev/null'


def make_repository(folder: Path) -> Path:
    """A small repository whose gate passes."""
    folder.mkdir()
    (folder / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qm", "start"),
        ("config", "receive.denyCurrentBranch", "updateInstead"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def slung_at(town: Town, bead_id: str) -> int:
    """When the sling's transaction wrote its event, in nanoseconds since the epoch."""
    with town.read() as session:
        [event] = [e for e in events.for_bead(session, bead_id) if e.kind is EventKind.ASSIGNMENT_OFFERED]
    return int(event.at.timestamp() * 1e9)


def main(runs: int) -> dict[str, object]:
    """Measure; the first sling, which makes the worktree, is not counted."""
    with tempfile.TemporaryDirectory(prefix="gt-bench-") as scratch:
        repository = make_repository(Path(scratch, "repo"))
        stamps = Path(scratch, "stamps")
        stamps.mkdir()
        town = make_town()
        try:
            town.gt("up", timeout_s=60)
            town.gt("config", "set", "agents.bench.shell", f"STAMPS={stamps}; {AGENT}")
            town.gt(
                "rig",
                "add",
                "calc",
                str(repository),
                "--gate",
                "test=python3 -m py_compile calc.py",
                "--agent",
                "bench",
            )
            found = []
            for number in range(runs + 1):
                bead = town.bd("create", f"Bead {number}", "--rig", "calc", "--silent").strip()
                town.gt("sling", bead, "calc")
                wait_until(lambda bead=bead: (stamps / bead).exists(), f"the agent of {bead}", within_s=30)  # type: ignore[misc]
                wait_until(
                    lambda bead=bead: town.bd_json("show", bead)[0]["status"] == "closed",  # type: ignore[misc]
                    f"{bead} to land",
                    within_s=60,
                )
                found.append((int((stamps / bead).read_text()) - slung_at(town, bead)) / 1e6)
        finally:
            town.close()
    counted = sorted(found[1:])
    return {
        "runs": len(counted),
        "median_ms": round(statistics.median(counted), 1),
        "p95_ms": round(counted[int(len(counted) * 0.95) - 1], 1),
        "max_ms": round(counted[-1], 1),
        "first_ms": round(found[0], 1),
        "bare_python_ms": round(bare_python(), 1),
    }


def bare_python() -> float:
    """The median of starting Python on nothing, the yardstick of this machine."""
    spans = []
    for _ in range(9):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        spans.append((time.perf_counter() - start) * 1e3)
    return statistics.median(spans)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)))
