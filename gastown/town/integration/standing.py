"""How integration branches stand: what is on them, what is still to come, and what keeps each from landing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlmodel import Session, col, select

from gastown import beads, git, refinery, rigs, sling
from gastown.beads import Bead, BeadStatus
from gastown.errors import GastownError, NotFound
from gastown.refinery import RequestState
from gastown.rigs import Rig, TargetState
from gastown.town.add_rig import Units
from gastown.town.remove_rig import list_under_way

_SHOWN = 5


class NoBranch(NotFound):
    """The bead has no integration branch."""


@dataclass(frozen=True)
class Standing:
    """An epic's integration branch."""

    epic: Bead
    rig: Rig
    """Whose target it is; removed once all is cleared up."""
    of: Rig
    """On whose target it lands."""
    open: Sequence[str]
    """The beads under the epic that are not closed."""
    closed: int
    under_way: Sequence[str]
    """The beads that hang on a hook in its rig, or are in its merge queue."""
    request: RequestState | None
    """How far its own landing is."""
    distance: git.Distance | None = None
    """Its commits that the target lacks, and the other way round; None: nobody has asked the remote, or it is away."""
    missing: Sequence[str] = field(default_factory=tuple)
    """What keeps it from landing."""

    @property
    def state(self) -> str:
        """In a word."""
        if self.epic.landed_sha:
            return "landed"
        if self.request in refinery.IN_QUEUE:
            return "landing"
        return "waits" if self.missing else "ready"


def find(session: Session, epic: Bead) -> Standing:
    """How the branch stands by what is in SQL; refuses a bead that has none."""
    rig, said = sling.find_own_rig(session, epic), sling.read_integration(epic)
    of = session.get(Rig, said.of) if said else None
    is_gone = rig is not None and rig.removed_at is not None and not epic.landed_sha
    if rig is None or is_gone or of is None or of.remote_url != rig.remote_url:
        raise NoBranch(f"{epic.id} has no integration branch", hint=f"`gt mq integration create {epic.id}` makes one.")
    below = sling.list_below(session, epic.id)
    request = refinery.find_open(session, epic.id)
    standing = Standing(
        epic,
        rig,
        of,
        [name for name, status in below.items() if status != BeadStatus.CLOSED],
        sum(status == BeadStatus.CLOSED for status in below.values()),
        list_under_way(session, rig.name),
        request.state if request else None,
    )
    return replace(standing, missing=_missing(standing))


def _missing(standing: Standing) -> list[str]:
    epic, rig, of = standing.epic, standing.rig, standing.of
    found = []
    if epic.status == BeadStatus.CLOSED:
        found.append(f"{epic.id} is closed")
    if epic.is_blocked:
        found.append(f"{epic.id} is blocked: `bd show {epic.id}` says by what")
    if rig.removed_at is not None or of.removed_at is not None:
        found.append(f"rig {(of if of.removed_at else rig).name} was removed")
    if standing.open:
        found.append(f"open under {epic.id}: {_names(standing.open)}")
    elif not standing.closed:
        found.append(f"there is no bead under {epic.id}")
    if standing.under_way:
        found.append(f"under way in rig {rig.name}: {_names(standing.under_way)}")
    for one in (of, rig):
        if one.target_state in (TargetState.RED, TargetState.BROKEN):
            found.append(f"{one.branch} is {one.target_state.value}: `gt mq status {one.name}` says why")
    return found


def _names(bead_ids: Sequence[str]) -> str:
    rest = len(bead_ids) - _SHOWN
    return ", ".join(bead_ids[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def look(town: Path, read: Units, epic_name: str) -> Standing:
    """The same, with what the remote says of the branch; one that is away is among what is missing."""
    with read() as session:
        standing = find(session, beads.find(session, epic_name))
    if standing.rig.removed_at is not None:
        return standing
    try:
        distance = _measure(town, standing)
    except GastownError as error:
        return replace(standing, missing=[*standing.missing, error.message])
    if distance.ahead:
        return replace(standing, distance=distance)
    none = f"{standing.rig.branch} has no commit that {standing.of.branch} lacks"
    return replace(standing, distance=distance, missing=[*standing.missing, none])


def _measure(town: Path, standing: Standing) -> git.Distance:
    land = rigs.land_git(town, standing.of.name)
    if not land.exists():
        git.create_land(land, standing.of.remote_url, standing.of.branch)
    target = git.fetch_target(land, standing.of.branch)
    return git.distance(land, target, git.fetch_branch(land, standing.rig.branch))


def look_at_all(town: Path, read: Units) -> list[Standing]:
    """Every integration branch whose rig is not cleared up yet, by epic."""
    with read() as session:
        epics = session.exec(select(Bead).where(Bead.issue_type == "epic").order_by(col(Bead.id))).all()
        found = [epic.id for epic in epics if (rig := sling.find_own_rig(session, epic)) and rig.removed_at is None]
    return [look(town, read, name) for name in found]
