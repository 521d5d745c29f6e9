"""What a town costs while nothing happens: `python tests/benchmarks/idle_town.py [SECONDS] [--agents N] [--beads N]
[--postgres]` prints JSON.

With `--agents` and `--beads` it is one with a past: so many polecats, and so many closed beads with the attempt, the
request, the gate run and the events of each. One bead is slung before the town is started: how long it takes from
`gt up` to its claim is `cold_start_s`. With `--postgres` its own log says what the
server is asked.

CPU is that of every process of the town, threads included, from the scheduler's own nanosecond counters (the clock
ticks of /proc/<pid>/stat are printed beside them). Forks are looked for by process ids that were not there at first,
sampled all the time, and by the machine's own counter, which others move, too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import psycopg
from sqlalchemy import insert, make_url
from sqlmodel import Session, SQLModel

from gastown import assignments, clock
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState, Reason
from gastown.beads import Bead
from gastown.db import get_engine
from gastown.events import Event, EventKind
from gastown.refinery import GateRun, MergeHead, MergeRequest, RequestState, RunState, Verdict
from tests.support.databases import PostgresServer
from tests.support.stragglers import processes_of
from tests.support.towns import Town, make_town, wait_until

SETTLE_S = 15
CHUNK = 2000
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
    return "supervisor" if any(word.endswith("supervisord.py") for word in words) else words[0]


def measure(town: Town, seconds: float, begin: Callable[[], None]) -> dict[str, object]:
    """Watch the town for a while; `begin` is called when our own commands have told all that they are asked for."""
    pids = processes_of(town.folder)
    names = {pid: name_of(town, pid) for pid in pids}
    begin()
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


def add_rig(town: Town) -> None:
    """A rig with a gate, whose agents are a line of shell."""
    remote, clone = town.home / "remote.git", town.home / "clone"
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    for words in (
        ("init", "-q", "--bare", str(remote)),
        ("clone", "-q", str(remote), str(clone)),
        ("-C", str(clone), "commit", "-q", "--allow-empty", "-m", "first"),
        ("-C", str(clone), "push", "-q", "origin", "HEAD:refs/heads/main"),
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    town.gt("rig", "add", "app", str(remote), "--agent", "command", "--gate", "check=echo 1 passed")
    shell = 'echo "$GT_BEAD" > "$GT_BEAD.txt"; git add .; git commit -qm work; exec gt done'
    town.gt("config", "set", "agents.command.shell", shell)


def history_of(number: int, agents: int, now: datetime) -> list[tuple[type[SQLModel], dict[str, object]]]:
    """The rows of one bead that landed long ago; the rest of their columns is the same for all."""
    bead_id, who = f"app-old{number}", f"app/polecats/old{number % agents}" if agents else None
    key = {"bead_id": bead_id, "rig": "app", "created_at": now}
    oids = {name: "0" * 40 for name in ("base_oid", "commit_oid")}
    told = {"at": now, "actor": "old", "bead_id": bead_id, "rig": "app", "task": "events.react", "queue": "town"}
    events = (EventKind.ASSIGNMENT_SLUNG, EventKind.ASSIGNMENT_SUBMITTED, EventKind.BEAD_CLOSED)
    request = {"state": RequestState.LANDED, "head_id": number, "queued_at": now, "landed_at": now}
    head = {"assignment_id": number, "fence": 1, "polecat": who or "", "head_oid": "0" * 40, "branch": f"old/{bead_id}"}
    run = {"state": RunState.FINISHED, "verdict": Verdict.PASS, "config_hash": "0" * 64, "tree_oid": f"{number:040d}"}
    attempt = {"preset": "command", "state": AssignmentState.SUBMITTED, "reason": Reason.SLING, "fence": 1}
    closed = {"status": "closed", "is_code": True, "landed_sha": "0" * 40, "updated_at": now, "closed_at": now}
    return [
        (Bead, {"id": bead_id, "prefix": "app", "title": f"old {number}", "created_at": now, **closed}),
        (Assignment, {"id": number, **key, **attempt, "polecat": who, "host": "far", "claimed_at": now}),
        (MergeRequest, {"id": number, **key, **request}),
        (MergeHead, {"id": number, "request_id": number, **head, "submitted_at": now}),
        (GateRun, {"id": number, **key, **oids, **run, "request_id": number}),
        *((Event, {**told, "kind": kind, "args": [1], "rung_at": now}) for kind in events),
    ]


def fill(town: Town, agents: int, beads: int) -> None:
    """So many polecats, and so many beads that landed long ago."""
    now = clock.now()
    with Session(get_engine(town.settings.database)) as session:
        for i in range(agents):
            address = f"app/polecats/old{i}"
            session.add(Polecat(address=address, rig="app", name=f"old{i}", host="far", created_at=now))
        session.flush()
        constant: dict[type[SQLModel], dict[str, object]] = {}
        for first in range(1, beads + 1, CHUNK):
            rows: dict[type[SQLModel], list[dict[str, object]]] = {}
            for number in range(first, min(first + CHUNK, beads + 1)):
                for kind, values in history_of(number, agents, now):
                    if kind not in constant:
                        constant[kind] = kind(**values).model_dump(exclude={"id"})
                    rows.setdefault(kind, []).append({**constant[kind], **values})
            for kind, found in rows.items():
                session.execute(insert(kind), found)
        if town.settings.database.startswith("postgresql") and beads:
            for kind in (Assignment, MergeRequest, MergeHead, GateRun):
                session.connection().exec_driver_sql(f"SELECT setval('{kind.__tablename__}_id_seq', {beads})")
        session.commit()
        session.connection().exec_driver_sql("ANALYZE")
        session.commit()


def start(town: Town) -> dict[str, float]:
    """Start the town with one bead slung before; seconds until it is ready, and until the bead is claimed."""
    bead = str(town.bd_json("create", "first", "--rig", "app")["id"])
    town.gt("sling", bead, "app")
    began = clock.now()
    ready_s = town.gt_json("up")["ready_s"]

    def claimed() -> object:
        with town.read() as session:
            return assignments.history(session, bead)[-1].claimed_at

    wait_until(claimed, "the bead is claimed")
    with town.read() as session:
        at = assignments.history(session, bead)[-1].claimed_at
    assert at is not None

    def landed() -> bool:
        with town.read() as session:
            return session.get_one(Bead, bead).status == "closed"

    wait_until(landed, "the bead has landed", within_s=120)
    return {"up_ready_s": ready_s, "cold_start_s": round((at - began).total_seconds(), 2)}


class Questions:
    """What a PostgreSQL server of ours was asked, by its own log."""

    def __init__(self, server: PostgresServer) -> None:
        self.log = server.folder / "log"
        self.url = server.create_database(empty=True)
        self.server = server
        self.since = 0

    def listen(self) -> None:
        """Have connections from here on tell what they ask."""
        name, server = make_url(self.url).database, self.server
        with psycopg.connect(host=str(server.folder), user="gastown", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET log_statement = 'all'".encode())
            connection.execute(f"ALTER DATABASE {name} SET log_parameter_max_length = 0".encode())

    def begin(self) -> None:
        """Count from here."""
        self.since = self.log.stat().st_size

    def per_second(self, seconds: float) -> dict[str, object]:
        """Queries a second since then; what only begins, ends or looks after a transaction is counted apart."""
        with self.log.open("rb") as log:
            log.seek(self.since)
            lines = log.read().decode(errors="replace").splitlines()
        asked = [line.partition("LOG:")[2].partition(": ")[2].strip() for line in lines if "LOG:  " in line]
        frames = ("BEGIN", "COMMIT", "ROLLBACK", ";", "")
        real = [text for text in asked if text not in frames]
        return {
            "queries_per_s": round(len(real) / seconds, 2),
            "transaction_frames_per_s": round((len(asked) - len(real)) / seconds, 2),
            "most_asked": Counter(text[:150] for text in real).most_common(12),
        }


def main() -> None:
    """Make a town, let it settle, watch it, take it down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", nargs="?", type=float, default=60)
    parser.add_argument("--agents", type=int, default=0)
    parser.add_argument("--beads", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    server = PostgresServer() if asked.postgres else None
    questions = Questions(server) if server else None
    town = make_town(*(("--database", questions.url) if questions else ()))
    try:
        add_rig(town)
        fill(town, asked.agents, asked.beads)
        if questions:
            questions.listen()
        figures = start(town)
        time.sleep(SETTLE_S)
        found = measure(town, asked.seconds, questions.begin if questions else lambda: None)
        more = questions.per_second(float(str(found["seconds"]))) if questions else {}
        print(json.dumps({"agents": asked.agents, "beads": asked.beads, **figures, **more, **found}, indent=2))
    finally:
        town.close()
        if server:
            server.stop()


if __name__ == "__main__":
    main()
