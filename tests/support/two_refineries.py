"""Two refineries on one rig: the lease of the first is taken away around its push, while both work in earnest.

Real git and a real database; the two are threads of one process, each with a holder and a lease of its own. Gates are
not run here: whoever is told to gate writes the verdict that the tree deserves.
"""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from gastown import beads, git, refinery, rigs
from gastown.beads import NewBead
from gastown.events import Event
from gastown.refinery import IntentState, LandingIntent, MergeRequest, RequestState, StepResult, Verdict, gate_runs
from tests.support.refinery_town import RIG, RefineryTown, make_town, run_git

JOIN_S = 120.0
LONGEST_STALL_S = 0.03
# Slower than two refineries need to meet in the remote, in one of two rounds.
SLOW_HOOK = "#!/bin/sh\n[ -e slow ] && sleep 0.02\nexit 0\n"


class Remote(StrEnum):
    """What a remote takes in a push."""

    FENCED = "fenced"
    NO_CUSTOM_REFS = "no-custom-refs"
    NO_ATOMIC = "no-atomic"


_REFUSING = {
    Remote.FENCED: (),
    Remote.NO_CUSTOM_REFS: ("receive.hideRefs", "refs/gastown"),
    Remote.NO_ATOMIC: ("receive.advertiseAtomic", "false"),
}


class Moment(StrEnum):
    """When the first one is robbed of its lease."""

    BEFORE = "before its push"
    DURING = "during its push, or soon after"
    AFTER = "after its push"


@dataclass
class Duel:
    """A rig of one kind of remote, and rounds of two refineries on it."""

    town: RefineryTown
    remote: Remote
    random: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    """How the rounds went, for people."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _checked: str = ""
    _last_event: int = 0

    def rounds(self, count: int) -> None:
        """Play so many rounds, each checked before the next begins."""
        self._fill(3 * count)
        self._settle()
        self._checked = self.town.target()
        for _ in range(count):
            self.play()

    def play(self) -> None:
        """One round: one to three requests, two refineries, and nothing amiss afterwards."""
        wanted = [self._submit() for _ in range(self.random.randint(1, 3))]
        self._last_event = self._newest_event()
        self._bring_to_the_push()
        moment = self.random.choice(list(Moment))
        (self.town.remote / "slow").touch() if self.random.random() < 0.5 else (self.town.remote / "slow").unlink(True)
        first, second = self._meet(moment)
        settled = self._settle()
        self._check(wanted, [*first.landed, *second.landed, *settled])
        winner = "first" if first.landed else "second" if second.landed else "neither at once"
        self.counts[f"{moment}: {winner}"] += 1
        self.counts["first lost its lease"] += first.lost
        self.counts["rounds"] += 1
        self.counts["landed"] += len(wanted)

    # the two

    def _meet(self, moment: Moment) -> tuple[StepResult, StepResult]:
        """Let the first come to its push; there the second takes its lease. Both go on as fast as they can."""
        real, answers = git.push_landing, dict[str, StepResult]()
        errors: list[BaseException] = []
        others: list[threading.Thread] = []
        timers: list[threading.Timer] = []

        def act(name: str) -> None:
            try:
                answers[name] = self._step(name)
            except BaseException as error:
                errors.append(error)

        def rob() -> None:
            self.town.expire_lease()
            others.append(threading.Thread(target=act, args=("second",)))
            others[0].start()

        def push(*args: Any) -> git.PushOutcome:
            if threading.current_thread() is not first or others or timers:
                return real(*args)
            if moment is Moment.BEFORE:
                rob()
                self._stall()
                return real(*args)
            if moment is Moment.AFTER:
                outcome = real(*args)
                rob()
                self._stall()
                return outcome
            timers.append(threading.Timer(self.random.uniform(0, 4 * LONGEST_STALL_S), rob))
            timers[0].start()
            return real(*args)

        first = threading.Thread(target=act, args=("first",))
        git.push_landing = push  # type: ignore[assignment]
        try:
            first.start()
            first.join(JOIN_S)
            for timer in timers:
                timer.join(JOIN_S)
            for thread in others:
                thread.join(JOIN_S)
        finally:
            git.push_landing = real
        assert not errors, errors
        assert others, "the first never came to its push"
        return answers["first"], answers["second"]

    def _stall(self) -> None:
        threading.Event().wait(self.random.uniform(0, LONGEST_STALL_S))

    def _step(self, name: str) -> StepResult:
        return refinery.step(
            self.town.work, RIG, settings=self.town.settings, holder=name, hooks=refinery.Hooks(lambda *_: None)
        )

    # before and after

    def _bring_to_the_push(self) -> None:
        """Step and gate until the next step would land."""
        self._step("before")
        self._gate()

    def _settle(self) -> list[str]:
        """A third one brings the rig to rest; what it landed."""
        landed = []
        for _ in range(20):
            landed += self._step("after").landed
            if not self._gate() and not self._in_queue():
                return landed
        raise AssertionError("the queue does not settle")

    def _gate(self) -> int:
        with self.town.work() as session:
            wanted = refinery.list_requested(session)
            for number in wanted:
                gate_runs.claim(session, number, holder="gates", host="here", ttl_s=60)
                results = [{"gate": "check", "verdict": "pass", "why": "", "tail": ""}]
                gate_runs.finish(session, number, holder="gates", verdict=Verdict.PASS, results=results)
        return len(wanted)

    def _in_queue(self) -> int:
        with self.town.work() as session:
            return len(refinery.queries.list_in_queue(session, RIG))

    def _newest_event(self) -> int:
        with self.town.work() as session:
            return session.exec(select(Event.id).order_by(col(Event.id).desc()).limit(1)).one() or 0

    def _fill(self, count: int) -> None:
        """Branches for so many requests in `work.git`, each with a file of its own, on the target as it was first."""
        base, start = run_git(self.town.person, "rev-parse", "HEAD~1"), next(self._numbers)
        lines = []
        for number in range(start, start + count):
            lines += [
                f"commit refs/heads/polecat/nux/ready-{number}",
                "committer Nux <nux@example.com> 1700000000 +0000",
                "data 4",
                "work",
                f"from {base}",
                f"M 100644 inline f{number}.txt",
                "data 2",
                "x",
                "",
            ]
        git.run.git(
            self.town.work_git, "fast-import", "--quiet", options=git.run.Options(input="\n".join(lines) + "\n")
        )
        listed = run_git(self.town.work_git, "for-each-ref", "--format=%(objectname)", "refs/heads/polecat/nux/ready-*")
        self._ready = iter(listed.split())

    def _submit(self) -> str:
        """Hand in one of the branches as an agent's work; the bead."""
        head = next(self._ready)
        with self.town.work() as session:
            bead_id = beads.create(session, NewBead("Change", prefix=RIG), actor="ada").id
            self.town._hand_in(session, bead_id, 1, f"polecat/nux/{bead_id}@1", head, 2)
        return bead_id

    # what must hold

    def _check(self, wanted: list[str], landed: list[str]) -> None:
        target = self.town.target()
        assert git.is_ancestor(self.town.remote, self._checked, target), "the target went back"
        format_ = "--format=%H %(trailers:key=Bead,valueonly,separator=%x20)"
        log = run_git(self.town.remote, "log", "--first-parent", format_, f"{self._checked}..main").splitlines()
        on_target = {bead_id: line.split()[0] for line in log for bead_id in line.split()[1:]}
        named = [bead_id for line in log for bead_id in line.split()[1:]]
        assert sorted(named) == sorted(wanted), "the target has what SQL does not know, or has it twice"
        assert sorted(landed) == sorted(wanted), f"each is landed by one of them, and once: {landed}"
        with self.town.work() as session:
            requests = session.exec(select(MergeRequest).where(col(MergeRequest.bead_id).in_(wanted))).all()
            assert {row.bead_id: row.landed_oid for row in requests} == on_target
            assert {row.state for row in requests} == {RequestState.LANDED}
            assert {beads.get(session, bead_id).status for bead_id in wanted} == {"closed"}
            oids = {line.split()[0] for line in log}
            intents = session.exec(select(LandingIntent).where(col(LandingIntent.new_oid).in_(oids))).all()
            assert {row.new_oid for row in intents if row.state is IntentState.LANDED} == oids
            assert refinery.queries.find_open_intent(session, RIG) is None
            events = session.exec(select(Event).where(col(Event.id) > self._last_event).order_by(col(Event.id))).all()
        kinds = Counter((event.bead_id, event.kind.value) for event in events)
        for bead_id in wanted:
            assert (kinds[bead_id, "request.landed"], kinds[bead_id, "bead.closed"]) == (1, 1)
        leases = [event.payload["lease"] for event in events if "lease" in event.payload]
        assert leases == sorted(leases), f"who lost its lease has written after that: {leases}"
        if self.remote is Remote.FENCED:
            fence = git.read_fence(self.town.land)
            assert fence is not None
            assert f"commit {target}" in fence.text
        self._checked = target


def make_duel(root: Path, database_url: str, remote: Remote, seed: int) -> Duel:
    """A town whose rig has such a remote, found out as `gt rig add` does."""
    town = make_town(root, database_url)
    town.push_to_target({"second.txt": "x"})
    if _REFUSING[remote]:
        run_git(town.remote, "update-ref", "-d", git.FENCE_REF)
        run_git(town.remote, "config", *_REFUSING[remote])
    support = git.try_push(town.land, "main")
    assert (support.atomic, support.fence_refs) == (remote is not Remote.NO_ATOMIC, remote is not Remote.NO_CUSTOM_REFS)
    with town.work() as session:
        rigs.update(session, RIG, actor="ada", push_atomic=support.atomic, push_fence=support.fence_refs)
    hook = town.remote / "hooks" / "pre-receive"
    hook.write_text(SLOW_HOOK)
    hook.chmod(0o755)
    return Duel(town, remote, random.Random(seed))
