"""Convoys as their events leave them."""

from collections.abc import Mapping, Sequence

from gastown.convoys.models import Convoy, ConvoyMember
from gastown.events import EventKind, Fact, Step, Tables

TABLE = str(Convoy.__tablename__)
MEMBERS = str(ConvoyMember.__tablename__)


def _created(tables: Tables, fact: Fact) -> None:
    tables.add(TABLE, (fact.of("convoy"),), fact.say("title", "owner", "status", "created_at"))


def _member_added(tables: Tables, fact: Fact) -> None:
    tables.get(TABLE, (fact.of("convoy"),))
    tables.add(MEMBERS, (fact.of("convoy"), fact.bead_id), {})


def _settled(tables: Tables, fact: Fact) -> None:
    tables.change(TABLE, (fact.of("convoy"),), fact.say("status", "landed_at"))


STEPS: Mapping[EventKind, Sequence[Step]] = {
    EventKind.CONVOY_CREATED: (_created,),
    EventKind.CONVOY_MEMBER_ADDED: (_member_added,),
    EventKind.CONVOY_LANDED: (_settled,),
    EventKind.CONVOY_REOPENED: (_settled,),
}
