"""What could never be finished: circles of beads that wait for each other, also through parents and children.

Each bead has three moments: it starts (nothing holds it or its parents up), it closes, and its children are all closed.
An edge says which moment comes after which. Beads whose moments form a circle can never be closed in any order:
    a blocks-edge a -> b           a starts after b closes
    a waits-for-edge a -> b        a starts after the children of b closed
    a child a of b                 a starts after b starts; b closes after a closed
A gate that any child satisfies counts like one for all of them: the children that could satisfy it may be deleted.
Chains of `duplicates` and of `supersedes` have an end, too: each of the two types may form no circle of its own.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, TextClause, bindparam, text
from sqlmodel import Session, col, select

from gastown.beads.errors import DependencyRefused
from gastown.beads.graphs import graph
from gastown.beads.models import BLOCKING_TYPES, SETTLED, Bead, BeadStatus, Dependency, DependencyType
from gastown.db import is_sqlite

TypedEdge = tuple[str, str, str]
"""Who depends, on whom, and how."""

ONE_WAY = ("duplicates", "supersedes")
"""Associations that must end somewhere."""
_WAITING = (*sorted(BLOCKING_TYPES), DependencyType.WAITS_FOR.value, DependencyType.PARENT_CHILD.value)
_STARTS, _CLOSES, _CHILDREN = range(3)
_TOMBSTONES = """
  AND NOT EXISTS (SELECT 1 FROM beads x WHERE x.id IN (d.issue_id, d.depends_on_id) AND x.status = 'tombstone')
"""


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


# How to go on from a moment, in two spellings. SQLite answers the OR with two indexes. PostgreSQL, while it knows
# nothing of a table that has just been filled, would read all of it at each step; with LATERAL it cannot.
_STEPS_SQLITE = f"""
  SELECT CASE WHEN d.issue_id = r.id AND r.moment < 2 THEN d.depends_on_id ELSE d.issue_id END,
         CASE WHEN d.issue_id = r.id AND r.moment < 2 AND d.type = 'parent-child' THEN {_STARTS}
              WHEN d.issue_id = r.id AND r.moment < 2 AND d.type = 'waits-for' THEN {_CHILDREN}
              ELSE {_CLOSES} END
    FROM reach r JOIN dependencies d
      ON ((d.issue_id = r.id AND r.moment < {_CHILDREN} AND d.type IN ({_quoted(_WAITING)}))
       OR (d.depends_on_id = r.id AND r.moment > {_STARTS} AND d.type = 'parent-child'))
   %s
"""  # noqa: S608 - constants only
_STEPS_POSTGRESQL = f"""
  SELECT step.id, step.moment FROM reach r CROSS JOIN LATERAL (
    SELECT d.depends_on_id AS id,
           CASE d.type WHEN 'parent-child' THEN {_STARTS} WHEN 'waits-for' THEN {_CHILDREN} ELSE {_CLOSES} END AS moment
      FROM dependencies d WHERE d.issue_id = r.id AND r.moment < {_CHILDREN} AND d.type IN ({_quoted(_WAITING)}) %s
    UNION ALL
    SELECT d.issue_id, {_CLOSES}
      FROM dependencies d WHERE d.depends_on_id = r.id AND r.moment > {_STARTS} AND d.type = 'parent-child' %s
    OFFSET 0) step
"""  # noqa: S608 - constants only


def _reach(steps: str) -> TextClause:
    """Whether one moment needs another before it. UNION ends the walk where it has been."""
    return text(
        f"""
WITH RECURSIVE reach(id, moment) AS (
  SELECT CAST(:start AS VARCHAR), CAST(:moment AS INTEGER)
  UNION
  {steps}
)
SELECT 1 FROM reach WHERE id = :goal AND moment IN :goals LIMIT 1
"""  # noqa: S608 - constants only
    ).bindparams(bindparam("goals", expanding=True))


# Deleted beads that came with a file keep their edges, and nobody can see them: they must not refuse anything. They are
# left out only where a circle was found, since that costs two look-ups an edge.
_ON_SQLITE = (_reach(_STEPS_SQLITE % ""), _reach(_STEPS_SQLITE % _TOMBSTONES))
_ON_POSTGRESQL = (_reach(_STEPS_POSTGRESQL % ("", "")), _reach(_STEPS_POSTGRESQL % (_TOMBSTONES, _TOMBSTONES)))

_SAME_TYPE = text(
    """
WITH RECURSIVE reach(id) AS (
  SELECT CAST(:start AS VARCHAR)
  UNION
  SELECT d.depends_on_id FROM reach r JOIN dependencies d ON d.issue_id = r.id AND d.type = :kind
)
SELECT 1 FROM reach WHERE id = :goal LIMIT 1
"""
)


def _needs(session: Session, start: tuple[str, int], goal: str, moments: Sequence[int]) -> bool:
    """Whether `start` must come after one of the `moments` of `goal`."""
    asked = {"start": start[0], "moment": start[1], "goal": goal, "goals": list(moments)}
    queries = _ON_SQLITE if is_sqlite(session) else _ON_POSTGRESQL
    return all(session.execute(query, asked).first() is not None for query in queries)


def check(session: Session, edge: TypedEdge) -> None:
    """Refuse an edge with which some beads could never be closed."""
    session.flush()
    if _closes_circle(session, edge):
        way = _way(session, edge)
        bead_id, target, kind = edge
        raise DependencyRefused(
            f"{bead_id} -> {target} ({kind}) would create a cycle",
            hint=f"None of these could ever be closed: {' -> '.join(way)}." if way else None,
        )


def _closes_circle(session: Session, edge: TypedEdge) -> bool:
    bead_id, target, kind = edge
    if kind in ONE_WAY:
        asked = {"start": target, "goal": bead_id, "kind": kind}
        return session.execute(_SAME_TYPE, asked).first() is not None
    if kind not in _WAITING:
        return False
    if kind == DependencyType.PARENT_CHILD:
        return _makes_parent_wait(session, bead_id, target)
    if not _is_needed(session, bead_id):
        return False
    moment = _CHILDREN if kind == DependencyType.WAITS_FOR else _CLOSES
    return _needs(session, (target, moment), bead_id, (_STARTS, _CLOSES))


def _makes_parent_wait(session: Session, child: str, parent: str) -> bool:
    counted = [DependencyType.WAITS_FOR.value]
    if _has_edge(session, col(Dependency.depends_on_id) == parent, counted) and _needs(
        session, (parent, _STARTS), parent, (_CHILDREN,)
    ):
        return True
    # Nothing leads to a bead without edges, as every new one is.
    if not _has_edge(session, (col(Dependency.issue_id) == child) | (col(Dependency.depends_on_id) == child), _WAITING):
        return False
    return _needs(session, (parent, _STARTS), child, (_STARTS, _CLOSES)) or _needs(
        session, (child, _CLOSES), parent, (_CLOSES, _CHILDREN)
    )


def _is_needed(session: Session, bead_id: str) -> bool:
    """Whether anything can come after this bead: others wait for it, or it has parents or children."""
    needed = [*BLOCKING_TYPES, DependencyType.PARENT_CHILD.value]
    return _has_edge(session, col(Dependency.depends_on_id) == bead_id, needed) or _has_edge(
        session, col(Dependency.issue_id) == bead_id, [DependencyType.PARENT_CHILD.value]
    )


def _has_edge(session: Session, condition: ColumnElement[bool], types: Sequence[str]) -> bool:
    query = select(Dependency.type).where(condition, col(Dependency.type).in_(types)).limit(1)
    return session.exec(query).first() is not None


def list_waiting(session: Session) -> list[TypedEdge]:
    """Every edge that makes something wait, and those of one-way associations; not those of deleted beads."""
    gone = set(session.exec(select(Bead.id).where(Bead.status == BeadStatus.TOMBSTONE.value)))
    rows = session.exec(
        select(Dependency.issue_id, Dependency.depends_on_id, Dependency.type)
        .where(col(Dependency.type).in_((*_WAITING, *ONE_WAY)))
        .order_by(Dependency.issue_id, Dependency.depends_on_id)
    )
    return [(bead_id, target, kind) for bead_id, target, kind in rows if bead_id not in gone and target not in gone]


def _moment(bead_id: str, moment: int) -> str:
    return f"{moment}{bead_id}"


def _steps(edge: TypedEdge) -> list[graph.Edge]:
    """What an edge says about moments: each pair comes in the other order."""
    bead_id, target, kind = edge
    starts = _moment(bead_id, _STARTS)
    if kind == DependencyType.PARENT_CHILD:
        closes = _moment(bead_id, _CLOSES)
        return [
            (starts, _moment(target, _STARTS)),
            *((_moment(target, moment), closes) for moment in (_CLOSES, _CHILDREN)),
        ]
    if kind in ONE_WAY:
        return [(f"{kind}:{bead_id}", f"{kind}:{target}")]
    return [(starts, _moment(target, _CHILDREN if kind == DependencyType.WAITS_FOR else _CLOSES))]


def _order(edges: Iterable[TypedEdge]) -> list[graph.Edge]:
    said = list(edges)
    steps = [step for edge in said for step in _steps(edge)]
    names = {name for bead_id, target, kind in said if kind not in ONE_WAY for name in (bead_id, target)}
    return steps + [(_moment(name, _CLOSES), _moment(name, _STARTS)) for name in sorted(names)]


def _bead(node: str) -> str:
    kind, _, name = node.partition(":")
    return name if kind in ONE_WAY else node[1:]


def circles(edges: Iterable[TypedEdge]) -> list[list[str]]:
    """One circle of each knot that these edges make, as the beads along it; none is named twice."""
    said = [edge for edge in edges if edge[2] in (*_WAITING, *ONE_WAY)]
    # A bead that waits for itself is a circle of its own, and would hide the larger one that it is in.
    found = [[name] for name in sorted({bead_id for bead_id, target, _ in said if bead_id == target})]
    for way in graph.cycles(_order(edge for edge in said if edge[0] != edge[1])):
        beads = list(dict.fromkeys(_bead(node) for node in way))
        first = beads.index(min(beads))
        found.append(beads[first:] + beads[:first])
    return found


def find_circles(session: Session) -> list[list[str]]:
    """The circles in the whole store. There are none but those that came with a file."""
    return circles(list_waiting(session))


def find_living_circles(session: Session) -> list[list[str]]:
    """The circles of beads that are all still to be closed: an edge from or to a settled one holds nobody up."""
    settled = set(session.exec(select(Bead.id).where(col(Bead.status).in_(SETTLED))))
    return circles(edge for edge in list_waiting(session) if settled.isdisjoint(edge[:2]))


def choose_dropped(old: Sequence[TypedEdge], new: Sequence[TypedEdge]) -> list[TypedEdge]:
    """Those of `new` with which, beside `old` and the others, some bead could never be closed; in their order."""
    knots = {node: number for number, group in enumerate(graph.components(_order([*old, *new]))) for node in group}

    def is_suspect(edge: TypedEdge) -> bool:
        return edge[0] == edge[1] or any(one in knots and knots[one] == knots.get(two) for one, two in _steps(edge))

    suspects = [edge for edge in new if is_suspect(edge)]
    if not suspects:
        return []
    suspected = set(suspects)
    known = _order([*old, *(edge for edge in new if edge not in suspected)])
    ends = _order(suspects)[sum(len(_steps(edge)) for edge in suspects) :]  # that each of their beads starts first
    following = graph.adjacency([*known, *ends])
    dropped = []
    for edge in suspects:
        steps = _steps(edge)
        for one, two in steps:
            following.setdefault(one, []).append(two)
        if edge[0] == edge[1] or any(graph.reaches(following, two, one) for one, two in steps):
            dropped.append(edge)
            for one, _ in steps:
                following[one].pop()
    return dropped


def check_many(session: Session, new: Sequence[TypedEdge]) -> None:
    """Refuse edges, written already, with which some beads could never be closed."""
    session.flush()
    fresh = set(new)
    old = [edge for edge in list_waiting(session) if edge not in fresh]
    waiting = [edge for edge in new if edge[2] in (*_WAITING, *ONE_WAY)]
    for bead_id, target, kind in choose_dropped(old, waiting):
        raise DependencyRefused(f"{bead_id} -> {target} ({kind}) would create a cycle", hint="Nothing was added.")


def _way(session: Session, edge: TypedEdge) -> list[str]:
    """The circle that `edge` would close, from its bead back to it."""
    steps = _steps(edge)
    following = graph.adjacency([*_order(list_waiting(session)), *steps])
    ways = [way for one, two in steps if (way := graph.way(following, two, one))]
    if not ways:
        return []
    shortest = min(ways, key=len)
    beads = [_bead(shortest[-1]), *(_bead(node) for node in shortest)]
    return [bead for bead, before in zip(beads, ["", *beads], strict=False) if bead != before]
