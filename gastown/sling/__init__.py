"""Sling: give beads to a rig, where an agent starts on each at once.

Not here: how an agent is run (`gastown.sessions`) or how work lands (`gastown.refinery`); this package joins them. What
is ready is offered, the rest waits and follows as its blockers close: what was interrupted first, then by priority and
age, with a fair share between rigs.
"""

from gastown.sling.by_hand import AtWork, NothingToLand, Sought, Work, find_work, submit_by_hand
from gastown.sling.dispatch import DispatchResult, dispatch, list_stale_offers
from gastown.sling.execute import NotSlung, Slung, sling, unsling
from gastown.sling.homes import (
    Integration,
    find_home,
    find_own_rig,
    find_prefix_at_work,
    list_below,
    own_prefixes,
)
from gastown.sling.homes import read as read_integration
from gastown.sling.plan import Refusal, SlingRefused, Target, choose_preset, split_targets
from gastown.sling.submission import Submission, defer, escalate, hand_over, submit

__all__ = [
    "AtWork",
    "DispatchResult",
    "Integration",
    "NotSlung",
    "NothingToLand",
    "Refusal",
    "SlingRefused",
    "Slung",
    "Sought",
    "Submission",
    "Target",
    "Work",
    "choose_preset",
    "defer",
    "dispatch",
    "escalate",
    "find_home",
    "find_own_rig",
    "find_prefix_at_work",
    "find_work",
    "hand_over",
    "list_below",
    "list_stale_offers",
    "own_prefixes",
    "read_integration",
    "sling",
    "split_targets",
    "submit",
    "submit_by_hand",
    "unsling",
]
