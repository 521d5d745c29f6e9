"""A folder's own store of beads: making it, copying it, moving it to another version, finding what is wrong with it.

The store is one SQLite file with the same tables as a town's. Invariants:
  - it appears under its name by one rename, whole;
  - what takes its place leaves the earlier file aside, and says where;
  - nothing here deletes a file that ever was somebody's store.
"""

from gastown.stores.backups import DESTINATION, Copy, back_up, copies_folder, find_copy, list_copies, restore
from gastown.stores.doctor import Report, Result, examine, mend
from gastown.stores.founding import Founded, Wanted, default_prefix, init
from gastown.stores.githooks import HOOK_SYNC, Hook, check_hook, install_hooks, list_hooks, uninstall_hooks
from gastown.stores.guide import GUIDE
from gastown.stores.layout import BACKUPS
from gastown.stores.place import describe_context, describe_schema, describe_where
from gastown.stores.priming import Occasion, own_text, prime_text
from gastown.stores.queries import run_sql
from gastown.stores.recipes import RECIPES, find_recipe, is_set_up, set_up, take_down
from gastown.stores.touched import last_touched, remember_touched
from gastown.stores.versions import Migrated, TownsDatabase, check_ours, migrate, move

__all__ = [
    "BACKUPS",
    "DESTINATION",
    "GUIDE",
    "HOOK_SYNC",
    "RECIPES",
    "Copy",
    "Founded",
    "Hook",
    "Migrated",
    "Occasion",
    "Report",
    "Result",
    "TownsDatabase",
    "Wanted",
    "back_up",
    "check_hook",
    "check_ours",
    "copies_folder",
    "default_prefix",
    "describe_context",
    "describe_schema",
    "describe_where",
    "examine",
    "find_copy",
    "find_recipe",
    "init",
    "install_hooks",
    "is_set_up",
    "last_touched",
    "list_copies",
    "list_hooks",
    "mend",
    "migrate",
    "move",
    "own_text",
    "prime_text",
    "remember_touched",
    "restore",
    "run_sql",
    "set_up",
    "take_down",
    "uninstall_hooks",
]
