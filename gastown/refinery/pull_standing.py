"""Where a pull request stands in the eyes of the queue. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gastown.providers import CheckState, Mergeable, PullState, PullView, Review, Reviews

# Hosted checks are announced some time after a head was pushed; one without any by then has none.
CHECKS_APPEAR_WITHIN = timedelta(seconds=30)
# A check that failed is looked at once more after this: people start checks again.
LOOK_AGAIN_AFTER = timedelta(seconds=30)
_MOST_NAMED = 5


class Stand(StrEnum):
    """What is to be done about a pull request."""

    WAITS = "waits"
    READY = "ready"  # approved and checked: its request boards, and is merged once its gates are green
    STALE = "stale"  # it must be brought up to date: its request boards, and its new head is pushed
    CHANGES = "changes"  # a reviewer asks for them
    FAILED = "failed"  # hosted checks
    CLOSED = "closed"  # by a person
    MERGED = "merged"  # by a person
    FOREIGN = "foreign"  # somebody put commits on its branch


BOARDS = frozenset({Stand.READY, Stand.STALE})


@dataclass(frozen=True)
class Standing:
    """A stand and what to say of it."""

    stand: Stand
    words: str


@dataclass
class Seen:
    """The pull requests that one step has looked at, by the number of their request."""

    views: dict[int, PullView] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    is_due: bool | None = None
    """Whether this step asks the provider at all; None: not decided yet."""

    def forget(self, request_id: int) -> None:
        """It has changed by our own doing."""
        self.views.pop(request_id, None)
        self.standings.pop(request_id, None)


@dataclass(frozen=True)
class Shape:
    """What git knows of the head that a pull request shows."""

    is_ours: bool
    """It is made of the target, the request's heads, and clean merges of these."""
    has_head: bool
    """The request's present head is part of it."""
    has_target: bool
    """The target as it is now is part of it."""
    is_seen: bool = True
    """The provider shows the head that the branch has."""


@dataclass(frozen=True)
class Past:
    """What was said of it before."""

    opened_at: datetime | None = None
    """When its present head was pushed."""
    words: str = ""
    said_at: datetime | None = None


def judge(view: PullView, shape: Shape, asked: Sequence[Review], past: Past, now: datetime) -> Standing:
    """Where it stands; `asked` are the reviews that ask for changes in what it shows now."""
    if view.state is PullState.MERGED:
        return Standing(Stand.MERGED, "its merge to be seen on the target")
    if not shape.is_ours:
        return Standing(Stand.FOREIGN, "somebody put other commits on its branch")
    if not shape.has_head:
        return Standing(Stand.STALE, "its gates, then its new head is pushed")
    if view.state is PullState.CLOSED:
        return Standing(Stand.CLOSED, "somebody closed it")
    if not shape.is_seen:
        return Standing(Stand.WAITS, "the provider to see its new head")
    if view.mergeable is Mergeable.CONFLICTING and not shape.has_target:
        return Standing(Stand.STALE, "its gates on the present target")
    return _reviewed(view, asked) or _checked(view, past, now) or _mergeable(view, shape)


def _reviewed(view: PullView, asked: Sequence[Review]) -> Standing | None:
    if view.reviews is not Reviews.CHANGES_REQUESTED:
        return None
    if asked:
        return Standing(Stand.CHANGES, f"changes that {asked[-1].author} asks for")
    return Standing(Stand.WAITS, "the reviewer who asked for changes to look again")


def _checked(view: PullView, past: Past, now: datetime) -> Standing | None:
    failed, pending = view.checks_in(CheckState.FAILED), view.checks_in(CheckState.PENDING)
    if failed:
        words = f"another look at failed checks: {_named(failed)}"
        is_old = past.words == words and past.said_at is not None and now - past.said_at >= LOOK_AGAIN_AFTER
        return Standing(Stand.FAILED if is_old else Stand.WAITS, words)
    wants = ["an approval"] if view.reviews is Reviews.REQUIRED else []
    if pending:
        wants.append(f"checks: {_named(pending)}")
    elif not view.checks and past.opened_at is not None and now - past.opened_at < CHECKS_APPEAR_WITHIN:
        wants.append("its checks to begin")
    return Standing(Stand.WAITS, " and ".join(wants)) if wants else None


def _mergeable(view: PullView, shape: Shape) -> Standing:
    match view.mergeable:
        case Mergeable.BEHIND if not shape.has_target:
            return Standing(Stand.STALE, "its gates on the present target")
        case Mergeable.BLOCKED:
            return Standing(Stand.WAITS, "a rule of the branch at the provider")
        case Mergeable.YES:
            return Standing(Stand.READY, "its gates")
        case _:
            return Standing(Stand.WAITS, "the provider to see whether it can be merged")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(sorted(names)[:_MOST_NAMED]) + more
