"""Every table, so that the metadata is complete, and the revision of that schema."""

from gastown.agents.models import Polecat
from gastown.assignments.models import Assignment
from gastown.beads.models import *  # noqa: F403 - every table of the noun
from gastown.convoys.models import Convoy, ConvoyMember
from gastown.db.locks import Lease
from gastown.db.revision import OLDER_REVISIONS, REVISION
from gastown.events.models import Event
from gastown.patrols.models import FindingRow
from gastown.policy.models import Setting
from gastown.refinery.models import GateRun, LandingIntent, MergeHead, MergeRequest, Refinery
from gastown.rigs.models import Gate, Rig
from gastown.town.models import Town, Worker

__all__ = [
    "OLDER_REVISIONS",
    "REVISION",
    "Assignment",
    "Convoy",
    "ConvoyMember",
    "Event",
    "FindingRow",
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
