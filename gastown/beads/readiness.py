"""Keeps `is_blocked`: whether something must be settled before a bead can start.

A bead is blocked while it is not settled itself and
  - the target of a blocking edge exists and is not settled (for `conditional-blocks`: until it closed as a failure; for
    `merge-blocks`: until it landed), or an external target is not provided;
  - a `waits-for` gate over the target's children is not satisfied; or
  - its parent is blocked, to any depth.
Dangling targets hold nobody up. The value is recomputed from nothing for every bead that a write can have touched, so
that parents in a circle cannot keep each other blocked.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Integer, Select, String, bindparam, cast, func, select, text, update
from sqlmodel import Session, col

from gastown.beads.externals import projects, provided_among
from gastown.beads.models import BLOCKING_TYPES, EXTERNAL, LANDED_PREFIX, SETTLED, Bead, Dependency
from gastown.db import is_sqlite

# Any constant will do: it names the lock under which edges and settling statuses change on PostgreSQL.
_GRAPH_LOCK = 0x6265616473
# Ids in one list. When a write touches more beads than this everything is recomputed.
_MANY = 10_000
_AFTER_EXTERNAL = EXTERNAL[:-1] + ";"  # the sign after the colon: where an index stops


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


_SETTLED = _quoted(SETTLED)
_BLOCKING = _quoted(BLOCKING_TYPES)

# Whom a write can have touched: the bead, those that wait for it, and everything below them.
_REACHED = text(
    f"""
WITH RECURSIVE roots(id) AS (
  SELECT id FROM beads WHERE id IN :seeds
  UNION
  SELECT d.issue_id FROM dependencies d WHERE d.depends_on_id IN :seeds AND d.type IN ({_BLOCKING}, 'waits-for')
  UNION
  SELECT w.issue_id FROM dependencies pc CROSS JOIN dependencies w
   WHERE pc.issue_id IN :seeds AND pc.type = 'parent-child'
     AND w.depends_on_id = pc.depends_on_id AND w.type = 'waits-for'
),
affected(id) AS (
  SELECT id FROM roots
  UNION
  SELECT pc.issue_id FROM affected a CROSS JOIN dependencies pc
   WHERE pc.depends_on_id = a.id AND pc.type = 'parent-child'
)
SELECT id FROM affected
"""  # noqa: S608 - constants only
).bindparams(bindparam("seeds", type_=String, expanding=True))

# CROSS JOIN: SQLite keeps the order of these joins, which starts from the few affected beads.
_FLIPS = f"""
live(id) AS (
  SELECT a.id FROM affected a CROSS JOIN beads b WHERE b.id = a.id AND b.status NOT IN ({_SETTLED})
),
own(id) AS (
  SELECT l.id FROM live l CROSS JOIN dependencies d CROSS JOIN beads t
   WHERE d.issue_id = l.id AND t.id = d.depends_on_id AND (
         (d.type IN ({_BLOCKING}) AND t.status NOT IN ({_SETTLED}))
      OR (d.type = 'conditional-blocks' AND t.status = 'closed' AND NOT t.is_failure)
      OR (d.type = 'merge-blocks' AND t.status = 'closed'
          AND substr(t.close_reason, 1, {len(LANDED_PREFIX)}) <> '{LANDED_PREFIX}'))
  UNION
  SELECT l.id FROM live l CROSS JOIN dependencies d
   WHERE d.issue_id = l.id AND d.type IN ({_BLOCKING}) AND d.depends_on_id LIKE '{EXTERNAL}%' AND NOT d.is_provided
  UNION
  SELECT l.id FROM live l CROSS JOIN dependencies d CROSS JOIN dependencies pc CROSS JOIN beads c
   WHERE d.issue_id = l.id AND d.type = 'waits-for'
     AND pc.depends_on_id = d.depends_on_id AND pc.type = 'parent-child'
     AND c.id = pc.issue_id AND c.status NOT IN ('closed', 'tombstone')
     AND (NOT d.any_child OR NOT EXISTS (
       SELECT 1 FROM dependencies pd CROSS JOIN beads done
        WHERE pd.depends_on_id = d.depends_on_id AND pd.type = 'parent-child'
          AND done.id = pd.issue_id AND done.status = 'closed'))
  UNION
  SELECT l.id FROM live l CROSS JOIN dependencies pc CROSS JOIN beads p
   WHERE pc.issue_id = l.id AND pc.type = 'parent-child' AND p.id = pc.depends_on_id
     AND p.is_blocked AND NOT EXISTS (SELECT 1 FROM affected a WHERE a.id = p.id)
),
held(id) AS (
  SELECT id FROM own
  UNION
  SELECT pc.issue_id FROM held h CROSS JOIN dependencies pc CROSS JOIN live l
   WHERE pc.depends_on_id = h.id AND pc.type = 'parent-child' AND l.id = pc.issue_id
)
SELECT b.id, b.is_blocked FROM affected a CROSS JOIN beads b
  LEFT JOIN held h ON h.id = b.id
 WHERE b.id = a.id AND b.is_blocked <> (h.id IS NOT NULL)
"""  # noqa: S608 - constants only

_AMONG = "WITH RECURSIVE affected(id) AS (SELECT id FROM beads WHERE id IN :affected),"
_FLIPS_AMONG = text(_AMONG + _FLIPS).bindparams(bindparam("affected", type_=String, expanding=True))
_FLIPS_OF_ALL = text("WITH RECURSIVE affected(id) AS (SELECT id FROM beads)," + _FLIPS)  # noqa: S608 - constants only


def lock_graph(session: Session) -> None:
    """Let one transaction at a time change edges and settle beads; held to the end of the transaction.

    Without it two closes of two blockers of one bead would each still see the other as open. SQLite has one writer.
    """
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GRAPH_LOCK})


def try_lock_graph(session: Session) -> bool:
    """`lock_graph` without waiting: whether nobody else has it."""
    if is_sqlite(session):
        return True
    return bool(session.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _GRAPH_LOCK}).scalar_one())


def recompute(session: Session, changed: Sequence[str]) -> list[str]:
    """Bring `is_blocked` up to date after `changed` beads (or their edges) were written; return those set free."""
    if not changed:
        return []
    session.flush()
    if len(changed) > _MANY:
        return recompute_all(session)
    reached = session.execute(_REACHED, {"seeds": sorted(set(changed))}).scalars().all()
    if not reached:  # of things that are not here: dangling targets, what other stores provide
        return []
    if len(reached) > _MANY:
        return recompute_all(session)
    rows = session.execute(_FLIPS_AMONG, {"affected": reached}).all()
    return _flip(session, [(str(row[0]), bool(row[1])) for row in rows])


def recompute_all(session: Session) -> list[str]:
    """Bring every bead's `is_blocked` up to date; return those set free."""
    session.flush()
    return _flip(session, [(str(row[0]), bool(row[1])) for row in session.execute(_FLIPS_OF_ALL).all()])


def _flip(session: Session, rows: Sequence[tuple[str, bool]]) -> list[str]:
    for was_blocked in (True, False):
        ids = [bead_id for bead_id, blocked in rows if blocked is was_blocked]
        for start in range(0, len(ids), _MANY):
            session.execute(
                update(Bead).where(col(Bead.id).in_(ids[start : start + _MANY])).values(is_blocked=not was_blocked),
                execution_options={"synchronize_session": "evaluate"},
            )
    return sorted(bead_id for bead_id, blocked in rows if blocked)


def is_provided(session: Session, target: str) -> bool:
    """Whether what an external target names is there."""
    return bool(provided_among(session, [target]))


def has_external_news(session: Session) -> bool:
    """Whether another store has come to provide, or no longer provides, what somebody here waits for.

    What this database itself holds is looked at in the write that changes it.
    """
    if not projects(session):
        return False
    said = {target: was for target, was in session.execute(_external_targets(session))}
    return bool(said) and provided_among(session, said) != {target for target, was in said.items() if was}


def _external_targets(session: Session) -> Select[str, int]:
    target = col(Dependency.depends_on_id)
    # SQLite's index answers a range and not a LIKE; PostgreSQL's order of signs is that of a language.
    is_external = (
        (target >= EXTERNAL, target < _AFTER_EXTERNAL) if is_sqlite(session) else (target.startswith(EXTERNAL),)
    )
    return select(target, func.max(cast(col(Dependency.is_provided), Integer))).where(*is_external).group_by(target)


def refresh_external(session: Session, capability: str | None = None) -> list[str]:
    """Look again at what external targets wait for (one capability, or all); return the beads that may have changed."""
    session.flush()
    waiting = _external_targets(session)
    if capability is not None:
        waiting = waiting.where(col(Dependency.depends_on_id).endswith(f":{capability}", autoescape=True))
    said = {target: was for target, was in session.execute(waiting)}
    provided = provided_among(session, said)
    touched: list[str] = []
    for target, was in said.items():
        now = target in provided
        if now == bool(was):
            continue
        edges = col(Dependency.depends_on_id) == target
        session.execute(update(Dependency).where(edges).values(is_provided=now))
        touched.extend(session.execute(select(col(Dependency.issue_id)).where(edges)).scalars())
    return touched


def catch_up(session: Session) -> list[str]:
    """Bring readiness up to date with what other stores provide; return the beads set free."""
    lock_graph(session)
    return recompute(session, refresh_external(session))
