"""A town's life in SQL: every verb of the nouns, called with whatever is there."""

import random
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from gastown import assignments, beads, clock, convoys, policy, refinery, rigs, sling
from gastown.agents import WorktreeState, mark_worktree
from gastown.assignments import Assignment, AssignmentState, RunStart
from gastown.beads import Bead
from gastown.errors import GastownError
from gastown.refinery import (
    GateRun,
    LandingIntent,
    MergeRequest,
    RequestState,
    Verdict,
    gate_runs,
    intents,
    lifecycle,
    looks,
)
from gastown.refinery.gate_runs import Wanted
from gastown.refinery.models import IntentState, RunState
from gastown.rigs import GateSpec, Rig, TargetState
from gastown.sling import Target
from tests.support.factories import make_bead, make_rig

ADA, BOB = "ada", "bob"
HOLDERS = ("here:101:1:boot0000", "here:202:2:boot0000", "there:303:3:boot0001")
LEASE = 7


def oid(random_: random.Random) -> str:
    return f"{random_.getrandbits(160):040x}"


class Life:
    """A town that lives: `step(name)` does one thing, or finds nothing to do it with."""

    def __init__(self, session: Session, seed: int = 0) -> None:
        self.session = session
        self.random = random.Random(seed)
        self.done: list[str] = []
        for name in ("app", "lib"):
            make_rig(session, name)
        for number in range(4):
            make_bead(session, f"Task {number}", prefix=("app", "lib")[number % 2])
        session.flush()

    def step(self, name: str) -> None:
        """One verb; what the town refuses changes nothing."""
        act: Callable[[], None] = getattr(self, f"do_{name}")
        try:
            with self.session.begin_nested():
                act()
                self.done.append(name)
        except GastownError:
            return
        finally:
            self.session.expire_all()

    def any_of(self, rows: Sequence[object]) -> object:
        if not rows:
            raise beads.BeadNotFound("nothing to do this with")
        return self.random.choice(list(rows))

    def bead(self) -> Bead:
        found = self.any_of(self.session.exec(select(Bead).order_by(col(Bead.id))).all())
        assert isinstance(found, Bead)
        return found

    def rig(self) -> Rig:
        found = self.any_of(rigs.list_all(self.session))
        assert isinstance(found, Rig)
        return found

    def attempt(self, *states: AssignmentState) -> Assignment:
        query = select(Assignment).where(col(Assignment.state).in_(states)).order_by(col(Assignment.id))
        found = self.any_of(self.session.exec(query).all())
        assert isinstance(found, Assignment)
        return found

    def running(self) -> tuple[int, int]:
        row = self.attempt(AssignmentState.RUNNING)
        return row.id or 0, row.fence

    def request(self, *states: RequestState) -> MergeRequest:
        query = select(MergeRequest).where(col(MergeRequest.state).in_(states)).order_by(col(MergeRequest.id))
        found = self.any_of(self.session.exec(query).all())
        assert isinstance(found, MergeRequest)
        return found

    def gate_run(self, *states: RunState) -> GateRun:
        query = select(GateRun).where(col(GateRun.state).in_(states)).order_by(col(GateRun.id))
        found = self.any_of(self.session.exec(query).all())
        assert isinstance(found, GateRun)
        return found

    # beads

    def do_create(self) -> None:
        make_bead(self.session, "More", prefix=self.rig().prefix, labels=("red",))

    def do_link(self) -> None:
        beads.add_dependency(self.session, self.bead().id, self.bead().id, actor=ADA)

    def do_comment(self) -> None:
        beads.add_comment(self.session, self.bead().id, "a remark", actor=BOB)

    def do_label(self) -> None:
        beads.change_labels(self.session, self.bead().id, add=["blue"], remove=["red"], actor=ADA)

    def do_edit(self) -> None:
        beads.update(self.session, self.bead().id, {"title": "Another", "priority": 0}, actor=ADA)

    def do_close(self) -> None:
        beads.close(self.session, [self.bead().id], actor=ADA, reason="no code is needed", no_code=True)

    def do_reopen(self) -> None:
        beads.reopen(self.session, self.bead().id, actor=ADA)

    def do_configure(self) -> None:
        beads.set_config(self.session, "kv.mood", self.random.choice(["good", "bad"]), actor=ADA)

    # attempts

    def do_sling(self) -> None:
        sling.sling(self.session, Target((self.bead().id,), self.rig().name), actor=ADA, force=True)

    def do_unsling(self) -> None:
        sling.unsling(self.session, [self.bead().id], actor=ADA, why="not now")

    def do_dispatch(self) -> None:
        sling.dispatch(self.session, actor="town")

    def do_claim(self) -> None:
        holder = self.random.choice(HOLDERS)
        host = holder.partition(":")[0]
        assignments.claim(self.session, self.rig().name, holder=holder, host=host, slots=100)

    def do_fresh(self) -> None:
        """An attempt runs for certain."""
        bead = make_bead(self.session, "Fresh")
        sling.sling(self.session, Target((bead.id,), "app"), actor=ADA)
        assignments.claim(self.session, "app", holder=HOLDERS[0], host="here", slots=100)

    def do_site(self) -> None:
        number, fence = self.running()
        assignments.note_site(self.session, number, fence, branch=f"polecat/x@{fence}", base_oid=oid(self.random))

    def do_run(self) -> None:
        row = self.attempt(AssignmentState.RUNNING)
        start = RunStart("f" * 64, row.holder or "", agent_session_id="s1")
        assignments.note_run(self.session, row.id or 0, row.fence, actor="app/polecats/nux", start=start)

    def do_book(self) -> None:
        row = self.attempt(AssignmentState.RUNNING, AssignmentState.SUBMITTED)
        assignments.book_usage(
            self.session,
            row.id or 0,
            row.fence,
            actor="town",
            run=row.runs,
            exit_code=0,
            exit_signal=None,
            exit_reason="exit",
            tokens={"input_tokens": 10, "output_tokens": 3},
            cost_usd=self.random.choice([None, 0.1, 0.2]),
            model="some",
            agent_session_id="s2",
        )

    def do_heartbeat(self) -> None:
        row = self.attempt(AssignmentState.RUNNING)
        assignments.heartbeat(self.session, {row.id or 0: row.fence}, holder=row.holder or "", ttl_s=60)

    def do_adopt(self) -> None:
        row = self.attempt(AssignmentState.RUNNING)
        other = f"{row.host}:404:4:boot0000"
        number, host = row.id or 0, row.host or ""
        assignments.adopt(self.session, number, holder=other, host=host, is_dead=lambda _holder: True)

    def do_detach(self) -> None:
        row = self.attempt(AssignmentState.RUNNING)
        assignments.detach(self.session, [row.id or 0], holder=row.holder or "", grace_s=60)

    def do_save(self) -> None:
        number, fence = self.running()
        assignments.note_saved(self.session, number, fence, actor="town", head_oid=oid(self.random), why="periodic")

    def do_fail(self) -> None:
        assignments.fail(self.session, *self.running(), actor="town", outcome="the agent crashed")

    def do_hand_over(self) -> None:
        assignments.hand_over(self.session, *self.running(), actor="town", notes="go on there")

    def do_lose(self) -> None:
        assignments.lose(self.session, *self.running(), actor="town", outcome="its host is gone", delay_s=1)

    def do_escalate(self) -> None:
        assignments.escalate(self.session, *self.running(), actor="town", why="cannot go on")

    def do_put_back(self) -> None:
        assignments.put_back(self.session, *self.running(), actor="town")

    def do_resume_later(self) -> None:
        assignments.resume_later(self.session, *self.running(), actor="town")

    def do_restart(self) -> None:
        assignments.ask_to_restart(self.session, *self.running(), actor="town", why="silent")

    def do_give_up(self) -> None:
        assignments.ask_to_give_up(self.session, *self.running(), actor="town", why="silent again")

    def do_ask_all(self) -> None:
        assignments.ask_to_hand_over(self.session, actor=ADA)

    def do_worktree(self) -> None:
        row = self.attempt(AssignmentState.SUBMITTED, AssignmentState.FAILED, AssignmentState.RELEASED)
        state = self.random.choice([WorktreeState.CLEAN, WorktreeState.SPENT])
        mark_worktree(self.session, row.polecat or "", state, worktree=f"worktrees/{row.id}")

    # the merge queue

    def do_submit(self) -> None:
        sling.submit(self.session, *self.running(), head_oid=oid(self.random), actor="app/polecats/nux")

    def _candidate(self, request: MergeRequest) -> lifecycle.Candidate:
        made = (oid(self.random), oid(self.random), oid(self.random))
        return lifecycle.Candidate(*made, clock.now(), (request.head_id or 0,))

    def _ask(self, request: MergeRequest, candidate: lifecycle.Candidate) -> GateRun:
        wanted = Wanted(
            request.rig,
            base_oid=candidate.base_oid,
            commit_oid=candidate.commit_oid,
            tree_oid=candidate.tree_oid,
            config_hash="c" * 64,
            riders=candidate.riders,
            request_id=request.id,
            bead_id=request.bead_id,
        )
        return gate_runs.request(self.session, wanted, attempt=1, actor="app/refinery")

    def do_board(self) -> None:
        request = self.request(RequestState.QUEUED)
        seat = self.random.randrange(1, 100)
        made = self._candidate(request)
        lifecycle.board(
            self.session,
            request,
            made,
            seat=lifecycle.Seat(seat, self.random.choice(["", "web"])),
            actor="app/refinery",
            lease=LEASE,
        )

    def do_board_again(self) -> None:
        request = self.request(RequestState.TESTING)
        lifecycle.board(
            self.session, request, self._candidate(request), seat=lifecycle.Seat(7), actor="app/refinery", lease=LEASE
        )

    def do_set_aside(self) -> None:
        lifecycle.set_aside(self.session, self.request(RequestState.TESTING), actor="app/refinery", lease=LEASE)

    def do_retest(self) -> None:
        request = self.request(RequestState.TESTING)
        run = self._ask(request, self._candidate(request))
        lifecycle.follow_run(self.session, request, run, actor="app/refinery")

    def do_requeue(self) -> None:
        request = self.request(RequestState.TESTING)
        lifecycle.requeue(self.session, request, actor="app/refinery", lease=LEASE, why="the target moved")

    def do_return(self) -> None:
        request = self.request(RequestState.QUEUED, RequestState.TESTING)
        details = {"summary": "it fails", "files": ["a"]}
        lifecycle.send_back(self.session, request, kind="red", details=details, actor="app/refinery", lease=LEASE)

    def do_cancel(self) -> None:
        refinery.cancel(self.session, self.bead().id, actor=ADA, why="not wanted")

    def do_intend(self) -> None:
        request = self.request(RequestState.QUEUED, RequestState.TESTING)
        candidate = self._candidate(request)
        run = self._ask(request, candidate)
        intents.intend(self.session, [request], candidate, run, actor="app/refinery", lease=LEASE)

    def _intent(self) -> LandingIntent:
        query = select(LandingIntent).where(LandingIntent.state == IntentState.OPEN).order_by(col(LandingIntent.id))
        found = self.any_of(self.session.exec(query).all())
        assert isinstance(found, LandingIntent)
        return found

    def do_void(self) -> None:
        refused = self.random.random() < 0.5
        intents.void(self.session, self._intent(), actor="r", lease=LEASE, why="target left", refused=refused)

    def do_land(self) -> None:
        intents.land(
            self.session,
            self._intent(),
            actor="app/refinery",
            lease=LEASE,
            after_landing=lambda session, bead: convoys.check_landed(session, bead, actor="town") and None,
        )

    def do_gate_start(self) -> None:
        run = self.gate_run(RunState.REQUESTED)
        gate_runs.claim(self.session, run.id or 0, holder=HOLDERS[0], host="here", ttl_s=60)

    def do_gate_finish(self) -> None:
        run = self.gate_run(RunState.RUNNING)
        verdict = self.random.choice([Verdict.PASS, Verdict.FAIL, Verdict.INFRASTRUCTURE_ERROR])
        results = [{"gate": "test", "verdict": verdict.value, "seconds": 0.25, "tail": "é\n", "log": None}]
        gate_runs.finish(self.session, run.id or 0, holder=run.holder or "", verdict=verdict, results=results)

    def do_gate_renew(self) -> None:
        run = self.gate_run(RunState.RUNNING)
        gate_runs.renew(self.session, run.id or 0, holder=run.holder or "", ttl_s=60)

    def do_gate_put_back(self) -> None:
        run = self.gate_run(RunState.RUNNING)
        gate_runs.put_back(self.session, run.id or 0, holder=run.holder or "", actor="town")

    def do_gate_expire(self) -> None:
        run = self.gate_run(RunState.RUNNING)
        gate_runs.renew(self.session, run.id or 0, holder=run.holder or "", ttl_s=-60)
        gate_runs.expire(self.session, actor="town")

    def do_gate_cancel(self) -> None:
        gate_runs.cancel(self.session, self.gate_run(RunState.REQUESTED).id or 0, actor=ADA, why="not wanted")

    def do_retry(self) -> None:
        refinery.retry(self.session, self.rig().name, actor=ADA)

    def do_look(self) -> None:
        seen = self.random.choice(["", oid(self.random)])
        looks.note_look(self.session, self.rig().name, seen_oid=seen, waits_for="nothing")

    def do_target(self) -> None:
        state = self.random.choice(list(TargetState))
        rigs.set_target_state(self.session, self.rig().name, state, oid(self.random), actor="app/refinery")

    # rigs, settings, convoys

    def do_park(self) -> None:
        act = self.random.choice([rigs.park, rigs.unpark, rigs.dock, rigs.undock, rigs.thaw])
        act(self.session, self.rig().name, actor=ADA)

    def do_unpark(self) -> None:
        for name in ("app", "lib"):
            rigs.unpark(self.session, name, actor=ADA)
            rigs.undock(self.session, name, actor=ADA)
            rigs.thaw(self.session, name, actor=ADA)

    def do_freeze(self) -> None:
        rigs.freeze(self.session, self.rig().name, actor=ADA, why="smoke")

    def do_gates(self) -> None:
        gates = [GateSpec("z", "true"), GateSpec("a", "false", 30)][: self.random.choice([1, 2])]
        rigs.set_gates(self.session, self.rig().name, gates, no_gates=False, actor=ADA)

    def do_rig_update(self) -> None:
        rigs.update(self.session, self.rig().name, actor=ADA, setup_command="make", push_atomic=False)

    def do_setting(self) -> None:
        policy.set_value(self.session, "polecat.names", self.random.choice(["minerals", "wasteland"]), actor=ADA)

    def do_clear_setting(self) -> None:
        policy.clear_value(self.session, "polecat.names", actor=ADA)

    def do_preset(self) -> None:
        values: dict[str, object] = self.random.choice([{}, {"command": ["x"], "mode": None}])
        policy.set_preset(self.session, "mine", values, actor=ADA)

    def do_convoy(self) -> None:
        convoys.create(self.session, "Together", [self.bead().id, self.bead().id], actor=ADA)

    def do_convoy_add(self) -> None:
        overview = self.any_of(convoys.list_all(self.session))
        convoys.add_members(self.session, overview.convoy.id, [self.bead().id], actor=ADA)  # type: ignore[attr-defined]

    def do_convoy_check(self) -> None:
        convoys.check_all(self.session, actor="town")


VERBS = tuple(sorted(name.removeprefix("do_") for name in dir(Life) if name.startswith("do_")))
# One bead from sling to landing, with everything that may come between; then what ends otherwise.
WHOLE = (
    *("configure", "setting", "preset", "clear_setting", "convoy", "convoy_add", "link", "label", "comment", "edit"),
    *("look", "look", "target", "target", "gates", "rig_update", "park", "freeze", "unpark"),
    *(
        "sling",
        "sling",
        "sling",
        "sling",
        "dispatch",
        "claim",
        "claim",
        "claim",
        "claim",
        "claim",
        "site",
        "run",
        "run",
    ),
    *("book", "heartbeat", "adopt", "detach", "save", "restart", "run", "give_up", "fail", "claim", "claim"),
    *("hand_over", "claim", "lose", "dispatch", "claim", "ask_all", "resume_later", "claim", "claim", "put_back"),
    *("sling", "sling", "claim", "claim", "site", "submit", "submit", "book", "worktree", "worktree"),
    *("board", "retest", "gate_start", "gate_renew", "gate_put_back", "gate_start", "gate_finish", "retest"),
    *("gate_cancel", "requeue", "board", "board_again", "set_aside", "return", "claim", "submit", "board", "retest"),
    *("gate_start", "gate_expire", "intend", "void"),
    *("retry", "intend", "land", "convoy_check", "sling", "claim", "submit", "cancel", "escalate", "unsling"),
    *("close", "reopen", "close", "convoy_check", "convoy_add", "create", "unpark"),
    *("fresh", "put_back", "fresh", "resume_later", "fresh", "lose", "fresh", "escalate", "fresh", "fail"),
)
