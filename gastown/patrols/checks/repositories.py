"""The rigs' repositories on this host are there and configured as the town made them."""

from collections.abc import Iterable, Iterator

from gastown import git, rigs
from gastown.git import Drift
from gastown.patrols.findings import Category, Check, Fault, Hands, Here, NotMended, error, warning


def look(here: Here) -> Iterable[Fault]:
    """The configuration of `land.git` and of the trusted view of `work.git`: what stands there, git obeys."""
    with here.read() as session:
        found = list(rigs.list_all(session))
    for rig in found:
        yield from _look_at(here, rig)


def _look_at(here: Here, rig: rigs.Rig) -> Iterator[Fault]:
    work = rigs.work_git(here.settings.town, rig.name)
    polecats = rigs.polecats_dir(here.settings.town, rig.name)
    if not work.exists() and polecats.is_dir() and any(polecats.iterdir()):
        yield error(rig.name, "work.git is gone, and worktrees hang on it", f"Put {work} back from where it went.")
    for drift in _drifts(here, rig):
        yield warning(
            f"{rig.name} {drift.repository.name}",
            f"its configuration was changed: {', '.join(drift.keys[:5])}",
            f"Compare {drift.repository / 'config'}; `gt doctor --fix --check repositories` writes the town's again.",
        )


def _drifts(here: Here, rig: rigs.Rig) -> list[Drift]:
    land, work = rigs.land_git(here.settings.town, rig.name), rigs.work_git(here.settings.town, rig.name)
    return git.find_drifts(land, work, url=rig.remote_url, branch=rig.branch)


def mend(hands: Hands, fault: Fault) -> str:
    """Write the town's configuration again; what stood there is kept beside it."""
    name, _, repository = fault.subject.partition(" ")
    with hands.here.read() as session:
        rig = rigs.get(session, name)
    for drift in _drifts(hands.here, rig):
        if drift.repository.name == repository:
            kept = git.mend_drift(drift)
            return f"wrote the town's configuration again; what stood there is in {kept}"
    if not repository:
        raise NotMended("only whoever moved it knows where it is")
    return ""


CHECK = Check(
    "repositories",
    look,
    "the rigs' repositories are as the town made them",
    category=Category.RIG,
    mend=mend,
    is_local=True,
)
