"""Keeping a store small and in order: compaction, decay, lint, duplicates, renaming."""
