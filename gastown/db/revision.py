"""The schema's revision that this version works with. Apart, so that a command can check it without every table."""

# The newest migration, and those before it: the command line refuses a database of any other version.
REVISION = "0006"
OLDER_REVISIONS: frozenset[str] = frozenset({"0001", "0002", "0003", "0004", "0005"})
