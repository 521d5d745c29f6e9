"""A convoy: beads that travel together, across rigs, until the work of every one of them is on its target.

Not a work item itself, and no lock: a bead may travel in several convoys, and in none. Invariants: a convoy lands in
the transaction that lands its last member; one without members never lands; work that is added opens it again. The
state diagram is in `models.py`.
"""

from gastown.convoys import replay
from gastown.convoys.lifecycle import BadConvoy, add_members, check_all, check_landed, create
from gastown.convoys.models import TRANSITIONS, Convoy, ConvoyMember, ConvoyStatus
from gastown.convoys.progress import Member, Progress, is_done, measure
from gastown.convoys.queries import ConvoyNotFound, Overview, Report, get, list_all, status, travelling_since

__all__ = [
    "TRANSITIONS",
    "BadConvoy",
    "Convoy",
    "ConvoyMember",
    "ConvoyNotFound",
    "ConvoyStatus",
    "Member",
    "Overview",
    "Progress",
    "Report",
    "add_members",
    "check_all",
    "check_landed",
    "create",
    "get",
    "is_done",
    "list_all",
    "measure",
    "replay",
    "status",
    "travelling_since",
]
