"""What can go wrong with git, as facts. Each says through its parent whether trying again may help."""

from gastown.errors import Bug, Conflict, Invalid, NotFound, Refused, Unavailable


class BadRemoteUrl(Invalid):
    """An address that git must never be given: a foreign transport, an option in disguise, control characters."""


class BadBranchName(Invalid):
    """A name that git would not take for a branch, or would take for something else."""


class BadObjectId(Invalid):
    """Not 40 or 64 lower-case hexadecimal digits."""


class NotARepository(NotFound):
    """There is no git repository at this path."""


class BranchMissing(NotFound):
    """The repository answers, and has no such branch."""


class GitNotInstalled(Unavailable):
    """There is no git on PATH, or it is older than we need."""


class GitTimedOut(Unavailable):
    """A git command outlived its time; its whole process group has been ended."""


class GitFailed(Unavailable):
    """A git command ended in a way that none of its meanings covers: disk full, permissions, a lock, a bug."""


class ObjectMalformed(GitFailed):
    """Git's own check (`fsck`) does not let the object in: no other try will change that."""


class ObjectMissing(Unavailable):
    """The repository does not have the object (yet): never a verdict on the change that names it."""


class RemoteUnreachable(Unavailable):
    """The remote cannot be reached, refuses us, or is not there; from outside these look alike."""


class DiskTrouble(Unavailable):
    """The disk is full, read-only, or closed to us."""


class RepositoryBusy(Unavailable):
    """Another process held the repository's lock for longer than we wait."""


class PushForbidden(Refused):
    """The remote can be read, and does not let us push."""


class RepositoryExists(Conflict):
    """A repository is there already, and it is another one."""


class WorktreeBroken(Conflict):
    """The folder is no worktree of ours, or was left half made: give the next attempt a path of its own."""


class WorktreeTaken(Conflict):
    """The worktree has gone to another attempt: whatever the one before it wanted there comes too late."""


class WorkUnsaved(Refused):
    """The worktree holds work that exists nowhere else."""


class BranchTaken(Conflict):
    """The branch exists and holds commits that the new start does not."""


class NotFastForward(Bug):
    """A landing whose commit does not descend from its base: with the right lease it would rewind the target."""
