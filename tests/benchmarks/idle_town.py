"""What an embedded town costs while nothing happens: `python tests/benchmarks/idle_town.py [SECONDS]` prints JSON.

CPU is that of every process of the town, threads included, from the scheduler's own nanosecond counters (the clock
ticks of /proc/<pid>/stat are printed beside them). Forks are looked for by process ids that were not there at first,
sampled all the time, and by the machine's own counter, which others move, too.
"""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.towns import Town, make_town, processes_of

SETTLE_S = 15
SAMPLE_S = 0.02
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> tuple[float, float]:
    """By the scheduler's counters, and by clock ticks."""
    nanoseconds = sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return nanoseconds / 1e9, (int(fields[11]) + int(fields[12])) * TICK_S


def memory_mb(pid: int) -> dict[str, float]:
    """Resident, and the share that is this process's own."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    values = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in rollup[1:]}
    return {"rss_mb": round(values["Rss"] / 1024, 1), "pss_mb": round(values["Pss"] / 1024, 1)}


def machine_counters() -> dict[str, int]:
    """Forks and context switches of the whole machine so far."""
    lines = dict(line.split(maxsplit=1) for line in Path("/proc/stat").read_text().splitlines())
    return {"forks": int(lines["processes"]), "switches": int(lines["ctxt"])}


def name_of(town: Town, pid: int) -> str:
    """The service's name, or what the process calls itself."""
    for name, service in town.services().items():
        if service == pid:
            return name
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "supervisor.supervisord" in words:
        return "supervisor"
    return f"{words[words.index('--role') + 1]} (child)" if "--role" in words else words[0]


def measure(town: Town, seconds: float) -> dict[str, object]:
    """Watch the town for a while."""
    pids = processes_of(town.folder)
    names = {pid: name_of(town, pid) for pid in pids}
    before, counters, began = {pid: cpu_seconds(pid) for pid in pids}, machine_counters(), time.monotonic()
    newest, strangers = max(pids), set()
    while time.monotonic() < began + seconds:
        time.sleep(SAMPLE_S)
        running = Path("/proc/loadavg").read_text().split()[-1]  # the last process id that was given out
        if int(running) != newest:
            newest = int(running)
            strangers |= set(processes_of(town.folder)) - set(pids)
    took = time.monotonic() - began
    after, now = {pid: cpu_seconds(pid) for pid in pids}, machine_counters()
    rows = [
        {
            "name": names[pid],
            "cpu_percent": round(100 * (after[pid][0] - before[pid][0]) / took, 3),
            "cpu_percent_by_ticks": round(100 * (after[pid][1] - before[pid][1]) / took, 2),
            **memory_mb(pid),
        }
        for pid in sorted(pids)
    ]
    return {
        "seconds": round(took, 1),
        "cpu_percent_of_one_core": round(sum(float(str(row["cpu_percent"])) for row in rows), 3),
        "cpu_percent_by_ticks": round(sum(float(str(row["cpu_percent_by_ticks"])) for row in rows), 2),
        "processes": len(pids),
        "rss_mb": round(sum(float(str(row["rss_mb"])) for row in rows), 1),
        "pss_mb": round(sum(float(str(row["pss_mb"])) for row in rows), 1),
        "new_processes_of_the_town": sorted(strangers),
        "machine_forks": now["forks"] - counters["forks"],
        "machine_switches_per_s": round((now["switches"] - counters["switches"]) / took),
        "by_process": rows,
    }


def main() -> None:
    """Make a town, let it settle, watch it, take it down."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    town = make_town()
    try:
        ready_s = town.gt_json("up")["ready_s"]
        time.sleep(SETTLE_S)
        print(json.dumps({"up_ready_s": ready_s, **measure(town, seconds)}, indent=2))
    finally:
        town.close()


if __name__ == "__main__":
    main()
