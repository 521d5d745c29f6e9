"""Agents' identities: permanent, and apart from the sessions that come and go.

A polecat is `<rig>/polecats/<name>`; its worktree lives on one host and is reused after a clean end only. What it is
doing is not here but in its open assignment.
"""

from gastown.agents import replay
from gastown.agents.address import polecat_address, split_address
from gastown.agents.lifecycle import mark_worktree, take_polecat
from gastown.agents.models import Polecat, WorktreeState
from gastown.agents.queries import PolecatNotFound, find, get, list_polecats

__all__ = [
    "Polecat",
    "PolecatNotFound",
    "WorktreeState",
    "find",
    "get",
    "list_polecats",
    "mark_worktree",
    "polecat_address",
    "replay",
    "split_address",
    "take_polecat",
]
