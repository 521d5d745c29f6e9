"""A folder's own store of beads: making it, copying it, moving it to another version, finding what is wrong with it.

The store is one SQLite file with the same tables as a town's. Invariants:
  - it appears under its name by one rename, whole;
  - what takes its place leaves the earlier file aside, and says where;
  - nothing here deletes a file that ever was somebody's store.
"""

from gastown.stores.doctor import Report, Result, examine, mend
from gastown.stores.founding import Founded, Wanted, init
from gastown.stores.githooks import HOOK_SYNC, Hook, check_hook, install_hooks, list_hooks, uninstall_hooks
from gastown.stores.guide import GUIDE
from gastown.stores.place import describe_context, describe_where
from gastown.stores.priming import Occasion, own_text, prime_text
from gastown.stores.recipes import RECIPES, find_recipe, is_set_up, set_up, take_down
from gastown.stores.touched import last_touched, remember_touched

__all__ = [
    "GUIDE",
    "HOOK_SYNC",
    "RECIPES",
    "Founded",
    "Hook",
    "Occasion",
    "Report",
    "Result",
    "Wanted",
    "check_hook",
    "describe_context",
    "describe_where",
    "examine",
    "find_recipe",
    "init",
    "install_hooks",
    "is_set_up",
    "last_touched",
    "list_hooks",
    "mend",
    "own_text",
    "prime_text",
    "remember_touched",
    "set_up",
    "take_down",
    "uninstall_hooks",
]
