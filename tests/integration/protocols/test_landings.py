"""The landing protocol on a real remote: steps that die, stall and meet, pushes that are lost or late, other people."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import Session, select

from gastown import beads, config, git, refinery, rigs
from gastown.git import run as git_run
from gastown.refinery import IntentState, MergeRequest, RequestState, Verdict, gate_runs
from tests.integration.protocols.conftest import limits
from tests.support import scratch
from tests.support.database_clock import DatabaseClock
from tests.support.refinery_town import RIG, Crash, RefineryTown, make_town, run_git

HOOK = "#!/bin/sh\necho 'main is protected' >&2\nexit 1\n"
PICK = st.integers(0, 99)


class LandingProtocol(RuleBasedStateMachine):
    """Never red, never twice, never lost; and SQL says what the remote says."""

    make_database: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.root = scratch.make("gtl-")
        url = self.make_database()
        self.town: RefineryTown = make_town(self.root / "t", url)
        self.clock = DatabaseClock(url)
        config.use(self.town.settings)
        self.patch = pytest.MonkeyPatch()
        self.numbers: Iterator[int] = itertools.count(1)
        self.late: list[tuple[Any, ...]] = []
        self.bad: set[str] = set()
        self.seen = self.town.target()
        self.first = self.seen

    @initialize(is_fenced=st.booleans())
    def remote_of_a_kind(self, is_fenced: bool) -> None:
        """Some remotes take neither custom refs nor atomic pushes: there the target's own value decides."""
        with self.town.work() as session:
            rigs.update(session, RIG, actor="ada", push_fence=is_fenced, push_atomic=is_fenced)

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            self.patch.undo()
            self.clock.close()
            config.use(None)
            shutil.rmtree(self.root, ignore_errors=True)

    # what comes in

    @rule(kind=st.sampled_from(["good", "good", "bad", "clashing"]))
    def submit(self, kind: str) -> None:
        number = next(self.numbers)
        if len(self._requests()) < 6:
            name = "a.txt" if kind == "clashing" else f"{kind}{number}.txt"
            bead_id = self.town.submit({name: f"{number}\n"})
            if kind == "bad":
                self.bad.add(bead_id)

    @rule()
    def others_push(self) -> None:
        self.town.push_to_target({f"others{next(self.numbers)}.txt": "x"})

    @precondition(lambda self: self._requests())
    @rule(pick=PICK)
    def close_by_hand(self, pick: int) -> None:
        bead_id = self._requests()[pick % len(self._requests())].bead_id
        with self.town.work() as session:
            beads.close(session, [bead_id], actor="ada", reason="done by hand, it was small", no_code=True)

    @rule(is_closed=st.booleans())
    def remote_refuses(self, is_closed: bool) -> None:
        hook = self.town.remote / "hooks" / "pre-receive"
        if is_closed:
            hook.write_text(HOOK)
            hook.chmod(0o755)
        else:
            hook.unlink(missing_ok=True)

    @rule(seconds=st.sampled_from([6, 21, 70, 700]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    # the queue

    @rule()
    def step(self) -> None:
        self._step()

    def _step(self, work: Any = None) -> None:
        refinery.step(
            work or self.town.work,
            RIG,
            settings=self.town.settings,
            holder=f"here:{next(self.numbers)}",
            hooks=refinery.Hooks(lambda *_: None),
        )

    @rule(burns_at=st.integers(1, 60))
    def step_that_dies(self, burns_at: int) -> None:
        """Nothing of it happens from some boundary on."""
        reached = itertools.count(1)

        def boundary() -> None:
            if next(reached) >= burns_at:
                raise Crash

        @contextlib.contextmanager
        def work() -> Iterator[Session]:
            boundary()
            with self.town.work() as session:
                yield session
                boundary()

        real = git_run._run

        def run(*args: Any, **more: Any) -> Any:
            boundary()
            return real(*args, **more)

        with self.patch.context() as patch, contextlib.suppress(Crash):
            patch.setattr(git_run, "_run", run)
            self._step(work)

    @rule(fate=st.sampled_from(["answer lost", "lost", "late", "robbed", "moved"]))
    def step_whose_push_goes_astray(self, fate: str) -> None:
        real, is_first = git.push_landing, [True]

        def push(*args: Any) -> git.PushOutcome:
            if not is_first:
                return real(*args)
            is_first.clear()
            match fate:
                case "answer lost":
                    real(*args)
                case "late":
                    self.late.append(args)
                case "robbed":  # it stalls for longer than its lease
                    self.clock.advance(25)
                    self._step()
                    return real(*args)
                case "moved":
                    self.others_push()
                    return real(*args)
            return git.PushOutcome(git.Pushed.UNKNOWN, "the line went dead")

        with self.patch.context() as patch:
            patch.setattr(git, "push_landing", push)
            self._step()

    @precondition(lambda self: self.late)
    @rule()
    def late_push_arrives(self) -> None:
        with contextlib.suppress(git.NotFastForward):
            git.push_landing(*self.late.pop(0))

    @rule(dies=st.booleans())
    def gate(self, dies: bool) -> None:
        """A runner's verdict is the tree's: red with anything bad in it. One that dies says nothing."""
        with self.town.work() as session:
            gate_runs.expire(session, actor="town")
            wanted = refinery.list_requested(session)
        for number in wanted:
            holder = f"gates:{next(self.numbers)}"
            with self.town.work() as session:
                run = gate_runs.claim(session, number, holder=holder, host="here", ttl_s=60)
            if run is None or dies:
                continue
            verdict = Verdict.FAIL if self._is_red(self.town.land, run.commit_oid) else Verdict.PASS
            results = [{"gate": "check", "verdict": verdict.value, "why": "", "tail": ""}]
            with self.town.work() as session:
                gate_runs.finish(session, number, holder=holder, verdict=verdict, results=results)

    # what must hold

    def _requests(self) -> list[MergeRequest]:
        with self.town.work() as session:
            return list(session.exec(select(MergeRequest)).all())

    def _is_red(self, repository: Path, commit: str) -> bool:
        return "bad" in run_git(repository, "ls-tree", "--name-only", commit)

    @invariant()
    def main_is_never_red_and_never_goes_back(self) -> None:
        target = self.town.target()
        if target == self.seen:
            return
        assert git.is_ancestor(self.town.remote, self.seen, target)
        for commit in run_git(self.town.remote, "rev-list", "--first-parent", f"{self.seen}..{target}").split():
            assert not self._is_red(self.town.remote, commit)
        self.seen = target

    @invariant()
    def sql_says_what_the_remote_says(self) -> None:
        trailers = "--format=%H %(trailers:key=Bead,valueonly,separator=%x20)"
        log = run_git(self.town.remote, "log", "--first-parent", trailers, f"{self.first}..main").splitlines()
        merged: dict[str, list[str]] = {}
        for line in log:
            oid, *named = line.split()
            for bead_id in named:
                merged.setdefault(bead_id, []).append(oid)
        intents = [intent for intent in self.town.intents() if intent.state is IntentState.OPEN]
        assert len(intents) <= 1
        for request in self._requests():
            found = merged.get(request.bead_id, [])
            assert len(found) <= 1, f"{request.bead_id} landed twice"
            if request.state is RequestState.LANDED:
                assert found == [request.landed_oid]
                assert self.town.bead(request.bead_id).status == "closed"
                assert self.town.kinds(request.bead_id).count("request.landed") == 1
            elif found:
                assert request.state is RequestState.LANDING, f"{request.bead_id} is in, and {request.state}"

    # the end

    def _settle(self) -> None:
        self.remote_refuses(is_closed=False)
        for args in self.late:
            with contextlib.suppress(git.NotFastForward):
                git.push_landing(*args)
        for _ in range(30):
            self.clock.advance(1000)
            self._step()
            self.gate(dies=False)
            self._step()
            open_ = [row for row in self._requests() if row.state in refinery.queries.IN_QUEUE]
            if not open_:
                break
        assert not open_, open_
        self.main_is_never_red_and_never_goes_back()
        self.sql_says_what_the_remote_says()
        for request in self._requests():
            status, kinds = self.town.bead(request.bead_id).status, self.town.kinds(request.bead_id)
            assert kinds.count("bead.closed") == (status == "closed")
            if request.bead_id in self.bad:
                assert request.state is not RequestState.LANDED


def test_landings_hold_whatever_happens(fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LandingProtocol, "make_database", staticmethod(fresh_database), raising=False)
    run_state_machine_as_test(LandingProtocol, settings=limits(5, 20))
