"""A folder's own store of beads: making it, copying it, moving it to another version, finding what is wrong with it.

The store is one SQLite file with the same tables as a town's. Invariants:
  - it appears under its name by one rename, whole;
  - what takes its place leaves the earlier file aside, and says where;
  - nothing here deletes a file that ever was somebody's store.
"""

from gastown.stores.founding import Founded, Wanted, init

__all__ = ["Founded", "Wanted", "init"]
