"""A town driven by hand through its own verbs, with a journal beside it: what a real run leaves, in a second or two."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gastown import agents, assignments, beads, clock, convoys, policy, sling
from gastown.agents import WorktreeState
from gastown.assignments import Assignment, RunStart
from gastown.beads import NewBead
from gastown.chaos.collect import Remote, RunFacts
from gastown.chaos.evidence import Fault, Note
from gastown.chaos.remotes import watch
from gastown.events import outbox
from gastown.queue import Task
from gastown.town import presence
from tests.support.refinery_town import RIG, RefineryTown, make_town, run_git

CHECK = "test ! -e red.txt && echo '1 passed'\n"
WORKERS = ("here:100:1:b", "here:101:1:b", "there:200:1:b")
TOKENS = {"input_tokens": 7, "output_tokens": 1, "cache_read_tokens": 0, "cache_write_tokens": 0}


def is_green(folder: Path) -> bool:
    """What the rig's gate says, for the price of a look."""
    return not (folder / "red.txt").exists()


@dataclass
class ChaosTown:
    """The town and what the driver of a run would know of it."""

    base: RefineryTown
    journal: Path
    first_oid: str
    started_at: datetime = field(default_factory=clock.now)
    slung: list[str] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    hopeless: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    _pids: Iterator[int] = field(default_factory=lambda: itertools.count(500))

    def sling(self, *needs: str) -> str:
        """File a bead and sling it."""
        with self.base.work() as session:
            bead = beads.create(session, NewBead("Change", prefix=RIG), actor="ada")
            for other in needs:
                beads.add_dependency(session, bead.id, other, actor="ada")
        with self.base.work() as session:
            sling.sling(session, sling.Target([bead.id], RIG), actor="ada", preset="command")
        self.slung.append(bead.id)
        self.ring()
        return bead.id

    def ring(self) -> None:
        """Do what the reactions would, and note that all doorbells were rung."""
        while self.base.bells:
            bells, self.base.bells = self.base.bells, []
            with self.base.work() as session:
                if any(bell.task is Task.REACT for bell in bells):
                    convoys.check_all(session, actor="town")
                    sling.dispatch(session, actor="town")
                outbox.mark_rung(session, [bell.event_id for bell in bells if bell.event_id is not None])

    def claim(self, bead: str, worker: str = WORKERS[0]) -> Assignment:
        """A worker takes the bead."""
        host = worker.split(":")[0]
        with self.base.work() as session:
            claim = assignments.claim(
                session, RIG, holder=worker, host=host, slots=9, refuse=lambda row: row.bead_id != bead
            )
            row = claim.assignment
            branch = f"polecat/{claim.polecat.name}/{bead}@{row.fence}"
            base = row.base_oid or self.base.target()
            row = assignments.note_site(session, row.id or 0, row.fence, branch=branch, base_oid=base)
        self.ring()
        return row

    def begin(self, row: Assignment, *notes: Note) -> int:
        """The agent's process starts; its number."""
        pid = next(self._pids)
        with self.base.work() as session:
            assignments.note_run(
                session, row.id or 0, row.fence, actor=row.polecat or "", start=RunStart("x", holder=row.holder or "")
            )
        for one in (Note.START, *notes):
            self.note(row, one, pid)
        return pid

    def note(self, row: Assignment, note: Note, pid: int, oid: str = "") -> None:
        """The agent writes into its journal."""
        line = {"at": time.time(), "note": note, "bead": row.bead_id, "fence": row.fence, "session": row.id}
        with self.journal.open("a") as file:
            file.write(json.dumps({**line, "pid": pid, "oid": oid, "detail": ""}) + "\n")

    def book(self, row: Assignment, run: int = 1, *, ends: WorktreeState | None = WorktreeState.CLEAN) -> None:
        """The agent's process has ended: its cost, and its worktree."""
        with self.base.work() as session:
            assignments.book_usage(
                session,
                row.id or 0,
                row.fence,
                actor=row.polecat or "",
                run=run,
                exit_code=0,
                exit_signal=None,
                exit_reason="exited",
                tokens=TOKENS,
                cost_usd=0.5,
                model="m",
                agent_session_id="",
            )
            if ends is not None:
                agents.mark_worktree(session, row.polecat or "", ends)

    def hand_in(self, row: Assignment, pid: int, files: dict[str, str | None], *, merge: bool = False) -> None:
        """The agent commits, on top of the target where it is to `merge`, and submits."""
        person, work = self.base.person, self.base.work_git
        run_git(person, "fetch", "--quiet", "origin")
        run_git(person, "checkout", "--quiet", "--detach", row.base_oid)
        if merge:
            run_git(person, "merge", "--quiet", "-X", "theirs", "-m", "Catch up", "origin/main")
        head = self.base.commit(person, files, f"work on {row.bead_id}")
        self.note(row, Note.WORK, pid, head)
        run_git(person, "push", "--quiet", str(work), f"HEAD:refs/heads/{row.branch}")
        run_git(person, "push", "--quiet", "origin", f"HEAD:refs/heads/{row.branch}")
        with self.base.work() as session:
            sling.submit(session, row.id or 0, row.fence, head_oid=head, actor=row.polecat or "")
        self.note(row, Note.DONE, pid, head)
        self.note(row, Note.END, pid, head)
        self.book(row)
        self.ring()

    def work(self, bead: str, files: dict[str, str | None], *, merge: bool = False) -> Assignment:
        """One attempt from claim to hand-in."""
        row = self.claim(bead)
        self.hand_in(row, self.begin(row), files, merge=merge)
        return row

    def settle(self) -> None:
        """Let the queue do all that it can."""
        self.base.settle()
        self.ring()

    def fail(self, bead: str) -> None:
        """One attempt that fails, after being asked again."""
        row = self.claim(bead)
        self.note(row, Note.END, self.begin(row))
        self.book(row, 1, ends=None)
        self.note(row, Note.END, self.begin(row, Note.NUDGED))
        self.book(row, 2)
        with self.base.work() as session:
            assignments.fail(session, row.id or 0, row.fence, actor=row.polecat or "", outcome="it ended")
        self.ring()

    def lose(self, bead: str) -> None:
        """One attempt that is lost with its host."""
        row = self.claim(bead, WORKERS[2])
        self.begin(row)
        self.faults.append(Fault(datetime.now(UTC), "kill.worker.sessions", "there/sessions (200)"))
        with self.base.work() as session:
            assignments.lose(session, row.id or 0, row.fence, actor="town", outcome="its host is gone")
            agents.mark_worktree(session, row.polecat or "", WorktreeState.SPENT)
        self.ring()

    def be_adopted(self, bead: str, files: dict[str, str | None]) -> None:
        """One attempt whose worker dies while it runs."""
        row = self.claim(bead)
        pid = self.begin(row)
        self.faults.append(Fault(datetime.now(UTC), "kill.worker.sessions", "here/sessions (100)"))
        with self.base.work() as session:
            assignments.adopt(session, row.id or 0, holder=WORKERS[1], host="here", is_dead=lambda _holder: True)
        self.hand_in(row, pid, files)

    def facts(self, scratch: Path) -> RunFacts:
        """What the driver knows."""
        with self.base.work() as session:
            settings = dict(policy.load(session).values)
        remote = Remote(self.base.remote, "main", self.first_oid, is_green)
        return RunFacts(
            database=self.base.settings.database,
            remotes={RIG: remote},
            journal=self.journal,
            towns=[self.base.settings.town],
            slung=self.slung,
            bad=frozenset(self.bad),
            hopeless=frozenset(self.hopeless),
            faults=self.faults,
            settings=settings,
            started_at=self.started_at,
            quiet_at=clock.now(),
            ended_at=clock.now(),
            scratch=scratch,
        )


def make_chaos_town(root: Path, database_url: str) -> ChaosTown:
    """A town with one rig, ready for work."""
    base = make_town(root, database_url, files={"check.sh": CHECK, "a.txt": "one\n"})
    watch(base.remote)
    town = ChaosTown(base, root / "journal.jsonl", base.target())
    with base.work() as session:
        presence.note_worker(session, base.settings, WORKERS[0], role="sessions", queues=[])
        policy.set_value(session, "cooldown_s", "0", actor="ada")
    return town


def live_through(town: ChaosTown) -> None:
    """Six beads: plain, blocked and adopted, red at first, lost with its host, hopeless, in conflict; and a convoy."""
    plain = town.sling()
    blocked, red, lost, hopeless, clash = town.sling(plain), town.sling(), town.sling(), town.sling(), town.sling()
    town.bad.add(red)
    town.hopeless.add(hopeless)
    with town.base.work() as session:
        convoys.create(session, "together", [plain, blocked], actor="ada")
    one, other = town.claim(plain), town.claim(clash)
    town.hand_in(one, town.begin(one), {"a.txt": "plain\n"})
    town.hand_in(other, town.begin(other), {"a.txt": "clash\n"})
    town.work(red, {"red.txt": "oh\n", "red-too.txt": "x\n"})
    town.lose(lost)
    town.settle()
    town.be_adopted(blocked, {"blocked.txt": "x\n"})
    town.work(clash, {"a.txt": "plain\nclash\n"}, merge=True)
    town.work(red, {"red.txt": None})
    town.work(lost, {"lost.txt": "x\n"})
    for _ in range(3):
        town.fail(hopeless)
    town.settle()
