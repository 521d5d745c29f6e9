"""Running a rig's gates on one tree: claim, rebuild the tree from object ids, check it out, run, record.

A run ends in a verdict only through `gate_runs.finish`, by the holder of its lease. A runner that dies, or that loses
the lease, leaves no verdict; the run is then somebody else's. Advisory gates run after the verdict, and let runs that
wait go first (`advice.py`).
"""

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from gastown import clock, git, logs, policy, rigs
from gastown.config import Settings
from gastown.git import Conflicted
from gastown.refinery import advice, checks, gate_runs, queries, slots
from gastown.refinery.candidate import Repository, stack
from gastown.refinery.checks import SETUP, Bench, Result
from gastown.refinery.command import Stopped
from gastown.refinery.gate_logs import forget_oldest, log_path
from gastown.refinery.gate_runs import GateRunLost
from gastown.refinery.heartbeat import Heartbeat, Work
from gastown.refinery.models import GateRun, MergeHead, Verdict
from gastown.refinery.verdicts import Ruling, overall
from gastown.rigs import Gate, GatePhase, LandingStyle, Rig, RigNotFound

log = logs.get(__name__)

# Workers that die at one run: the second is no accident. It then counts as one that could not run, of which there is an
# end (`refinery.max_infrastructure_retries`), and pauses after it.
MOST_DEATHS = 2
# Runs; looking through all logs takes a moment.
_TIDY_EVERY = 20


@dataclass(frozen=True)
class GateRunResult:
    """What `run_gates` came to."""

    run_id: int
    claimed: bool = False  # False: nobody needs it, or another runner has it
    lost: bool = False  # the run was taken away or put back: there is no verdict of ours
    verdict: Verdict | None = None


@dataclass(frozen=True)
class _Job:
    run: GateRun
    rig: Rig
    gates: Sequence[Gate]
    advisory: Sequence[Gate]
    heads: Sequence[MergeHead]
    timeout_s: float
    floor_mb: float
    deaths: int
    """Runners that died at this run."""
    settings: Settings
    given_up: Callable[[], bool]

    @property
    def repository(self) -> Repository:
        return Repository.of(self.settings.town, self.rig)

    def log_of(self, gate: str) -> Path:
        return log_path(self.settings.town, self.run.id or 0, gate)


class _CannotRun(Exception):
    """The gates cannot be run here; its text says why."""


def _never() -> bool:
    return False


def run_gates(
    work: Work, gate_run_id: int, *, settings: Settings, holder: str, stopping: Callable[[], bool] = _never
) -> GateRunResult:
    """Run one requested gate run to its verdict, in minutes; at once when it is not to be had.

    When `stopping()` turns true, the rig is stopped, or the lease is lost, the gates are killed, nothing is recorded.
    """
    claimed = _claim(work, gate_run_id, settings, holder)
    if claimed is None:
        return GateRunResult(gate_run_id)
    run, ttl_s, every_s = claimed
    books = _Books(work, run, holder)

    def beat(session: Session) -> None:
        if gate_runs.is_frozen(session, gate_run_id):
            raise GateRunLost("the rig was stopped: its gates run again when it goes on")
        if not books.is_closed.is_set():
            gate_runs.renew(session, gate_run_id, holder=holder, ttl_s=ttl_s)

    with logs.bound(rig=run.rig, gate_run=gate_run_id), Heartbeat(work, beat, every_s=every_s) as heart:
        try:
            job = _load(work, run, settings, lambda: heart.lost.is_set() or stopping())
            if job is not None:
                _try_run(job, books)
        except Stopped:
            books.put_back()
    return books.result()


class _Books:
    """What is written of one run: its verdict once, by its holder; then what advisory gates say."""

    def __init__(self, work: Work, run: GateRun, holder: str) -> None:
        self.work = work
        self.run = run
        self.holder = holder
        self.is_closed = threading.Event()
        self.verdict: Verdict | None = None

    def close(self, results: Sequence[Result], verdict: Verdict) -> None:
        """Write the verdict, unless the run is another's by now."""
        self.is_closed.set()
        try:
            with self.work() as session:
                run_id = self.run.id or 0
                row = gate_runs.finish(session, run_id, holder=self.holder, verdict=verdict, results=results)
                self.verdict = row.verdict
        except GateRunLost as error:
            log.warning("%s", error)

    def unknown(self, gates: Sequence[Gate]) -> list[Gate]:
        """Those of the advisory gates that have said nothing of this tree yet."""
        if not gates or self.verdict in (None, Verdict.INFRASTRUCTURE_ERROR):
            return []
        with self.work() as session:
            known = gate_runs.advised(session, self.run)
        return [gate for gate in gates if gate.name not in known]

    def add(self, said: Sequence[Result]) -> None:
        """Write down what advisory gates said."""
        with self.work() as session:
            gate_runs.note_advice(session, self.run.id or 0, holder=self.holder, advice=said)

    def put_back(self) -> None:
        """Let the next runner have the run, unless it has its verdict."""
        if self.verdict is None:
            with self.work() as session:
                actor = f"{self.run.rig}/refinery"
                gate_runs.put_back(session, self.run.id or 0, holder=self.holder, actor=actor)

    def result(self) -> GateRunResult:
        """What it all came to."""
        return GateRunResult(self.run.id or 0, claimed=True, lost=self.verdict is None, verdict=self.verdict)


def _claim(work: Work, run_id: int, settings: Settings, holder: str) -> tuple[GateRun, float, float] | None:
    with work() as session:
        rules = policy.load(session)
        if _free_mb(settings) < rules.number("disk.floor_mb"):
            # Another host may have room; and a run without a verdict would count towards the queue's stop.
            log.warning("gate run %d is not taken here: too little room on the disk", run_id)
            return None
        ttl_s = rules.number("lease.ttl_s")
        every_s = min(rules.number("lease.heartbeat_s"), ttl_s / 3)
        run = gate_runs.claim(session, run_id, holder=holder, host=settings.host_id, ttl_s=ttl_s)
    return None if run is None else (run, ttl_s, every_s)


def _free_mb(settings: Settings) -> float:
    return shutil.disk_usage(settings.town).free / 1e6


def _load(work: Work, run: GateRun, settings: Settings, given_up: Callable[[], bool]) -> _Job | None:
    """Read what the run needs; None, with the run called off, when its rig is gone or has other gates by now."""
    with work() as session:
        try:
            rig = rigs.get(session, run.rig)
            gates = rigs.list_gates(session, run.rig)
        except RigNotFound:
            gate_runs.cancel(session, run.id or 0, actor=f"{run.rig}/refinery", why="the rig was removed")
            return None
        phase = _phase(rig, gates, run)
        if phase is None:
            actor = f"{run.rig}/refinery"
            gate_runs.cancel(session, run.id or 0, actor=actor, why="the gates were changed", ring=True)
            return None
        rules = policy.load(session)
        return _Job(
            run=run,
            rig=rig,
            gates=rigs.after_landing(gates) if phase is GatePhase.POST_LANDING else rigs.deciding(gates),
            advisory=rigs.advisory(gates, phase),
            heads=queries.list_run_heads(session, run),
            timeout_s=rules.number("gate.timeout_s"),
            floor_mb=rules.number("disk.floor_mb"),
            deaths=gate_runs.count_deaths(session, run),
            settings=settings,
            given_up=given_up,
        )


def _phase(rig: Rig, gates: Sequence[Gate], run: GateRun) -> GatePhase | None:
    """Which of the rig's gates the run is of; None: of none that it has now."""
    hashes = {
        rigs.config_hash(rig, gates): GatePhase.PRE_MERGE,
        rigs.landed_hash(rig, gates): GatePhase.POST_LANDING,
    }
    return hashes.get(run.config_hash)


def _try_run(job: _Job, books: _Books) -> None:
    """Run the gates and write down what they said; what kept them from running is a result as well."""
    began = clock.monotonic()
    try:
        _run(job, books)
    except Stopped:
        raise
    except Exception as error:
        # Whatever it is: without a verdict the run would be offered again, and fail so again, for ever.
        log.warning("gates could not run: %s", error)
        ruling = Ruling(Verdict.INFRASTRUCTURE_ERROR, str(error)[:500] or type(error).__name__)
        if not books.is_closed.is_set():
            seconds = clock.monotonic() - began
            books.close([checks.result(SETUP, ruling, None, seconds, "")], Verdict.INFRASTRUCTURE_ERROR)


def _run(job: _Job, books: _Books) -> None:
    free_mb = _free_mb(job.settings)
    if free_mb < job.floor_mb:
        raise _CannotRun(f"only {free_mb:.0f} MB are free on this host, less than disk.floor_mb")
    if job.deaths >= MOST_DEATHS:
        raise _CannotRun(f"{job.deaths} workers died while they ran the gates")
    if (job.run.id or 0) % _TIDY_EVERY == 0:
        forget_oldest(job.settings.town)
    commits = _commits(job)
    results: list[Result] = []
    with slots.take(job.settings.town, job.rig.name, count=job.settings.gate_runners, given_up=job.given_up) as slot:
        for number, (commit, tree) in enumerate(commits, 1):
            slot.check_out(job.repository.land, commit, fresh=job.run.attempt > 1)
            told = {"GATE_COMMIT": commit, "GATE_TREE": tree, "GATE_BRANCH": job.rig.branch}
            told["GATE_BASE"] = job.run.base_oid
            bench = Bench(slot.shell(), told, job.timeout_s, job.log_of, job.given_up)
            step = {"step": number, "steps": len(commits), "tree": tree} if len(commits) > 1 else {}
            found = [{**result, **step} for result in checks.run_all(bench, job.rig.setup_command, job.gates)]
            if any(result["verdict"] != Verdict.PASS for result in found):
                results = found  # what passed before it tells nobody anything
                break
            results += found
        books.close(results, _verdict(job, results))
        advice.advise(bench, books.unknown(job.advisory), books.work, books.add)


def _verdict(job: _Job, results: Sequence[Result]) -> Verdict:
    if not results and job.run.config_hash.startswith(rigs.LANDED_MARK):
        return Verdict.PASS  # all its gates are advisory
    return overall([Verdict(result["verdict"]) for result in results])


def _commits(job: _Job) -> list[tuple[str, str]]:
    """Commits and trees to be gated, in order: the candidate; in a rig that rebases, every commit of the last head."""
    run, repository = job.run, job.repository
    if repository.style is not LandingStyle.REBASE or not job.heads:
        return [(_commit(job), run.tree_oid)]
    if not repository.land.exists() or not all(repository.has(oid) for oid in _named(job)):
        repository.target()
    built = stack(repository, job.heads, run.base_oid, run.created_at)
    if isinstance(built, Conflicted):
        raise _CannotRun("this host's git sees a conflict where the refinery's saw none")
    if built.tree_oid != run.tree_oid:
        raise _CannotRun(f"this host builds tree {built.tree_oid}, the refinery built {run.tree_oid}")
    return [(step.commit_oid, step.tree_oid) for step in built.steps]


def _named(job: _Job) -> list[str]:
    return [job.run.base_oid, *(head.head_oid for head in job.heads)]


def _commit(job: _Job) -> str:
    """A commit in this host's `land.git` with exactly the tree to be gated, made from base and head by object id."""
    run, repository = job.run, job.repository
    wanted = [run.base_oid, run.commit_oid] if job.heads else [run.base_oid]
    known = git.find_commits(repository.land, wanted) if repository.land.exists() else []
    if run.base_oid not in known:
        repository.target()
    if not job.heads:
        found, commit = git.tree_of(repository.land, run.base_oid), run.base_oid
    elif run.commit_oid in known:
        found, commit = git.tree_of(repository.land, run.commit_oid), run.commit_oid
    else:
        if not all(repository.has(head.head_oid) for head in job.heads):
            repository.target()  # some have landed since, and their branches are gone
        built = stack(repository, job.heads, run.base_oid, run.created_at)
        if isinstance(built, Conflicted):
            raise _CannotRun("this host's git sees a conflict where the refinery's saw none")
        found, commit = built.tree_oid, built.commit_oid
    if found != run.tree_oid:
        raise _CannotRun(f"this host builds tree {found}, the refinery built {run.tree_oid}")
    return commit
