"""What one process is told from outside: its town or store, how it reaches SQL and Redis, who calls.

The only reader of the environment. What every host of a town must agree on is not here but in SQL (`gastown.policy`,
and the store's own keys in `gastown.beads`).
"""

from gastown.config.settings import (
    TOWN_FILE,
    BadSettings,
    Settings,
    TownNotFound,
    actor_from_environment,
    current,
    current_or_none,
    environment,
    find_town,
    forget_variables,
    load,
    make_run_dir,
    on_change,
    override_of,
    python,
    run_dir,
    use,
)
from gastown.config.stores import FolderStore, StoreMissing, StoreNotFound, find_folder, follow, load_store

__all__ = [
    "TOWN_FILE",
    "BadSettings",
    "FolderStore",
    "Settings",
    "StoreMissing",
    "StoreNotFound",
    "TownNotFound",
    "actor_from_environment",
    "current",
    "current_or_none",
    "environment",
    "find_folder",
    "find_town",
    "follow",
    "forget_variables",
    "load",
    "load_store",
    "make_run_dir",
    "on_change",
    "override_of",
    "python",
    "run_dir",
    "use",
]
