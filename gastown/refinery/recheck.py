"""Running a rig's gates once more on a commit of this host, for those who want to see it. Records nothing."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gastown import git, rigs
from gastown.config import Settings
from gastown.refinery import checks, slots
from gastown.refinery.candidate import Repository
from gastown.refinery.checks import Bench, Result
from gastown.refinery.gate_logs import logs_folder
from gastown.refinery.models import Verdict
from gastown.refinery.verdicts import overall
from gastown.rigs import Gate, Rig


@dataclass(frozen=True)
class Tried:
    """What a person's own run of the gates came to."""

    commit: str
    tree: str
    verdict: Verdict
    """Of the gates that are required; of all, where none of them is."""
    results: Sequence[Result]


def recheck(
    settings: Settings, rig: Rig, gates: Sequence[Gate], commit: str, *, timeout_s: float, given_up: Callable[[], bool]
) -> Verdict:
    """The verdict of the rig's gates on `commit` of `land.git`, each within `timeout_s`; takes a gate slot meanwhile.

    Raises the git door's errors, OSError, and `command.Stopped` as soon as `given_up()` says so.
    """
    wanted = rigs.deciding(gates)
    count = settings.gate_runners
    with slots.take(settings.town, rig.name, count=count, given_up=given_up) as slot:
        bench = _bench(settings, rig, commit, slot, timeout_s, given_up)
        results = checks.run_all(bench, rig.setup_command, wanted)
    return overall([Verdict(result["verdict"]) for result in results])


def try_gates(
    settings: Settings, rig: Rig, gates: Sequence[Gate], rev: str, *, timeout_s: float, given_up: Callable[[], bool]
) -> Tried:
    """Run these gates now on a commit of the rig, by default on its target as it stands at the remote.

    They have a slot of their own, so that none of the queue's runs waits for them; one such run a rig and host at a
    time. Raises `ObjectMissing` for a commit that is neither here nor at the remote, `NoSlot`, and what `recheck` does.
    """
    repository = Repository.of(settings.town, rig)
    commit = _find(repository, rev)
    with slots.take_spare(settings.town, rig.name, given_up=given_up) as slot:
        bench = _bench(settings, rig, commit, slot, timeout_s, given_up)
        required = [gate for gate in gates if gate.is_required]
        results = checks.run_all(bench, rig.setup_command, required)
        ran = not any(result["gate"] == checks.SETUP for result in results)
        results += checks.advise(bench, [gate for gate in gates if not gate.is_required]) if ran else []
    counted = [result for result in results if not required or not result.get("is_advisory")]
    verdict = overall([Verdict(result["verdict"]) for result in counted])
    return Tried(commit, git.tree_of(repository.land, commit), verdict, results)


def _find(repository: Repository, rev: str) -> str:
    """The commit; looked for here, then at the remote, then among what this host's agents have made."""
    if not rev:
        return repository.target()
    if repository.land.exists():
        with suppress(git.ObjectMissing):
            return git.resolve_commit(repository.land, rev)
    repository.target()
    with suppress(git.ObjectMissing, git.BadObjectId):
        if repository.work.exists():
            git.fetch_head(repository.land, repository.work, rev)
    return git.resolve_commit(repository.land, rev)


def _bench(
    settings: Settings, rig: Rig, commit: str, slot: slots.Slot, timeout_s: float, given_up: Callable[[], bool]
) -> Bench:
    land = rigs.land_git(settings.town, rig.name)
    slot.check_out(land, commit, fresh=False)
    told = {"GATE_COMMIT": commit, "GATE_TREE": git.tree_of(land, commit), "GATE_BRANCH": rig.branch}
    folder = logs_folder(settings.town)

    def log_of(gate: str) -> Path:
        return folder / f"{rig.name}-{commit[:12]}-{gate}.log"

    return Bench(slot.shell(), {**told, "GATE_BASE": commit}, timeout_s, log_of, given_up)
