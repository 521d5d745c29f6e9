"""Where molecules stand: who is where in one, how far it is, what may run side by side, and what is left over."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from gastown import beads
from gastown.beads import Bead, BeadStatus, DependencyType, Filters
from gastown.errors import Invalid
from gastown.molecules.endings import DIGEST
from gastown.molecules.errors import NotAMolecule
from gastown.molecules.trees import Tree, read_tree

LONG = 100  # steps above which a position is shown around the current step only
_AROUND = 5
_WORKING = (BeadStatus.IN_PROGRESS.value, BeadStatus.HOOKED.value)
_ORDERING = (*sorted(beads.BLOCKING_TYPES), DependencyType.WAITS_FOR.value)


class BadSpan(Invalid):
    """The text names no span of steps."""


@dataclass(frozen=True)
class Place:
    """One step, and how it stands."""

    bead: Bead
    status: str
    """done, current, ready, blocked or pending."""
    is_current: bool


@dataclass(frozen=True)
class Position:
    """Where somebody is in a molecule."""

    root: Bead
    assignee: str
    steps: list[Place]
    current: Bead | None
    next: Bead | None

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.steps)

    @property
    def completed(self) -> int:
        """How many are done."""
        return sum(place.status == "done" for place in self.steps)


def steps_of(tree: Tree) -> list[Bead]:
    """The steps of a molecule, its digests left out."""
    return [bead for bead in tree.steps if DIGEST not in bead.meta]


def find_molecule(session: Session, *, actor: str) -> list[str]:
    """The molecules in which this actor is at work: those of the steps that are in progress or on their hook."""
    working = session.exec(
        select(Bead)
        .where(Bead.assignee == actor, col(Bead.status).in_(_WORKING))
        .order_by(col(Bead.started_at).desc(), Bead.id)
    ).all()
    found: dict[str, None] = {}
    for bead in working:
        molecule = beads.molecule_of(session, bead.id)
        if molecule is not None:
            found[molecule] = None
        elif bead.issue_type == "molecule" or bead.ephemeral:
            found[bead.id] = None
    return list(found)


def locate(session: Session, root_id: str) -> Position:
    """How the steps of a molecule stand; refuses a bead without steps."""
    tree = read_tree(session, root_id)
    steps = steps_of(tree)
    if not steps:
        raise NotAMolecule(
            f"{root_id} has no steps", hint="A molecule is a bead with children: `bd mol pour` makes one."
        )
    current = next((bead for bead in steps if bead.status in _WORKING and not _is_group(bead, tree)), None)
    places = [Place(bead, _status(bead, tree), bead is current) for bead in steps]
    following = next((place.bead for place in places if place.status == "ready"), None)
    return Position(tree.root, tree.root.assignee or (current.assignee if current else ""), places, current, following)


def _is_group(bead: Bead, tree: Tree) -> bool:
    return bead.id in tree.parents.values()


def _status(bead: Bead, tree: Tree) -> str:
    if bead.status == BeadStatus.CLOSED:
        return "done"
    if bead.status in _WORKING or bead.status == BeadStatus.SUBMITTED:
        return "current"
    if bead.is_blocked:
        return "blocked"
    is_waiting = _is_group(bead, tree) and any(
        step.status != BeadStatus.CLOSED and tree.parents.get(step.id) == bead.id for step in tree.steps
    )
    return "ready" if beads.is_ready(bead) and not is_waiting else "pending"


def parse_span(text: str) -> tuple[int, int]:
    """The numbers of `1-50`."""
    first, dash, last = text.partition("-")
    if not (dash and first.isascii() and first.isdigit() and last.isascii() and last.isdigit() and len(text) < 16):
        raise BadSpan(f"--range {text[:20]!r} is not FIRST-LAST", hint="Write it like 1-50.")
    if not 1 <= int(first) <= int(last):
        raise BadSpan(f"--range {text[:20]!r} holds no step", hint="Steps are counted from 1.")
    return int(first), int(last)


def shown_places(position: Position, *, limit: int = 0, span: tuple[int, int] | None = None) -> list[Place] | None:
    """The steps to show: a span of numbers, the first `limit`, all of a short molecule; None for a long one."""
    if span is not None:
        return position.steps[span[0] - 1 : span[1]]
    if limit:
        return position.steps[:limit]
    return position.steps if position.total <= LONG else None


def around(position: Position) -> list[Place]:
    """The few steps about where the work is."""
    here = position.current or position.next
    place = next((number for number, one in enumerate(position.steps) if one.bead is here), 0)
    return position.steps[max(0, place - _AROUND) : place + _AROUND + 1]


@dataclass(frozen=True)
class Progress:
    """How far a molecule is, and how fast."""

    root: Bead
    total: int
    completed: int
    in_progress: int
    current: str
    rate: float | None
    """Steps an hour since the first was closed; None until two are."""
    eta: timedelta | None

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        eta = None if self.eta is None else round(self.eta.total_seconds() / 3600, 2)
        return {
            "molecule_id": self.root.id,
            "molecule_title": self.root.title,
            "total": self.total,
            "completed": self.completed,
            "in_progress": self.in_progress,
            "current_step_id": self.current,
            "percent": round(100 * self.completed / self.total, 1),
            **({} if self.rate is None else {"rate_per_hour": round(self.rate, 2)}),
            **({} if eta is None else {"eta_hours": eta}),
        }


def measure(session: Session, root_id: str) -> Progress:
    """How far a molecule is; refuses a bead without steps."""
    position = locate(session, root_id)
    counts = Counter(place.status for place in position.steps)
    ends = sorted(place.bead.closed_at for place in position.steps if place.bead.closed_at is not None)
    rate = None
    if len(ends) > 1 and ends[-1] > ends[0]:
        rate = (len(ends) - 1) / ((ends[-1] - ends[0]).total_seconds() / 3600)
    left = position.total - counts["done"]
    eta = timedelta(hours=min(left / rate, 24 * 365)) if rate and left else None
    here = position.current or position.next
    return Progress(
        position.root, position.total, counts["done"], counts["current"], here.id if here else "", rate, eta
    )


@dataclass(frozen=True)
class Lane:
    """One step among those that may run side by side."""

    bead: Bead
    is_ready: bool
    group: str
    blocked_by: list[str]
    blocks: list[str]
    can_parallel: list[str]


@dataclass(frozen=True)
class Lanes:
    """A molecule in groups: each group waits only for groups before it."""

    root: Bead
    groups: dict[str, list[str]]
    steps: list[Lane]

    def as_json(self) -> dict[str, object]:
        """What `--json` shows of it."""
        return {
            "molecule_id": self.root.id,
            "total_steps": len(self.steps),
            "ready_steps": sum(lane.is_ready for lane in self.steps),
            "parallel_groups": self.groups,
            "steps": {
                lane.bead.id: {
                    "title": lane.bead.title,
                    "status": lane.bead.status,
                    "is_ready": lane.is_ready,
                    "parallel_group": lane.group,
                    "blocked_by": lane.blocked_by,
                    "blocks": lane.blocks,
                    "can_parallel": lane.can_parallel,
                }
                for lane in self.steps
            },
        }


def find_lanes(session: Session, root_id: str) -> Lanes:
    """Which open steps of a molecule may run side by side: those that wait for the same rounds before them."""
    tree = read_tree(session, root_id)
    steps = steps_of(tree)
    if not steps:
        raise NotAMolecule(
            f"{root_id} has no steps", hint="A molecule is a bead with children: `bd mol pour` makes one."
        )
    open_ = {bead.id: bead for bead in steps if bead.status != BeadStatus.CLOSED}
    waits = {name: [one for one in found if one in open_] for name, found in _ordered_by(tree).items() if name in open_}
    waves = beads.waves(open_, [(name, target) for name, found in waits.items() for target in found])
    groups = {f"group-{number}": wave for number, wave in enumerate(waves, 1)}
    place = {name: group for group, wave in groups.items() for name in wave}
    blocks: dict[str, list[str]] = {}
    for name, found in waits.items():
        for target in found:
            blocks.setdefault(target, []).append(name)
    lanes = [
        Lane(
            bead=bead,
            is_ready=bead.id in open_ and _status(bead, tree) == "ready",
            group=place.get(bead.id, ""),
            blocked_by=waits.get(bead.id, []),
            blocks=sorted(blocks.get(bead.id, [])),
            can_parallel=[name for name in groups.get(place.get(bead.id, ""), []) if name != bead.id],
        )
        for bead in steps
    ]
    return Lanes(tree.root, groups, lanes)


def _ordered_by(tree: Tree) -> dict[str, list[str]]:
    """What each step waits for: its own blockers and those of what it is inside."""
    own = tree.blockers(*_ORDERING)
    found: dict[str, list[str]] = {}
    for bead in tree.steps:
        name: str | None = bead.id
        waited: dict[str, None] = {}
        seen: set[str] = set()
        while name is not None and name not in seen:
            seen.add(name)
            waited |= dict.fromkeys(own.get(name, ()))
            name = tree.parents.get(name)
        found[bead.id] = list(waited)
    return found


@dataclass(frozen=True)
class Stale:
    """A molecule that is complete and not closed."""

    root: Bead
    total: int
    blocking: list[str]
    """What waits for it."""


def list_stale(session: Session, *, assigned: bool | None = None) -> list[Stale]:
    """The molecules, wisps and epics whose steps are all closed while they are open themselves."""
    asked = Filters(any_status=True, types=("molecule", "epic"))
    roots = [bead for bead in beads.list_(session, asked) if _may_be_stale(bead, assigned)]
    relations = beads.load_relations(session, [bead.id for bead in roots])
    below: dict[str, list[str]] = {}
    waiting: dict[str, list[str]] = {}
    for bead in roots:
        for edge in relations.dependents.get(bead.id, []):
            kind = below if edge.type == DependencyType.PARENT_CHILD else waiting
            if kind is below or edge.type in beads.BLOCKING_TYPES:
                kind.setdefault(bead.id, []).append(edge.issue_id)
    names = [name for found in (*below.values(), *waiting.values()) for name in found]
    near = beads.find_many(session, names)
    found = []
    for bead in roots:
        children = [near[name] for name in below.get(bead.id, []) if name in near]
        if children and all(child.status == BeadStatus.CLOSED for child in children):
            open_ = [
                name for name in waiting.get(bead.id, []) if name in near and near[name].status != BeadStatus.CLOSED
            ]
            found.append(Stale(bead, len(children), open_))
    return found


def _may_be_stale(bead: Bead, assigned: bool | None) -> bool:
    is_open = bead.status not in (BeadStatus.CLOSED, BeadStatus.PINNED) and not bead.is_template
    return is_open and (assigned is None or bool(bead.assignee) == assigned)


def last_activity(session: Session, root_id: str) -> Bead:
    """The bead of a molecule that changed last."""
    tree = read_tree(session, root_id)
    return max((tree.root, *tree.steps, *tree.gates), key=lambda bead: (bead.updated_at, bead.id))
