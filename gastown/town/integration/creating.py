"""Making an epic's integration branch. First it is written down, then the branch is made, then its rig.

Killed anywhere, the same again goes on: what was written down says where the branch begins, wherever the target has
gone since. Nothing is slung to the rig before it exists.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import beads, config, git, rigs, sling
from gastown.beads import Bead, BeadStatus
from gastown.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from gastown.git import Pushed
from gastown.rigs import LandingStyle, Rig
from gastown.sling import Integration
from gastown.town import add_rig
from gastown.town.add_rig import TargetTaken, Units

_LONGEST_NAME = 40


class NoEpic(Invalid):
    """Only the beads under an open epic can have an integration branch."""


class HasBranch(Conflict):
    """The epic has an integration branch."""


class NoHome(NotFound):
    """No rig has the epic's prefix."""


class NotThere(Refused):
    """The rig is one that integration branches cannot be made from, or not now."""


@dataclass(frozen=True)
class Created:
    """An epic's integration branch: the target of this rig."""

    epic_id: str
    rig: Rig
    warnings: Sequence[str]


@dataclass(frozen=True)
class _Plan:
    """What is to be made."""

    epic_id: str
    before: Integration | None
    """What was written down by a try that did not come to its end."""
    name: str
    prefix: str
    branch: str
    gates: tuple[rigs.GateSpec, ...]
    of: Rig = field(compare=False)


def create(
    epic_name: str, branch: str | None, settings: config.Settings, *, read: Units, write: Units, actor: str
) -> Created:
    """Make the branch from the rig's target as it stands, and a rig with the same gates for it.

    Refuses a bead that is no open epic, or has such a branch already, a rig that lands by pull requests, and a branch
    that exists with other commits.
    """
    with read() as session:
        epic = beads.find(session, epic_name)
        rig = _check_epic(session, epic)
        plan = None if rig else _plan(session, epic, branch)
    warnings: Sequence[str] = ()
    if plan is not None:
        _make_branch(plan, settings, write, actor)
        added = add_rig.add(_request(plan, settings), settings, read=read, write=write, actor=actor)
        rig, warnings = added.rig, added.warnings
    assert rig is not None
    with write() as session:
        beads.mark_slung(session, epic.id, is_code=True, actor=actor)  # from here on only its landing closes it
    return Created(epic.id, rig, warnings)


def _make_branch(plan: _Plan, settings: config.Settings, write: Units, actor: str) -> None:
    land = rigs.land_git(settings.town, plan.of.name)
    if not land.exists():
        git.create_land(land, plan.of.remote_url, plan.of.branch)
    target = git.fetch_target(land, plan.of.branch)
    ref = f"refs/heads/{plan.branch}"
    there = git.ls(land, [ref]).get(ref)
    before = plan.before
    if before and not (git.has_commit(land, before.base) and git.is_ancestor(land, before.base, target)):
        before = None  # of another repository, or the target was put back
    base = before.base if before else target
    if there not in (None, base):
        raise _taken(plan.branch, str(there))
    is_made = before.is_made if before else there is None
    with write() as session:
        if _plan(session, beads.get(session, plan.epic_id), plan.branch) != plan:
            raise HasBranch(f"somebody else has just changed {plan.epic_id}", hint="Look at it, and try again.")
        said = Integration(plan.name, plan.branch, plan.of.name, base, is_made)
        beads.update(session, plan.epic_id, {"merge_metadata": said.as_metadata()}, actor=actor)
    if there is None:
        _push(land, plan.branch, base)


def _plan(session: Session, epic: Bead, branch: str | None) -> _Plan:
    of = _home(session, epic)
    before = sling.read_integration(epic)
    if before is not None and (session.get(Rig, before.rig) is not None or branch not in (None, before.branch)):
        before = None  # its rig is gone again, or another's; or another branch is wanted
    branch = git.check_branch_name(branch or (before.branch if before else f"integration/{epic.id}"))
    for rig in rigs.list_all(session):
        if (rig.remote_url, rig.branch) == (of.remote_url, branch):
            raise TargetTaken(f"rig {rig.name} lands on {branch} already", hint="Name another: --branch B.")
    own = sling.own_prefixes(epic.id)
    used = session.exec(select(Bead.prefix).where(col(Bead.prefix).in_(own)).distinct()).all()
    taken = rigs.taken_prefixes(session).union(used)
    free = [prefix for prefix in own if prefix not in taken]
    if not free:
        raise HasBranch(f"{epic.id} has had too many integration branches", hint="Give its beads to a new epic.")
    name = before.rig if before else next(name for name in _names(of.name, epic.id) if session.get(Rig, name) is None)
    gates = tuple(rigs.spec_of(gate) for gate in rigs.list_gates(session, of.name))
    return _Plan(epic.id, before, name, free[0], branch, gates, of)


def _check_epic(session: Session, epic: Bead) -> Rig | None:
    """Refuse what can have no integration branch, or has one; the rig that a try has made which did not end."""
    if epic.issue_type != "epic":
        kind = epic.issue_type or "bead without a type"
        raise NoEpic(
            f"{epic.id} is a {kind}, and no epic", hint="Put what belongs together under one: bd create --parent."
        )
    if epic.status == BeadStatus.CLOSED:
        raise NoEpic(f"{epic.id} is closed", hint=f"`bd reopen {epic.id}` first, if there is more to do.")
    rig = sling.find_own_rig(session, epic)
    if rig is None or rig.removed_at is not None:
        return None
    if epic.is_code:
        raise HasBranch(
            f"{epic.id} has an integration branch: {rig.branch}, of rig {rig.name}",
            hint=f"`gt mq integration status {epic.id}` shows how it stands.",
        )
    return rig


def _home(session: Session, epic: Bead) -> Rig:
    rig = sling.find_home(session, epic)
    if rig is None:
        raise NoHome(
            f"no rig has the prefix of {epic.id}", hint="Make the epic in a rig: bd create --rig RIG --type epic."
        )
    if rig.landing is LandingStyle.PULL:
        raise NotThere(
            f"rig {rig.name} lands by pull requests: its provider has each change reviewed, and a branch that the town "
            "pushes to by itself would go round that",
            hint="Land its beads one by one; a convoy shows them together.",
        )
    halted = rigs.find_freeze(session, rig)
    if halted:
        raise NotThere(f"nothing is pushed just now: {halted}")
    return rig


def _names(of: str, epic_id: str) -> Iterator[str]:
    """Names for the rig, which must not be taken for beads: `app-epic-a1b2`, then numbered."""
    short = re.sub(r"[^a-z0-9_-]+", "-", epic_id.rpartition("-")[2].lower())[:20].strip("-") or "epic"
    for number in range(1, 1000):
        end = f"-epic-{short}" + (f"-{number}" if number > 1 else "")
        yield of[: _LONGEST_NAME - len(end)] + end


def _taken(branch: str, oid: str) -> git.BranchTaken:
    return git.BranchTaken(
        f"the remote has a branch {branch} with other commits (it is at {oid[:12]})", hint="Name another: --branch B."
    )


def _push(land: Path, branch: str, base: str) -> None:
    outcome = git.push_branch(land, branch, base, expect=None)
    match outcome.kind:
        case Pushed.LANDED:
            return
        case Pushed.TARGET_MOVED:
            tip = git.fetch_branch(land, branch)
            if tip != base:
                raise _taken(branch, tip)
        case Pushed.REFUSED:
            raise git.PushForbidden(
                f"the remote does not let us make {branch}: {outcome.reason}",
                hint="Name a branch that it lets us push.",
            )
        case _:
            raise Unavailable(f"it is not known yet whether {branch} was made: {outcome.reason}", hint="Try again.")


def _request(plan: _Plan, settings: config.Settings) -> add_rig.Request:
    return add_rig.Request(
        name=plan.name,
        source=plan.of.remote_url,
        cwd=settings.town,
        prefix=plan.prefix,
        branch=plan.branch,
        gates=plan.gates,
        no_gates=plan.of.no_gates,
        setup_command=plan.of.setup_command,
        agent=plan.of.agent,
    )
