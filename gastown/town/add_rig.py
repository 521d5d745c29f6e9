"""Adding a repository: everything that can be wrong with it is found out before anything is made.

The act spans git and SQL: words are checked, the remote is asked, the two repositories are built, the row comes last.
Until then a marker in the rig's folder says that nobody can have worked there, so that a second try, after a crash of
the first, may start from nothing. Hosts that join later build their own repositories from the row.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from gastown import config, git, patrols, policy, queue, rigs, runtimes
from gastown.errors import Conflict, Refused
from gastown.ids import check_label_name, check_prefix, check_rig_name
from gastown.town import gate_words
from gastown.town.landing_words import check_landing
from gastown.town.prefixes import choose_prefix

Units = Callable[[], AbstractContextManager[Session]]
_MARKER = ".adding"


class FolderTaken(Conflict):
    """Something that no add has left lies where the rig's folder would be."""


class TargetTaken(Conflict):
    """Another rig lands on the same branch of the same repository."""


class CheckoutInUse(Refused):
    """Landing into this checkout would touch what somebody is working on."""


@dataclass(frozen=True)
class Request:
    """What a person asks for. None: find it out."""

    name: str
    source: str
    cwd: Path
    prefix: str | None = None
    branch: str | None = None
    gates: Sequence[rigs.GateSpec] = ()
    no_gates: bool = False
    setup_command: str = ""
    agent: str = ""
    landing: rigs.LandingStyle = rigs.LandingStyle.MERGE
    provider: str = ""
    areas: rigs.Areas = field(default_factory=dict)


@dataclass(frozen=True)
class Added:
    """A rig that is now the town's, and what a person should know of it."""

    rig: rigs.Rig
    gates: Sequence[rigs.Gate]
    warnings: Sequence[str]


@dataclass(frozen=True)
class _Found:
    """What the remote said."""

    source: git.Source
    branch: str


def add(request: Request, settings: config.Settings, *, read: Units, write: Units, actor: str) -> Added:
    """Make a repository a rig: build its repositories on this host, then register it and let workers know.

    Refuses, having made nothing: bad names, a taken name or prefix, no gates, a gate or preset that does not exist, a
    remote that does not answer, has no such branch, or takes no pushes. A failure on the way leaves nothing behind.
    """
    check_words(request)
    with read() as session:
        rigs.check_free(session, request.name, request.prefix)
        prefix = request.prefix or choose_prefix(request.name, rigs.taken_prefixes(session))
        agent = request.agent or policy.load(session).text("default_agent")
        preset = runtimes.catalog.get(agent, policy.presets(session))
    gate_words.check_programs(request.gates, request.setup_command)
    found = _ask_remote(request)
    check_landing(request.landing, request.provider, found.source.url)
    with read() as session:
        _check_target_free(session, found)
    rigs.rig_dir(settings.town, request.name).parent.mkdir(parents=True, exist_ok=True)
    with _folder(settings.town, request.name, read):
        support = _build(request, found, settings.town)
        new = rigs.NewRig(
            name=request.name,
            prefix=prefix,
            remote_url=found.source.url,
            branch=found.branch,
            gates=request.gates,
            no_gates=request.no_gates,
            setup_command=request.setup_command,
            agent=request.agent,
            push_atomic=support.atomic,
            push_fence=support.fence_refs,
            updates_checkout=found.source.checkout is not None,
            landing=request.landing,
            provider=request.provider,
            areas=request.areas,
        )
        rig, gates = _register(new, write, actor)
    queue.announce_rig(rig.name)
    faults = [
        ". ".join(filter(None, (fault.message.rstrip("."), fault.hint)))
        for fault in patrols.faults_of(preset, config.environment())
    ]
    return Added(rig, gates, [*_warn(request, found, support), *faults])


def check_words(request: Request) -> None:
    """Refuse what can be seen to be wrong without asking anybody."""
    check_rig_name(request.name)
    if request.prefix is not None:
        check_prefix(request.prefix)
    if request.branch is not None:
        git.check_branch_name(request.branch)
    if request.agent:
        check_label_name(request.agent)
    if not request.gates and not request.no_gates:
        raise rigs.NoGates(
            f"rig {request.name} has no gate",
            hint="Give --gate NAME=COMMAND (what must pass before work lands), or --no-gates to test nothing.",
        )
    gate_words.check_gates(request.gates, no_gates=request.no_gates)
    rigs.check_areas(request.areas)
    if request.setup_command:
        gate_words.check_command(request.setup_command, gate_words.SETUP)


def _ask_remote(request: Request) -> _Found:
    source = git.resolve_source(request.source, cwd=request.cwd)
    branch = request.branch or git.default_branch(source.url)
    git.probe(source.url, branch)
    if source.checkout is not None:
        answer = git.checkout_accepts(source.checkout, branch)
        if not answer.accepted:
            raise CheckoutInUse(
                f"work cannot land in {source.checkout}: {answer.reason}",
                hint="Commit what you have there, check out another branch, or give the repository an origin.",
            )
    return _Found(source, branch)


def _check_target_free(session: Session, found: _Found) -> None:
    """Two merge queues on one branch would undo each other's expectations for ever."""
    for rig in rigs.list_all(session):
        if (rig.remote_url, rig.branch) == (found.source.url, found.branch):
            raise TargetTaken(
                f"rig {rig.name} lands on {rig.branch} of that repository already",
                hint=f"Sling to {rig.name}, or name another --branch.",
            )


@contextmanager
def _folder(town: Path, name: str, read: Units) -> Iterator[Path]:
    """The rig's folder, new; gone again if the block raises. One add of a name at a time on this host."""
    folder = rigs.rig_dir(town, name)
    with git.exclusive(folder.with_name(f".{name}.flock")):
        with read() as session:
            rigs.check_free(session, name, None)  # before anything is removed: the folder may have become somebody's
        if folder.exists():
            if not (folder / _MARKER).exists():
                raise FolderTaken(
                    f"{folder} is there already", hint="Move it away, or choose another name for the rig."
                )
            shutil.rmtree(folder)
        folder.mkdir()
        (folder / _MARKER).touch()
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / _MARKER).unlink(missing_ok=True)


def _build(request: Request, found: _Found, town: Path) -> git.PushSupport:
    land = rigs.land_git(town, request.name)
    oid = git.create_land(land, found.source.url, found.branch)
    if not request.setup_command:  # which might make the file
        gate_words.check_files(request.gates, land, oid)
    support = git.try_push(land, found.branch)
    git.create_work(rigs.work_git(town, request.name), land, found.branch)
    return support


def _register(new: rigs.NewRig, write: Units, actor: str) -> tuple[rigs.Rig, Sequence[rigs.Gate]]:
    try:
        with write() as session:
            rig = rigs.add(session, new, actor=actor)
            session.flush()
            return rig, rigs.list_gates(session, new.name)
    except IntegrityError:
        raise rigs.RigExists(
            f"the name {new.name!r} or the prefix was taken meanwhile", hint="Choose another."
        ) from None


def _warn(request: Request, found: _Found, support: git.PushSupport) -> Iterator[str]:
    if request.no_gates:
        yield "Nothing is tested: whatever merges cleanly lands."
    if found.source.via is not None and found.source.checkout is None:
        yield f"Work lands on {git.redact(found.source.url)}, the origin of {found.source.via}, not in that folder."
    if found.source.checkout is not None:
        yield (
            f"Work lands in {found.source.checkout} itself: while {found.branch} is checked out there and its tree is "
            "not clean, nothing can land."
        )
    if not support.atomic or not support.fence_refs:
        yield "The remote takes no atomic push with a fence ref: the target's own compare-and-swap decides landings."
