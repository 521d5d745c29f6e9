"""What a command costs as a whole process, beside `python3 -c pass`: `python tests/benchmarks/warm_commands.py [BIN]`.

Prints JSON: medians in milliseconds and their ratios, of rounds that take turns. BIN is the folder with `bd`, `gt` and
their interpreter (default: this interpreter's).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.beads_stores import FIRST, PREFIX, fill
from tests.support.databases import make_schema

BEADS = 10_000
ROUNDS = 41
COLD_ROUNDS = 5
READY_WITHIN_S = 30


class Bench:
    """A folder's store, a town on a copy of it, and the commands that work on them."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.project, self.town = folder / "project", folder / "town"
        (self.project / ".beads").mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        left_out = {"GASTOWN_RESIDENT", "GT_SESSION_SOCKET", "GASTOWN_TOWN"}
        self.env = {name: value for name, value in os.environ.items() if name not in left_out}
        self.env |= {"XDG_RUNTIME_DIR": str(folder / "run"), "GT_ACTOR": "ada", "GASTOWN_RESIDENT_IDLE_S": "60"}
        url = f"sqlite:///{self.project / '.beads' / 'beads.db'}"
        make_schema(url)
        fill(url, BEADS)
        self.town.mkdir()
        self.run(["gt", "install", "."])
        fill(f"sqlite:///{self.town / 'gastown.db'}", BEADS)

    def run(self, words: list[str], **more: str) -> float:
        """Milliseconds that one process took, from its start to its end."""
        place = self.town if words[0] == "gt" else self.project
        argv = [str(self.programs / words[0]), *words[1:]]
        began = time.perf_counter()
        done = subprocess.run(argv, cwd=place, env={**self.env, **more}, capture_output=True, check=False)
        took = 1000 * (time.perf_counter() - began)
        assert done.returncode == 0, (words, done.stdout[-500:], done.stderr[-2000:])
        return took

    def residents(self) -> list[dict[str, object]]:
        """Who answers."""
        argv = [str(self.programs / "gt"), "resident", "status", "--json"]
        found: list[dict[str, object]] = json.loads(subprocess.check_output(argv, env=self.env, cwd=self.town))
        return found

    def warm_up(self) -> list[dict[str, object]]:
        """Wait for the resident that the first command starts."""
        self.run(["bd", "ready"])
        deadline = time.monotonic() + READY_WITHIN_S
        while not (found := self.residents()):
            assert time.monotonic() < deadline, "no resident started"
        return found


def measure(bench: Bench) -> dict[str, object]:
    """Every command once a round, `pass` at the start of each."""
    bead = f"{PREFIX}-{FIRST + 7}"
    commands = {
        "pass": ["python3", "-c", "pass"],
        "ready": ["bd", "ready", "--json"],
        "show": ["bd", "show", bead, "--json"],
        "list": ["bd", "list", "--json"],
        "create": ["bd", "create", "a bead", "--json"],
        "update": ["bd", "update", bead, "-p", "1", "--json"],
        "version": ["bd", "version"],
        "gt status": ["gt", "status"],
    }
    cold = {
        name: round(statistics.median(bench.run(commands[name], GASTOWN_RESIDENT="off") for _ in range(COLD_ROUNDS)))
        for name in ("ready", "gt status")
    }
    resident = bench.warm_up()
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, words in commands.items():
            times[name].append(bench.run(words))
    assert [one["pid"] for one in bench.residents()] == [one["pid"] for one in resident], "the resident did not last"
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "beads": BEADS,
        "resident_mb": round(int(str(bench.residents()[0]["memory_kb"])) / 1024, 1),
        "direct_ms": cold,
        "warm_ms": {name: round(value, 1) for name, value in medians.items()},
        "times_pass": {name: round(value / medians["pass"], 2) for name, value in medians.items()},
    }


def main() -> None:
    """Make the stores, measure, end the resident."""
    programs = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        bench = Bench(Path(folder), programs.absolute())
        try:
            print(json.dumps(measure(bench), indent=2))
        finally:
            subprocess.run([programs / "gt", "resident", "stop"], env=bench.env, check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
