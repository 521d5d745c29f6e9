"""Work that a person hands in: a branch at the rig's remote goes the same road as an agent's `gt done`.

What lands belongs to an attempt, which has the fence that every effect names; so there is one here, too. It never runs:
nobody's session is behind it.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from gastown import assignments, beads, git, refinery, rigs
from gastown.assignments import AssignmentState
from gastown.errors import Conflict, Invalid
from gastown.rigs import Rig
from gastown.sling.execute import rig_of, sling
from gastown.sling.plan import Target
from gastown.sling.submission import Submission


class NothingToLand(Invalid):
    """The commit is part of the target, or not on the branch that was named."""


class AtWork(Conflict):
    """An agent works on the bead: what it hands in would come after this, and win."""


@dataclass(frozen=True)
class Work:
    """A bead and the commit that is to land for it."""

    bead_id: str
    rig: Rig
    branch: str
    head_oid: str
    base_oid: str
    """Where the branch left the target; empty where the two share no history."""


def find_work(town: Path, session: Session, bead_name: str, *, rig: str | None, branch: str | None) -> "Sought":
    """What is to be looked for at the remote: without `branch`, the branch of the bead's last attempt."""
    bead = beads.find(session, bead_name)
    row = rigs.get(session, rig) if rig else rig_of(session, bead)
    last = next((past.branch for past in reversed(assignments.history(session, bead.id)) if past.branch), None)
    if not (branch or last):
        raise Invalid(f"{bead.id} has no branch yet", hint="Push your branch to the remote and name it: --branch B.")
    return Sought(bead.id, row, branch or last or "", rigs.land_git(town, row.name))


@dataclass(frozen=True)
class Sought:
    """A branch of a rig's remote, not looked at yet."""

    bead_id: str
    rig: Rig
    branch: str
    land: Path

    def fetch(self, head: str | None) -> Work:
        """Fetch it: its newest commit, or `head`, which must be on it. Asks the remote; no transaction may be open.

        Raises `BranchMissing` and `RemoteUnreachable`; refuses a commit that the target has already.
        """
        if not self.land.exists():
            git.create_land(self.land, self.rig.remote_url, self.rig.branch)
        target = git.fetch_target(self.land, self.rig.branch)
        tip = git.fetch_branch(self.land, self.branch)
        oid = head or tip
        if oid != tip and not (git.has_commit(self.land, oid) and git.is_ancestor(self.land, oid, tip)):
            raise NothingToLand(
                f"commit {oid[:12]} is not on the remote's branch {self.branch}",
                hint=f"Push it there first, or leave --head out: the branch is at {tip[:12]}.",
            )
        if git.is_ancestor(self.land, oid, target):
            raise NothingToLand(
                f"commit {oid[:12]} is part of {self.rig.branch} already", hint="There is nothing to land."
            )
        return Work(self.bead_id, self.rig, self.branch, oid, git.merge_base(self.land, oid, target) or "")


def submit_by_hand(session: Session, work: Work, *, actor: str) -> Submission:
    """Hand the commit to the rig's merge queue in the name of `actor`: attempt, bead and request in one transaction.

    An attempt that waits for an agent, such as a rework, is taken over; a bead that hangs on no hook gets one. Refuses
    while an agent is at work on the bead. The same again changes nothing.
    """
    row = assignments.find_open(session, work.bead_id)
    if row is not None and row.state is AssignmentState.RUNNING:
        raise AtWork(
            f"{row.polecat} is at work on {work.bead_id}",
            hint=f"`gt unsling {work.bead_id}` stops it and keeps its commits; then submit.",
        )
    again = refinery.find_open(session, work.bead_id)
    if row is None and again is not None and again.state in refinery.IN_QUEUE:
        head = refinery.list_heads(session, again.id or 0)[-1]
        if head.head_oid == work.head_oid:
            return Submission(work.bead_id, again.rig, again.id or 0, work.head_oid, head.branch)
        raise AtWork(
            f"{work.bead_id} is in the merge queue with another commit ({head.head_oid[:12]})",
            hint=f"`gt mq reject {work.bead_id} --reason ...` returns that one first.",
        )
    if row is None or row.rig != work.rig.name:
        (slung,) = sling(session, Target([work.bead_id], work.rig.name), actor=actor, force=True)
        row = assignments.get(session, slung.assignment_id)
    assignments.submit_by_hand(
        session, row, branch=work.branch, base_oid=work.base_oid, head_oid=work.head_oid, actor=actor
    )
    request = refinery.submit(
        session,
        assignment_id=row.id or 0,
        bead_id=row.bead_id,
        rig=row.rig,
        fence=row.fence,
        polecat=actor[:128],
        head_oid=work.head_oid,
        branch=work.branch,
        priority=row.priority,
        actor=actor,
    )
    return Submission(row.bead_id, row.rig, request.id or 0, work.head_oid, work.branch)
