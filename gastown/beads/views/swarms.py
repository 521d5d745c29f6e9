"""Swarms: epics on whose parts many work at once, in waves. Who is next is computed, never stored.

A swarm is a molecule of type `swarm` that is related to its epic. All that is below the epic is its work, but for
epics, which only hold others.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from gastown.beads.creation import create
from gastown.beads.edges import RELATES_TO, add_dependency, set_parent
from gastown.beads.errors import BadField, BeadExists
from gastown.beads.filters import Filters, Sort
from gastown.beads.graphs import deadlocks, graph
from gastown.beads.models import SETTLED, UNDER_WAY, Bead, BeadStatus, Dependency, DependencyType, NewBead
from gastown.beads.queries import find_many, get, list_

SWARM = "swarm"
_FIRST = re.compile(r"\b(foundation|setup|set up|base|core|scaffold)", re.IGNORECASE)
_LAST = re.compile(r"\b(integration|integrate|final|finali[sz]e|polish|release)", re.IGNORECASE)


@dataclass
class Analysis:
    """What an epic looks like to a swarm."""

    epic: Bead
    issues: list[Bead]
    waves: list[list[str]]
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def is_swarmable(self) -> bool:
        """Nothing in it stands in the way of ever finishing it."""
        return not self.errors


def _work_of(session: Session, epic: Bead) -> list[Bead]:
    below = list_(session, Filters(below=epic.id, any_status=True, sort=Sort.ID))
    return [bead for bead in below if bead.issue_type != "epic" and bead.id != epic.id]


def _order(session: Session, issues: list[Bead]) -> list[tuple[str, str]]:
    names = {bead.id for bead in issues}
    edges = deadlocks.list_waiting(session)
    return [(one, two) for one, two, kind in edges if one in names and kind in _WAITS]


_WAITS = frozenset(kind.value for kind in DependencyType if kind is not DependencyType.PARENT_CHILD)


def validate_swarm(session: Session, bead_id: str) -> Analysis:
    """Put an epic's unfinished work into waves and say what looks wrong with its edges."""
    epic = find_epic(session, bead_id)
    issues = _work_of(session, epic)
    edges = _order(session, issues)
    left = {bead.id for bead in issues if bead.status not in SETTLED}
    analysis = Analysis(epic, issues, graph.waves(left, edges))
    names = {bead.id for bead in issues}
    for way in deadlocks.find_circles(session):
        if names & set(way):
            analysis.errors.append(f"cycle: {' -> '.join([*way, way[0]])}")
    _warn(session, analysis, edges)
    return analysis


def _warn(session: Session, analysis: Analysis, edges: list[tuple[str, str]]) -> None:
    names = {bead.id: bead for bead in analysis.issues}
    inner = [(one, two) for one, two in edges if two in names]
    waiting, needed = {one for one, _ in inner}, {two for _, two in inner}
    say = analysis.warnings.append
    if not names:
        say(f"{analysis.epic.id} has no children")
    for name, bead in names.items():
        if inner and name not in waiting and name not in needed:
            say(f"{name} is disconnected: nothing waits for it and it waits for nothing")
        elif _FIRST.search(bead.title) and name in waiting and name not in needed:
            say(f"{name} ({bead.title}) looks like a beginning, and nothing waits for it: is an edge inverted?")
        elif _LAST.search(bead.title) and name in needed and name not in waiting:
            say(f"{name} ({bead.title}) looks like an end, and others wait for it: is an edge inverted?")
    outside = {two for _, two in edges if two not in names}
    unsettled = {name for name, bead in find_many(session, sorted(outside)).items() if bead.status not in SETTLED}
    for one, two in edges:
        if two in unsettled:
            say(f"{one} waits for {two}, which is outside of {analysis.epic.id}")


def swarm_json(analysis: Analysis, *, verbose: bool = False) -> dict[str, Any]:
    """An analysis as programs are shown it."""
    titles = {bead.id: bead.title for bead in analysis.issues}
    closed = sum(bead.status == BeadStatus.CLOSED for bead in analysis.issues)
    fronts = [
        {"wave": number, "issues": wave, "titles": [titles[name] for name in wave]}
        for number, wave in enumerate(analysis.waves)
    ]
    found: dict[str, Any] = {
        "epic_id": analysis.epic.id,
        "epic_title": analysis.epic.title,
        "total_issues": len(analysis.issues),
        "closed_issues": closed,
        "ready_fronts": fronts,
        "max_parallelism": max(map(len, analysis.waves), default=0),
        "estimated_sessions": sum(map(len, analysis.waves)),
        "warnings": analysis.warnings,
        "errors": analysis.errors,
        "swarmable": analysis.is_swarmable,
    }
    if verbose:
        found["issues"] = {bead.id: {"title": bead.title, "status": bead.status} for bead in analysis.issues}
    return found


def swarm_status(session: Session, bead_id: str) -> dict[str, Any]:
    """How far an epic is: what is done, under way, ready and waiting."""
    epic = find_epic(session, bead_id)
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in ("completed", "active", "ready", "blocked")}
    for bead in _work_of(session, epic):
        groups[_group(bead)].append({"id": bead.id, "title": bead.title, "assignee": bead.assignee})
    total = sum(map(len, groups.values()))
    return {
        "epic_id": epic.id,
        "epic_title": epic.title,
        "total_issues": total,
        **groups,
        "progress_percent": round(100 * len(groups["completed"]) / total, 1) if total else 0.0,
        **{f"{name}_count": len(groups[name]) for name in ("active", "ready", "blocked")},
    }


def _group(bead: Bead) -> str:
    if bead.status in SETTLED:
        return "completed"
    if bead.status in UNDER_WAY:
        return "active"
    return "ready" if bead.status == BeadStatus.OPEN and not bead.is_blocked else "blocked"


def find_epic(session: Session, bead_id: str) -> Bead:
    """The epic that an id means: itself, or that of the swarm with this id; refuses everything else."""
    bead = get(session, bead_id)
    if bead.issue_type in ("epic", "molecule") and bead.mol_type != SWARM:
        return bead
    epics = _epics_of(session, [bead.id]).get(bead.id)
    if epics is None:
        raise BadField(
            f"{bead_id} is neither an epic nor a swarm", hint=f"`bd swarm create {bead_id}` makes one of it."
        )
    return epics


def _epics_of(session: Session, swarms: list[str]) -> dict[str, Bead]:
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id).where(
            col(Dependency.issue_id).in_(swarms), Dependency.type == RELATES_TO
        )
    ).all()
    known = find_many(session, [target for _, target in rows])
    found: dict[str, Bead] = {}
    for swarm, target in rows:
        if target in known and known[target].issue_type in ("epic", "molecule"):
            found.setdefault(swarm, known[target])
    return found


def create_swarm(session: Session, bead_id: str, *, coordinator: str, force: bool, actor: str) -> tuple[Bead, Bead]:
    """Make a swarm of an epic (of any other bead: of an epic around it); return the swarm and its epic.

    Refuses an epic that has an unfinished swarm, unless `force`, and one that can never be finished.
    """
    bead = get(session, bead_id)
    epic = bead if bead.issue_type in ("epic", "molecule") else _wrap(session, bead, actor)
    analysis = validate_swarm(session, epic.id)
    if not analysis.is_swarmable:
        raise BadField(f"{epic.id} is not swarmable: {analysis.errors[0]}", hint=f"bd swarm validate {epic.id}")
    running = [swarm.id for swarm, its, _ in list_swarms(session) if its is not None and its.id == epic.id]
    if running and not force:
        raise BeadExists(f"{epic.id} has the swarm {running[0]} already", hint="--force makes another one.")
    new = NewBead(
        title=f"Swarm: {epic.title}"[:500],
        prefix=epic.prefix,
        issue_type="molecule",
        more={"mol_type": SWARM},
        id_kind="mol",
        assignee=coordinator,
        description=f"Epic: {epic.id}",
    )
    swarm = create(session, new, actor=actor)
    add_dependency(session, swarm.id, epic.id, actor=actor, type=RELATES_TO)
    return swarm, epic


def _wrap(session: Session, bead: Bead, actor: str) -> Bead:
    epic = create(
        session,
        NewBead(title=f"Swarm Epic: {bead.title}"[:500], prefix=bead.prefix, issue_type="epic", priority=bead.priority),
        actor=actor,
    )
    set_parent(session, bead.id, epic.id, actor=actor)
    return epic


def list_swarms(session: Session) -> list[tuple[Bead, Bead | None, dict[str, Any]]]:
    """Every unfinished swarm with its epic and how far that is."""
    swarms = session.exec(
        select(Bead).where(Bead.mol_type == SWARM, col(Bead.status).not_in(SETTLED)).order_by(Bead.created_at, Bead.id)  # type: ignore[arg-type]
    ).all()
    epics = _epics_of(session, [swarm.id for swarm in swarms])
    found: list[tuple[Bead, Bead | None, dict[str, Any]]] = []
    states: dict[str, dict[str, Any]] = defaultdict(dict)
    for swarm in swarms:
        epic = epics.get(swarm.id)
        if epic is not None and epic.id not in states:
            states[epic.id] = swarm_status(session, epic.id)
        found.append((swarm, epic, states[epic.id] if epic is not None else {}))
    return found


def listed_json(found: tuple[Bead, Bead | None, dict[str, Any]]) -> dict[str, Any]:
    """A swarm as an element of a list."""
    swarm, epic, state = found
    return {
        "id": swarm.id,
        "title": swarm.title,
        "epic_id": epic.id if epic else "",
        "epic_title": epic.title if epic else "",
        "status": swarm.status,
        "coordinator": swarm.assignee,
        "total_issues": state.get("total_issues", 0),
        "completed_issues": len(state.get("completed", [])),
        "active_issues": state.get("active_count", 0),
        "progress_percent": state.get("progress_percent", 0.0),
    }
