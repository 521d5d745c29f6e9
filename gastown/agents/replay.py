"""Polecats as their events leave them."""

from collections.abc import Mapping, Sequence

from gastown.agents.models import Polecat
from gastown.events import EventKind, Fact, Step, Tables

TABLE = str(Polecat.__tablename__)


def _named(tables: Tables, fact: Fact) -> None:
    tables.add(TABLE, (fact.agent,), {"rig": fact.rig, **fact.say("name", "host", "created_at")})


def _updated(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.agent,), fact.say("worktree_state", "worktree"))


def _took_work(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.agent,), fact.say("worktree_state", "worktree", "last_used_at"))


STEPS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.POLECAT_NAMED: (_named,),
    EventKind.POLECAT_UPDATED: (_updated,),
    EventKind.ASSIGNMENT_CLAIMED: (_took_work,),
}
