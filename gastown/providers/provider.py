"""What the refinery asks of whoever hosts a repository, in words that every host of pull requests has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class PullState(StrEnum):
    """Where a pull request is."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"  # by somebody, unmerged


class Reviews(StrEnum):
    """What the reviews together come to under the provider's own rules."""

    APPROVED = "approved"
    REQUIRED = "required"  # somebody must yet approve
    CHANGES_REQUESTED = "changes_requested"
    NOT_REQUIRED = "not_required"  # the branch asks for none


class CheckState(StrEnum):
    """What a hosted check says."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"  # came to no verdict: cancelled, timed out, never started; it says nothing of the head


class Mergeable(StrEnum):
    """Whether the provider would merge the pull request now."""

    YES = "yes"
    UNKNOWN = "unknown"  # not computed yet: look again
    CONFLICTING = "conflicting"
    BEHIND = "behind"  # its head must first contain the target
    BLOCKED = "blocked"  # by a rule of the branch that is none of reviews, checks or the above


@dataclass(frozen=True)
class Pull:
    """A pull request: what it is known by."""

    number: int
    url: str


@dataclass(frozen=True)
class Check:
    """One hosted check of a pull request's head."""

    name: str
    state: CheckState
    url: str = ""
    trouble: str = ""
    """Of one that was stopped: what happened to it, as in "was cancelled"."""


@dataclass(frozen=True)
class Review:
    """A review that asks for changes, or a remark."""

    author: str
    body: str
    submitted_at: datetime | None = None
    head_oid: str = ""
    """The head that it speaks of; empty where the provider does not say."""


@dataclass(frozen=True)
class PullView:
    """A pull request as the provider shows it at one moment."""

    pull: Pull
    state: PullState
    head_oid: str
    reviews: Reviews
    mergeable: Mergeable
    target: str
    """The branch into which it is to be merged: anybody may choose another one."""
    merge_oid: str = ""
    """The commit by which it was merged."""
    checks: Sequence[Check] = field(default=())
    change_requests: Sequence[Review] = field(default=())
    """Reviews that ask for changes, oldest first."""
    remarks: Sequence[Review] = field(default=())
    """Comments and the bodies of other reviews, oldest first."""

    def checks_in(self, state: CheckState) -> list[str]:
        """The names of its checks in that state."""
        return [check.name for check in self.checks if check.state is state]


@dataclass(frozen=True)
class Merge:
    """What the provider answered to "merge it". `taken` is no landing: look at the target."""

    taken: bool
    reason: str = ""


class Provider(Protocol):
    """One repository's host. Each call ends within a fixed time.

    All raise `ProviderAway` or `ProviderMissing` (try again later), `CredentialMissing` or `RepositoryMissing` (a
    person is needed).
    """

    def open_or_find(self, branch: str, target: str, title: str, body: str) -> Pull:
        """The open pull request of `branch` into `target`; it is made where there is none. Safe to repeat."""
        ...

    def look(self, number: int) -> PullView:
        """The pull request as it is now."""
        ...

    def merge(self, number: int, expected_head: str) -> Merge:
        """Merge it with a merge commit if its head is `expected_head`; one that is merged already counts as taken.

        Raises `ProviderAway` where the answer was lost: it may yet be merged.
        """
        ...

    def close(self, number: int) -> None:
        """Close it unmerged; one that is closed or merged stays as it is."""
        ...
