"""Running a rig's gates on one tree: claim, rebuild the tree from object ids, check it out, run, record.

A run ends in a verdict only through `gate_runs.finish`, by the holder of its lease. A runner that dies, or that loses
the lease, leaves no verdict; the run is then somebody else's.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session

from gastown import clock, git, logs, policy, rigs
from gastown.config import Settings
from gastown.git import Conflicted
from gastown.refinery import command, gate_runs, queries, slots
from gastown.refinery.candidate import Repository, stack
from gastown.refinery.command import Stopped
from gastown.refinery.gate_runs import GateRunLost
from gastown.refinery.heartbeat import Heartbeat, Work
from gastown.refinery.models import GateRun, MergeHead, Verdict
from gastown.refinery.verdicts import Ended, Ruling, overall, rule, tail
from gastown.rigs import Gate, LandingStyle, Rig, RigNotFound

log = logs.get(__name__)

SETUP = "setup"
"""How the set-up command is called among the gates of a run's results."""


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
    heads: Sequence[MergeHead]
    timeout_s: float
    floor_mb: float
    settings: Settings
    given_up: Callable[[], bool]

    @property
    def repository(self) -> Repository:
        return Repository.of(self.settings.town, self.rig)

    def log_of(self, gate: str) -> Path:
        return self.settings.town / "logs" / "gates" / f"{self.run.id}-{gate}.log"


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

    def beat(session: Session) -> None:
        if gate_runs.is_frozen(session, gate_run_id):
            raise GateRunLost("the rig was stopped: its gates run again when it goes on")
        gate_runs.renew(session, gate_run_id, holder=holder, ttl_s=ttl_s)

    with logs.bound(rig=run.rig, gate_run=gate_run_id), Heartbeat(work, beat, every_s=every_s) as heart:
        try:
            job = _load(work, run, settings, lambda: heart.lost.is_set() or stopping())
            results = [] if job is None else _try_run(job)
        except Stopped:
            with work() as session:
                gate_runs.put_back(session, gate_run_id, holder=holder, actor=f"{run.rig}/refinery")
            return GateRunResult(gate_run_id, claimed=True, lost=True)
    if job is None:
        return GateRunResult(gate_run_id, claimed=True, lost=True)
    verdict = overall([Verdict(result["verdict"]) for result in results])
    try:
        with work() as session:
            finished = gate_runs.finish(session, gate_run_id, holder=holder, verdict=verdict, results=results)
    except GateRunLost as error:
        log.warning("%s", error)
        return GateRunResult(gate_run_id, claimed=True, lost=True)
    return GateRunResult(gate_run_id, claimed=True, verdict=finished.verdict)


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
        if rigs.config_hash(rig, gates) != run.config_hash:
            actor = f"{run.rig}/refinery"
            gate_runs.cancel(session, run.id or 0, actor=actor, why="the gates were changed", ring=True)
            return None
        rules = policy.load(session)
        return _Job(
            run=run,
            rig=rig,
            gates=gates,
            heads=queries.list_run_heads(session, run),
            timeout_s=rules.number("gate.timeout_s"),
            floor_mb=rules.number("disk.floor_mb"),
            settings=settings,
            given_up=given_up,
        )


def _try_run(job: _Job) -> list[dict[str, Any]]:
    """The result of each gate up to the first that did not pass; what kept them from running is a result as well."""
    began = clock.monotonic()
    try:
        return _run(job)
    except Stopped:
        raise
    except Exception as error:
        # Whatever it is: without a verdict the run would be offered again, and fail so again, for ever.
        log.warning("gates could not run: %s", error)
        ruling = Ruling(Verdict.INFRASTRUCTURE_ERROR, str(error)[:500] or type(error).__name__)
        return [_result(SETUP, ruling, None, clock.monotonic() - began, "")]


def _run(job: _Job) -> list[dict[str, Any]]:
    free_mb = _free_mb(job.settings)
    if free_mb < job.floor_mb:
        raise _CannotRun(f"only {free_mb:.0f} MB are free on this host, less than disk.floor_mb")
    commits = _commits(job)
    results: list[dict[str, Any]] = []
    with slots.take(job.settings.town, job.rig.name, count=job.settings.gate_runners, given_up=job.given_up) as slot:
        for number, (commit, tree) in enumerate(commits, 1):
            slot.check_out(job.repository.land, commit, fresh=job.run.attempt > 1)
            step = {"step": number, "steps": len(commits), "tree": tree} if len(commits) > 1 else {}
            found = [{**result, **step} for result in _run_all(job, slot)]
            if any(result["verdict"] != Verdict.PASS for result in found):
                return found  # what passed before it tells nobody anything
            results += found
    return results


def _run_all(job: _Job, slot: slots.Slot) -> list[dict[str, Any]]:
    """The set-up command and the gates on what is checked out, up to the first that does not pass."""
    results: list[dict[str, Any]] = []
    if job.rig.setup_command:
        result = _run_one(job, slot, SETUP, job.rig.setup_command, job.timeout_s)
        if result["verdict"] != Verdict.PASS:
            return [result]
    for gate in job.gates:
        results.append(_run_one(job, slot, gate.name, gate.command, gate.timeout_s or job.timeout_s))
        if results[-1]["verdict"] != Verdict.PASS:
            break
    return results


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
    if not repository.land.exists() or not repository.has(run.base_oid):
        repository.target()
    if not job.heads:
        found, commit = git.tree_of(repository.land, run.base_oid), run.base_oid
    elif repository.has(run.commit_oid):
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


def _run_one(job: _Job, slot: slots.Slot, name: str, text: str, timeout_s: float) -> dict[str, Any]:
    began = clock.monotonic()
    path = job.log_of(name)
    ended: Ended = command.run(slot.shell(), text, log=path, timeout_s=timeout_s, given_up=job.given_up)
    ruling = _rule_setup(ended) if name == SETUP else rule(ended)
    log.info("%s: %s (%s)", name, ruling.verdict, ruling.why)
    return _result(name, ruling, ended, clock.monotonic() - began, str(path))


def _rule_setup(ended: Ended) -> Ruling:
    """Setting up tests nothing, so that its words are not looked at: exit 0 or not."""
    if ended.exit_code == 0 and not ended.timed_out:
        return Ruling(Verdict.PASS, "exit 0")
    why = "did not end in its time" if ended.timed_out else f"ended with {ended.exit_code}"
    return Ruling(Verdict.INFRASTRUCTURE_ERROR, f"the set-up command {why}")


def _result(gate: str, ruling: Ruling, ended: Ended | None, seconds: float, path: str) -> dict[str, Any]:
    return {
        "gate": gate,
        "verdict": ruling.verdict.value,
        "why": ruling.why,
        "exit_code": ended.exit_code if ended else None,
        "seconds": round(seconds, 3),
        "tail": tail(ended.output) if ended else "",
        "log": path,
    }
