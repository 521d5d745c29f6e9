"""A town that is told, not run: what a healthy run leaves behind, row by row, for tests of the checker.

Each act of a `Story` does to the log, the tables, the remote and the agents' journal what the system does when it acts
so. Nothing here is the system's code: were both wrong in the same way, no test would show it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gastown.chaos.evidence import CONFLICT, Commit, Evidence, Fault, JournalLine, Note, Repository
from gastown.events import EventKind as K

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RIG = "app"
HOLDERS = ("one:100:1:b", "one:101:2:b", "two:200:1:b")
GATES = "one:300:1:b"
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
BELLS = {
    K.ASSIGNMENT_OFFERED: "sessions.supervise",
    K.REQUEST_SUBMITTED: "refinery.step",
    K.GATE_RUN_REQUESTED: "gates.run",
    K.GATE_RUN_FINISHED: "refinery.step",
    K.GATE_RUN_EXPIRED: "gates.run",
    K.BEAD_CLOSED: "events.react",
    K.BEAD_ESCALATED: "events.react",
    K.ASSIGNMENT_ENDED: "events.react",
    K.ASSIGNMENT_SUBMITTED: "events.react",
}


@dataclass
class Story:
    """What has happened so far."""

    now: datetime = START
    events: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    journal: list[JournalLine] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    line: list[Commit] = field(default_factory=list)
    reachable: set[str] = field(default_factory=set)
    branches: dict[str, str] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)
    merges: dict[tuple[str, str], str] = field(default_factory=dict)
    pids: int = 1000
    lease: int = 0

    def __post_init__(self) -> None:
        self.tables["rigs"].append({"name": RIG, "no_gates": False})
        self.tables["workers"].append({"id": HOLDERS[0], "role": "sessions", "host": "one", "slots": 2})
        self.line.append(Commit("c0", "t0", (), {}, START))
        self.reachable.add("c0")
        run = self.request_run(None, "t0")
        self.finish_run(run, "pass")

    def wait(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def tell(self, kind: K, bead: str | None = None, row: dict[str, Any] | None = None, /, **payload: Any) -> None:
        """Record an event."""
        self.wait(0.1)
        task = BELLS.get(kind)
        self.events.append(
            {
                "id": len(self.events) + 1,
                "at": self.now,
                "kind": kind.value,
                "actor": "town",
                "bead_id": bead,
                "rig": RIG,
                "agent": row["polecat"] if row else None,
                "assignment_id": row["id"] if row else None,
                "fence": row["fence"] if row else None,
                "payload": payload,
                "task": task,
                "queue": "town" if task else None,
                "args": [] if task else None,
                "rung_at": self.now if task else None,
            }
        )

    def row(self, table: str, key: Any) -> dict[str, Any]:
        """One row by its id."""
        return next(row for row in self.tables[table] if row["id"] == key)

    def add(self, table: str, **values: Any) -> dict[str, Any]:
        """A new row with the next number."""
        row = {"id": len(self.tables[table]) + 1, **values}
        self.tables[table].append(row)
        return row

    def status(
        self, bead: str, status: str, row: dict[str, Any] | None = None, kind: K = K.BEAD_STATUS_CHANGED
    ) -> None:
        """Move a bead."""
        was = self.row("beads", bead)["status"]
        self.row("beads", bead)["status"] = status
        extra = {} if kind is K.BEAD_CLOSED else {"was": was, "reason": ""}
        self.tell(kind, bead, row, status=status, **extra)

    def file(self, *beads: str, needs: tuple[str, ...] = ()) -> None:
        """File beads that need others."""
        for bead in beads:
            self.tables["beads"].append({"id": bead, "status": "open", "is_code": True, "landed_sha": ""})
            self.tell(K.BEAD_CREATED, bead, bead={"id": bead, "status": "open"})
            for other in needs:
                self.tables["dependencies"].append({"issue_id": bead, "depends_on_id": other, "type": "blocks"})
                self.tell(K.DEPENDENCY_ADDED, bead, depends_on_id=other, type="blocks")

    def convoy(self, *beads: str) -> str:
        """Let beads travel together."""
        self.tables["convoys"].append({"id": "hq-cv-1", "status": "open"})
        self.tell(K.CONVOY_CREATED, None, None, convoy="hq-cv-1", status="open")
        for bead in beads:
            self.tables["convoy_members"].append({"convoy_id": "hq-cv-1", "bead_id": bead})
            self.tell(K.CONVOY_MEMBER_ADDED, bead, convoy="hq-cv-1")
        return "hq-cv-1"

    def convoy_lands(self) -> None:
        """All its members have landed."""
        self.row("convoys", "hq-cv-1")["status"] = "landed"
        self.tell(K.CONVOY_LANDED, None, None, convoy="hq-cv-1", status="landed")

    def sling(self, bead: str, reason: str = "sling", *, not_before: datetime | None = None) -> dict[str, Any]:
        """Make the bead's next attempt."""
        fence = 1 + sum(row["bead_id"] == bead for row in self.tables["assignments"])
        row = self.add(
            "assignments",
            bead_id=bead,
            fence=fence,
            rig=RIG,
            state="waiting",
            reason=reason,
            **dict.fromkeys(("polecat", "holder", "host", "claimed_at", "ended_at", "cost_usd")),
            **dict.fromkeys(("runs", "booked_runs", "adoptions", "restarts", *TOKENS), 0),
        )
        cool = not_before.isoformat() if not_before else None
        self.tell(
            K.ASSIGNMENT_SLUNG, bead, row, reason=reason, preset="demo", priority=2, not_before=cool, preferred=None
        )
        return row

    def offer(self, row: dict[str, Any]) -> None:
        """Let it be claimed."""
        row["state"] = "offered"
        if self.row("beads", row["bead_id"])["status"] != "hooked":
            self.status(row["bead_id"], "hooked", row)
        self.tell(K.ASSIGNMENT_OFFERED, row["bead_id"], row)

    def claim(self, row: dict[str, Any], holder: str = HOLDERS[0]) -> None:
        """Lease it to a worker."""
        row |= {"state": "running", "holder": holder, "host": holder.split(":")[0], "claimed_at": self.now}
        row["polecat"] = f"{RIG}/polecats/p{row['id']}"
        self.tables["polecats"].append({"address": row["polecat"], "worktree_state": "clean"})
        self.status(row["bead_id"], "in_progress", row)
        self.tell(K.ASSIGNMENT_CLAIMED, row["bead_id"], row, holder=holder, host=row["host"])

    def begin(self, row: dict[str, Any], *notes: Note) -> int:
        """Start the agent; its process."""
        row["runs"] += 1
        self.pids += 1
        self.tell(K.SESSION_STARTED, row["bead_id"], row, run=row["runs"])
        for one in (Note.START, *notes):
            self.note(row, one)
        return self.pids

    def note(self, row: dict[str, Any], note: Note, oid: str = "", pid: int | None = None) -> None:
        """The agent writes into its journal."""
        self.wait(0.1)
        self.journal.append(JournalLine(self.now, note, row["bead_id"], row["fence"], row["id"], pid or self.pids, oid))

    def book(self, row: dict[str, Any]) -> None:
        """The agent's process has ended: what it cost."""
        row["booked_runs"] = row["runs"]
        row["input_tokens"] += 10
        row["cost_usd"] = (row["cost_usd"] or 0.0) + 0.25
        tokens = {name: 10 if name == "input_tokens" else 0 for name in TOKENS}
        self.tell(K.SESSION_ENDED, row["bead_id"], row, run=row["runs"], tokens=tokens, cost_usd=0.25)

    def adopt(self, row: dict[str, Any], holder: str = HOLDERS[1]) -> None:
        """Another worker takes the session over."""
        old, row["holder"] = row["holder"], holder
        row["adoptions"] += 1
        self.tell(K.ASSIGNMENT_ADOPTED, row["bead_id"], row, old_holder=old, holder=holder)

    def end(self, row: dict[str, Any], state: str) -> None:
        """The attempt is over."""
        self.wait(0.1)
        row |= {"state": state, "ended_at": self.now}
        kind = K.ASSIGNMENT_SUBMITTED if state == "submitted" else K.ASSIGNMENT_ENDED
        self.tell(kind, row["bead_id"], row, state=state, outcome=state)

    def hand_in(self, row: dict[str, Any]) -> dict[str, Any]:
        """The agent commits and submits; the request."""
        bead, head = row["bead_id"], f"h-{row['bead_id']}-{row['fence']}"
        branch = f"polecat/p{row['id']}/{bead}@{row['fence']}"
        self.note(row, Note.WORK, head)
        self.branches[branch] = head
        self.end(row, "submitted")
        self.status(bead, "submitted", row)
        request = next((known for known in self.tables["merge_requests"] if known["bead_id"] == bead), None)
        if request is None:
            request = self.add("merge_requests", bead_id=bead, rig=RIG, retries=0, landed_oid="")
        found = self.add("merge_heads", request_id=request["id"], fence=row["fence"], head_oid=head, branch=branch)
        request |= {"state": "queued", "head_id": found["id"]}
        said = {"head": head, "head_id": found["id"], "branch": branch, "priority": 2, "retries": request["retries"]}
        self.tell(K.REQUEST_SUBMITTED, bead, row, request=request["id"], **said)
        self.note(row, Note.DONE, head)
        self.note(row, Note.END, head)
        self.book(row)
        return request

    def request_run(self, request: dict[str, Any] | None, tree: str, attempt: int = 1) -> dict[str, Any]:
        """Ask for a gate run."""
        run = self.add("gate_runs", rig=RIG, state="requested", tree_oid=tree, verdict=None)
        bead, number = (request["bead_id"], request["id"]) if request else (None, None)
        said = {"tree": tree, "config": "g", "attempt": attempt, "request": number}
        self.tell(K.GATE_RUN_REQUESTED, bead, None, run=run["id"], **said)
        run["bead"] = bead
        return run

    def finish_run(self, run: dict[str, Any], verdict: str) -> None:
        """Run it."""
        self.tell(K.GATE_RUN_STARTED, run["bead"], None, run=run["id"], holder=GATES)
        run |= {"state": "finished", "verdict": verdict}
        self.tell(K.GATE_RUN_FINISHED, run["bead"], None, run=run["id"], tree=run["tree_oid"], verdict=verdict)

    def _speak(self, kind: K, request: dict[str, Any], **said: Any) -> None:
        self.lease += 1
        fence = self.row("merge_heads", request["head_id"])["fence"]
        row = next(r for r in self.tables["assignments"] if (r["bead_id"], r["fence"]) == (request["bead_id"], fence))
        self.tell(kind, request["bead_id"], row, request=request["id"], lease=self.lease, **said)

    def board(self, request: dict[str, Any], verdicts: tuple[str, ...] = ("pass",)) -> dict[str, Any]:
        """Merge its head into the target and gate the tree; the last run."""
        tree = f"t-{request['bead_id']}-{request['head_id']}"
        run = self.request_run(request, tree)
        request["state"] = "testing"
        self._speak(K.REQUEST_BOARDED, request, run=run["id"], base=self.line[-1].oid, tree=tree)
        for attempt, verdict in enumerate(verdicts, start=1):
            run = run if attempt == 1 else self.request_run(request, tree, attempt)
            self.finish_run(run, verdict)
        return run

    def send_back(self, request: dict[str, Any], reason: str, run: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return it; the attempt at rework."""
        target, head = self.line[-1].oid, self.row("merge_heads", request["head_id"])["head_oid"]
        request["state"] = "returned"
        request["retries"] += 1
        said = {"head": head, "retries": request["retries"], "target": target, "run": run["id"] if run else None}
        self._speak(K.REQUEST_RETURNED, request, reason=reason, **said)
        if reason == "conflict":
            self.merges[target, head] = CONFLICT
        self.status(request["bead_id"], "hooked")
        return self.sling(request["bead_id"], "rework")

    def land(self, request: dict[str, Any], run: dict[str, Any]) -> None:
        """Intent, push, landing, close."""
        bead, head = request["bead_id"], self.row("merge_heads", request["head_id"])
        base, sha, tree = self.line[-1].oid, f"c{len(self.line)}", run["tree_oid"]
        intent = self.add("landing_intents", rig=RIG, state="open")
        request["state"] = "landing"
        said = {"intent": intent["id"], "base": base, "tree": tree, "run": run["id"]}
        self._speak(K.LANDING_INTENDED, request, **said, new=sha)
        trailers = {"Bead": (bead,), "Request": (str(request["id"]),), "Actor": ("agent",)}
        self.line.append(Commit(sha, tree, (base, head["head_oid"]), trailers, self.now))
        self.reachable |= {sha, head["head_oid"]}
        intent["state"] = "landed"
        request |= {"state": "landed", "landed_oid": sha}
        self._speak(K.REQUEST_LANDED, request, **said, sha=sha, target="main")
        self.row("beads", bead)["landed_sha"] = sha
        row = next(r for r in self.tables["assignments"] if (r["bead_id"], r["fence"]) == (bead, head["fence"]))
        self.status(bead, "closed", row, K.BEAD_CLOSED)
        self.events[-1]["payload"] |= {"landed_sha": sha, "sha": sha}
        self.wait(3)
        self.branches.pop(head["branch"])
        self.deleted[head["branch"]] = self.now

    def escalate(self, row: dict[str, Any]) -> None:
        """A person is asked."""
        self.status(row["bead_id"], "escalated", row, K.BEAD_ESCALATED)
        self.tell(K.BEAD_COMMENTED, row["bead_id"], None, text="Escalated: the agent failed 3 times.")

    def evidence(self, **more: Any) -> Evidence:
        """What the checker is given."""
        repository = Repository(
            rig=RIG,
            branch="main",
            first_parents=tuple(self.line),
            target_values=tuple(commit.oid for commit in self.line),
            reachable=frozenset(self.reachable),
            rewinds=(),
            branches=self.branches,
            deleted_branches=self.deleted,
            merges=self.merges,
            trees={commit.oid: commit.tree for commit in self.line},
        )
        facts: dict[str, Any] = {
            "slung": tuple(row["id"] for row in self.tables["beads"]),
            "bad": frozenset({"a-2"}),
            "hopeless": frozenset({"a-4"}),
            "settings": {"lease.ttl_s": 15, "cooldown_s": 5},
            "leftovers": (),
            **more,
        }
        return Evidence(
            events=tuple(self.events),
            tables={name: tuple(rows) for name, rows in self.tables.items()},
            journal=tuple(self.journal),
            repositories={RIG: repository},
            faults=tuple(self.faults),
            replay_differences=(),
            ended_at=self.now + timedelta(seconds=10),
            quiet_at=self.now,
            **facts,
        )


def tell_healthy() -> Evidence:
    """Five beads: one plain, one red at first, one whose host is lost, one hopeless, one in conflict and adopted."""
    story = Story()
    story.file("a-1", "a-2", "a-3", "a-4")
    story.file("a-5", needs=("a-1",))
    story.convoy("a-1", "a-5")
    waiting = {bead: story.sling(bead) for bead in ("a-1", "a-2", "a-3", "a-4", "a-5")}
    for bead in ("a-1", "a-2", "a-3", "a-4"):
        story.offer(waiting[bead])
    first, second = _work(story, waiting["a-1"]), _work(story, waiting["a-2"])
    story.land(first, story.board(first))
    _be_red_at_first(story, second)
    _lose_a_host(story, waiting["a-3"])
    _fail(story, waiting["a-4"])
    _conflict_and_be_adopted(story, waiting["a-5"])
    story.convoy_lands()
    return story.evidence()


def _work(story: Story, row: dict[str, Any]) -> dict[str, Any]:
    story.claim(row)
    story.begin(row)
    story.wait(2)
    return story.hand_in(row)


def _be_red_at_first(story: Story, request: dict[str, Any]) -> None:
    run = story.board(request, ("fail", "fail"))
    again = story.send_back(request, "red", run)
    story.offer(again)
    request = _work(story, again)
    story.land(request, story.board(request, ("fail", "flaky")))


def _lose_a_host(story: Story, row: dict[str, Any]) -> None:
    """Its worker dies with the host's others; the agent goes on for a while beside its successor, and is refused."""
    story.claim(row, HOLDERS[2])
    old = story.begin(row)
    story.faults.append(Fault(story.now, "kill.worker.sessions", "two/sessions (200)"))
    story.wait(20)
    story.end(row, "lost")
    again = story.sling("a-3", "takeover")
    story.status("a-3", "hooked", again)
    story.offer(again)
    story.claim(again)
    new = story.begin(again)
    story.wait(2)
    story.note(row, Note.WORK, "h-a-3-late", old)
    story.note(row, Note.REFUSED, "h-a-3-late", old)
    story.note(row, Note.END, "h-a-3-late", old)
    story.pids = new
    request = story.hand_in(again)
    story.land(request, story.board(request))


def _fail(story: Story, row: dict[str, Any]) -> None:
    """Its agent ends twice in each attempt, since it is asked again once, and is killed in the first one."""
    for attempt in range(3):
        if attempt > 0:
            story.status("a-4", "hooked", row)
            cool = story.now + timedelta(seconds=5) if attempt > 1 else None
            row = story.sling("a-4", "retry", not_before=cool)
            story.wait(6 if cool else 0)
            story.offer(row)
        story.claim(row)
        pid = story.begin(row)
        if attempt == 0:
            story.faults.append(Fault(story.now, "kill.agent", f"one/agent ({pid})", bead="a-4"))
        else:
            story.note(row, Note.END)
        story.book(row)
        story.begin(row, Note.NUDGED, Note.END)
        story.book(row)
        story.end(row, "failed")
    story.escalate(row)


def _conflict_and_be_adopted(story: Story, row: dict[str, Any]) -> None:
    story.offer(row)
    request = _work(story, row)
    again = story.send_back(request, "conflict")
    story.offer(again)
    story.claim(again)
    story.begin(again)
    story.faults.append(Fault(story.now, "kill.worker.sessions", "one/sessions (100)"))
    story.wait(2)
    story.adopt(again)
    story.wait(1)
    request = story.hand_in(again)
    story.faults.append(Fault(story.now, "flush", "redis"))
    story.land(request, story.board(request))
