"""Keeping a store small and in order: compaction, decay, lint, duplicates, renaming."""

from gastown.beads.upkeep.audit import Interaction, list_interactions, record_interaction
from gastown.beads.upkeep.compaction import Compaction, compact, list_candidates, measure_tiers, original_texts, restore
from gastown.beads.upkeep.decay import (
    TOMBSTONE_DAYS,
    collect,
    expire_wisps,
    parse_age,
    promote,
    prune,
    purge_tombstones,
    purge_wisps,
)
from gastown.beads.upkeep.duplicates import find_groups, find_pairs, merge_groups
from gastown.beads.upkeep.lint import lint, lint_text
from gastown.beads.upkeep.orphans import find_mentioned, read_mentions
from gastown.beads.upkeep.preflight import preflight
from gastown.beads.upkeep.removal import Removal
from gastown.beads.upkeep.renaming import rename, rename_prefix
from gastown.beads.upkeep.summaries import SummaryFailed, plan_summaries, summarize, summary_program
from gastown.beads.upkeep.upgrade import acknowledge, upgrade_json

__all__ = [
    "TOMBSTONE_DAYS",
    "Compaction",
    "Interaction",
    "Removal",
    "SummaryFailed",
    "acknowledge",
    "collect",
    "compact",
    "expire_wisps",
    "find_groups",
    "find_mentioned",
    "find_pairs",
    "lint",
    "lint_text",
    "list_candidates",
    "list_interactions",
    "measure_tiers",
    "merge_groups",
    "original_texts",
    "parse_age",
    "plan_summaries",
    "preflight",
    "promote",
    "prune",
    "purge_tombstones",
    "purge_wisps",
    "read_mentions",
    "record_interaction",
    "rename",
    "rename_prefix",
    "restore",
    "summarize",
    "summary_program",
    "upgrade_json",
]
