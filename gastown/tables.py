"""Every table, so that the metadata is complete, and the schema's revision."""

from gastown.agents.models import Polecat
from gastown.assignments.models import Assignment
from gastown.beads.models import *  # noqa: F403 - every table of the noun
from gastown.convoys.models import Convoy, ConvoyMember
from gastown.db.locks import Lease
from gastown.events.models import Event
from gastown.policy.models import Setting
from gastown.refinery.models import GateRun, LandingIntent, MergeHead, MergeRequest, Refinery
from gastown.rigs.models import Gate, Rig
from gastown.town.models import Town, Worker

__all__ = [
    "Assignment",
    "Convoy",
    "ConvoyMember",
    "Event",
    "Gate",
    "GateRun",
    "LandingIntent",
    "Lease",
    "MergeHead",
    "MergeRequest",
    "Polecat",
    "Refinery",
    "Rig",
    "Setting",
    "Town",
    "Worker",
]

# The newest migration, and those before it: the command line refuses a database of any other version.
REVISION = "0001"
OLDER_REVISIONS: frozenset[str] = frozenset()
