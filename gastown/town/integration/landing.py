"""Landing an epic's integration branch, and clearing up after it.

The branch is handed in for the epic itself, to the merge queue of the rig that it came from: there it is gated and
lands as one, and that closes the epic. Killed anywhere, the same again goes on.
"""

from dataclasses import dataclass
from pathlib import Path

from gastown import beads, config, git, refinery, rigs, sling
from gastown.errors import Conflict
from gastown.git import Pushed
from gastown.refinery import Traces
from gastown.sling import Submission
from gastown.town.add_rig import Units
from gastown.town.integration.standing import Standing, find, look
from gastown.town.remove_rig import RigBusy, remove


class NotReady(Conflict):
    """Something is missing before the branch can land."""


@dataclass(frozen=True)
class Cleared:
    """What became of an integration branch that has landed."""

    is_removed: bool
    """Whether this has taken its rig off the list."""
    is_deleted: bool
    """Whether this has deleted the branch at the remote."""
    kept: str = ""
    """What is still there, and why; empty: nothing is left to do."""


def hand_in(epic_name: str, settings: config.Settings, *, read: Units, write: Units, actor: str) -> Submission:
    """Hand the branch in; what is in the queue for the epic already is left as it is. Refuses one that is not ready."""
    standing = look(settings.town, read, epic_name)
    epic = standing.epic.id
    with read() as session:
        under_way = refinery.find_open(session, epic)
        if under_way is not None and under_way.state in refinery.IN_QUEUE:
            head = refinery.list_heads(session, under_way.id or 0)[-1]
            return Submission(epic, under_way.rig, under_way.id or 0, head.head_oid, head.branch)
    _check(standing)
    with read() as session:
        rig, branch = standing.of.name, standing.rig.branch
        sought = sling.find_work(settings.town, session, epic, rig=rig, branch=branch)
    work = sought.fetch(None)
    with write() as session:
        now = find(session, beads.get(session, epic))
        _check(now)
        if now.rig.target_oid != standing.rig.target_oid:  # something has landed on it since it was looked at
            raise NotReady(f"{branch} has just moved", hint="Try again.")
        beads.mark_slung(session, epic, is_code=True, actor=actor)
        return sling.submit_by_hand(session, work, actor=actor)


def _check(standing: Standing) -> None:
    if standing.missing:
        raise NotReady(
            f"{standing.rig.branch} does not land yet: {'; '.join(standing.missing)}",
            hint=f"`gt mq integration status {standing.epic.id}` shows how it stands.",
        )


def has_landed(read: Units, epic_name: str) -> Standing | None:
    """How the branch stands if the epic has landed; None if that is still to come."""
    with read() as session:
        standing = find(session, beads.find(session, epic_name))
    return standing if standing.epic.landed_sha else None


def clear_up(standing: Standing, settings: config.Settings, *, read: Units, write: Units, actor: str) -> Cleared:
    """Take the rig of a landed branch off the list and delete the branch, if all its work is on the target.

    What is on it besides, such as work that landed there too late, keeps both.
    """
    branch, of = standing.rig.branch, standing.of
    with read() as session:
        traces = Traces()
        traces.add(session, standing.epic.id)
        halted = rigs.find_freeze(session, of)
        said = sling.read_integration(standing.epic)
    if halted:
        return Cleared(False, False, f"{branch} and its rig: {halted}")
    land = rigs.land_git(settings.town, of.name)
    tip = _find_tip(land, standing)
    if tip and not traces.find_in(land, [tip], git.fetch_target(land, of.branch)):
        why = f"{branch} has commits whose work is not known to be on {of.branch}, and so rig {standing.rig.name} stays"
        return Cleared(
            False, False, f"{why} (`gt land BEAD {of.name} --branch {branch}` lands them for a bead of theirs)"
        )
    is_removed = False
    if standing.rig.removed_at is None:
        try:
            with write() as session:
                remove(session, standing.rig.name, actor=actor)
        except RigBusy as error:
            return Cleared(False, False, f"{branch}, since {error.message} (the same again when that has ended)")
        is_removed = True
    if tip is None or said is None or not said.is_made:
        return Cleared(is_removed, False, f"{branch}, which was there before" if tip else "")
    with read() as session:
        if any((rig.remote_url, rig.branch) == (of.remote_url, branch) for rig in rigs.list_all(session)):
            return Cleared(is_removed, False, f"{branch}, which another rig lands on")
    outcome = git.delete_branch(land, branch, expect=tip)
    if outcome.kind is Pushed.LANDED:
        return Cleared(is_removed, True)
    return Cleared(is_removed, False, f"{branch}, since the remote does not delete it: {outcome.reason or 'it moved'}")


def _find_tip(land: Path, standing: Standing) -> str | None:
    """Where the branch is at the remote; None where it is gone."""
    if not land.exists():
        git.create_land(land, standing.of.remote_url, standing.of.branch)
    ref = f"refs/heads/{standing.rig.branch}"
    return git.fetch_branch(land, standing.rig.branch) if ref in git.ls(land, [ref]) else None
