"""Which event changes what: the reducers of every noun together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from gastown import agents, assignments, convoys, policy, refinery, rigs
from gastown.beads import history
from gastown.events import EventKind, Fact, Step, Tables

CONFIG = "bead_config"
TOWNS = "towns"
FINDINGS = "findings"
# Facts from which no row follows: marks in time, and what the tables of `columns.TABLES` say.
TELL_NOTHING = frozenset(
    {
        EventKind.BEAD_AUDITED,
        EventKind.ASSIGNMENT_DETACHED,
        EventKind.SESSION_NUDGED,
        EventKind.REQUEST_PULL_WAITS,
        EventKind.WORKER_STARTED,
        EventKind.WORKER_STOPPED,
        EventKind.WORKER_LOST,
        EventKind.SNAPSHOT_ROWS,
        EventKind.SNAPSHOT_TAKEN,
        EventKind.LOG_PRUNED,
    }
)


def _configured(tables: Tables, fact: Fact) -> None:
    key = (fact.of("key"),)
    if fact.of("value") is None:
        tables.rows[CONFIG].pop(key, None)
    else:
        tables.put(CONFIG, key, fact.say("value"))


def _founded(tables: Tables, fact: Fact) -> None:
    tables.add(TOWNS, (1,), fact.say("id", "name", "created_at"))


def _finding_raised(tables: Tables, fact: Fact) -> None:
    key = (fact.of("finding"),)
    values = fact.say("check", "subject", "level", "message", "hint", "raised_at", "mends")
    fresh = {} if values["mends"] else {"mended_at": None}
    tables.put(FINDINGS, key, {**values, **fresh, "cleared_at": None})


def _finding_mended(tables: Tables, fact: Fact) -> None:
    if fact.of("finding") is not None:
        tables.change(FINDINGS, (fact.of("finding"),), fact.say("mends", "mended_at"))


def _finding_cleared(tables: Tables, fact: Fact) -> None:
    tables.change(FINDINGS, (fact.of("finding"),), fact.say("cleared_at"))


# Of tables whose noun lies above this package, and of the store's words.
_OTHERS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.STORE_CONFIGURED: (_configured,),
    EventKind.TOWN_FOUNDED: (_founded,),
    EventKind.FINDING_RAISED: (_finding_raised,),
    EventKind.FINDING_MENDED: (_finding_mended,),
    EventKind.FINDING_CLEARED: (_finding_cleared,),
}


def _all() -> Iterator[Mapping[EventKind, Sequence[Step]]]:
    for noun in (agents, assignments, convoys, policy, refinery, rigs):
        yield noun.replay.STEPS
    yield _OTHERS


def _gathered() -> dict[EventKind, tuple[Step, ...]]:
    found: dict[EventKind, tuple[Step, ...]] = defaultdict(tuple)
    for steps in _all():
        for kind, members in steps.items():
            found[kind] += tuple(members)
    return dict(found)


STEPS = _gathered()
KNOWN = frozenset(STEPS) | history.BEAD_KINDS | TELL_NOTHING
