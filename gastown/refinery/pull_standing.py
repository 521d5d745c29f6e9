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
# A merge that the target does not show by then was undone there, and its work is still to land.
MERGE_APPEARS_WITHIN = timedelta(minutes=5)
_MOST_NAMED = 5


class Stand(StrEnum):
    """What is to be done about a pull request."""

    WAITS = "waits"
    READY = "ready"  # approved and checked: its request boards, and is merged once its gates are green
    STALE = "stale"  # it must be brought up to date: its request boards, and its new head is pushed
    CHANGES = "changes"  # a reviewer asks for them
    FAILED = "failed"  # hosted checks
    CLOSED = "closed"  # by a person
    MERGED = "merged"  # by a person, and the target shows it
    FOREIGN = "foreign"  # somebody put commits on its branch


BOARDS = frozenset({Stand.READY, Stand.STALE})
# With which a request goes back: why, as data and in words.
KINDS = {
    Stand.CHANGES: ("changes_requested", "A reviewer of its pull request asks for changes."),
    Stand.FAILED: ("checks_failed", "Hosted checks of its pull request failed, also when they were looked at again."),
    Stand.CLOSED: ("pull_closed", "Somebody closed its pull request without merging it."),
    Stand.FOREIGN: (
        "pull_changed",
        "Somebody put commits on the branch of its pull request. Take them into your work, then submit again.",
    ),
}


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
    troubles: dict[int, str] = field(default_factory=dict)
    """Those that could not be dealt with, and why: this step leaves them alone."""
    is_due: bool | None = None
    """Whether this step asks the provider at all; None: not decided yet."""
    is_closing_tried: bool = False
    """Whether this step has had its try at those that were left open."""

    def forget(self, request_id: int) -> None:
        """It has changed by our own doing."""
        self.views.pop(request_id, None)
        self.standings.pop(request_id, None)


@dataclass(frozen=True)
class Shape:
    """What git knows of the branch of a pull request."""

    is_ours: bool
    """It is made of the target, heads of the bead's requests, what the queue put there, and clean merges of these."""
    has_head: bool
    """The request's present head is part of it."""
    has_target: bool
    """The target as it is now is part of it."""
    is_seen: bool = True
    """The provider shows the head that the branch has."""


@dataclass(frozen=True)
class Shown:
    """What git and the books know of the head that a pull request showed last, when it was closed or merged."""

    has_head: bool
    """The request's present head is part of it: one that was closed or merged before that was handed in has not."""
    has_landed: bool
    """The target has the request's present head, or the merge of what has that."""
    is_aimed: bool
    """The pull request goes, or went, into the rig's target."""


@dataclass(frozen=True)
class Past:
    """What was said and done before."""

    opened_at: datetime | None = None
    """When its present head was pushed."""
    words: str = ""
    said_at: datetime | None = None
    refused: str = ""
    """Why its merge is not asked for again just now; empty: it may be."""
    asked: Sequence[Review] = ()
    """The reviews that ask for changes in what it shows now."""


def judge(view: PullView, shape: Shape, shown: Shown, past: Past, now: datetime) -> Standing:
    """Where it stands."""
    if view.state is PullState.MERGED:
        return _merged(shown, past, now)
    if not shape.is_ours:
        return Standing(Stand.FOREIGN, "somebody put other commits on its branch")
    if view.state is PullState.CLOSED and shown.has_head:
        return Standing(Stand.CLOSED, "somebody closed it")
    if view.state is PullState.OPEN and not shown.is_aimed:
        return Standing(Stand.WAITS, f"its own target: somebody had it go into {view.target}")
    if not shape.has_head or view.state is PullState.CLOSED:
        return Standing(Stand.STALE, "its gates, then its new head is pushed")
    return _open(view, shape, past, now)


def _merged(shown: Shown, past: Past, now: datetime) -> Standing:
    """What was merged without the present head, or into another branch, has landed nothing: it needs a new one."""
    if shown.has_landed:
        return Standing(Stand.MERGED, "its landing to be written down")
    if not (shown.has_head and shown.is_aimed):
        return Standing(Stand.STALE, "its gates, then a new pull request: the one before was merged without it")
    words = "its merge to be seen on the target"
    return Standing(Stand.STALE if _is_old(words, past, now, MERGE_APPEARS_WITHIN) else Stand.WAITS, words)


def _is_old(words: str, past: Past, now: datetime, age: timedelta) -> bool:
    """Whether just this has been said for so long."""
    return past.words == words and past.said_at is not None and now - past.said_at >= age


def _open(view: PullView, shape: Shape, past: Past, now: datetime) -> Standing:
    if not shape.is_seen:
        return Standing(Stand.WAITS, "the provider to see its new head")
    if view.mergeable is Mergeable.CONFLICTING and not shape.has_target:
        return Standing(Stand.STALE, "its gates on the present target")
    return _reviewed(view, past) or _checked(view, past, now) or _mergeable(view, shape, past)


def _reviewed(view: PullView, past: Past) -> Standing | None:
    if view.reviews is not Reviews.CHANGES_REQUESTED:
        return None
    if past.asked:
        return Standing(Stand.CHANGES, f"changes that {past.asked[-1].author} asks for")
    return Standing(Stand.WAITS, "the reviewer who asked for changes to look again")


def _checked(view: PullView, past: Past, now: datetime) -> Standing | None:
    failed, pending = view.checks_in(CheckState.FAILED), view.checks_in(CheckState.PENDING)
    if failed:
        words = f"another look at failed checks: {_named(failed)}"
        return Standing(Stand.FAILED if _is_old(words, past, now, LOOK_AGAIN_AFTER) else Stand.WAITS, words)
    wants = ["an approval"] if view.reviews is Reviews.REQUIRED else []
    stopped = [f"{check.name} {check.trouble}" for check in view.checks if check.state is CheckState.STOPPED]
    if stopped:
        wants.append(f"checks to be started again: {_named(stopped)}")
    if pending:
        wants.append(f"checks: {_named(pending)}")
    elif not view.checks and past.opened_at is not None and now - past.opened_at < CHECKS_APPEAR_WITHIN:
        wants.append("its checks to begin")
    return Standing(Stand.WAITS, " and ".join(wants)) if wants else None


def _mergeable(view: PullView, shape: Shape, past: Past) -> Standing:
    match view.mergeable:
        case Mergeable.BEHIND if not shape.has_target:
            return Standing(Stand.STALE, "its gates on the present target")
        case Mergeable.BLOCKED:
            return Standing(Stand.WAITS, "a rule of the branch at the provider")
        case Mergeable.YES if past.refused:
            return Standing(Stand.WAITS, past.refused)
        case Mergeable.YES:
            return Standing(Stand.READY, "its gates")
        case _:
            return Standing(Stand.WAITS, "the provider to see whether it can be merged")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(sorted(names)[:_MOST_NAMED]) + more
