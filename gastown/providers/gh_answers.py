"""What `gh` prints as JSON, read into our own words.

The fields are those of its manual (`gh pr view`, JSON FIELDS): `statusCheckRollup` holds check runs (`name`, `status`,
`conclusion`) and commit statuses (`context`, `state`), earlier runs of the same check among them; `reviews` name the
commit that they speak of; an empty `reviewDecision` means that the branch asks for no review; `mergeStateStatus` is the
provider's own view of its rules.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gastown.providers.errors import ProviderAway
from gastown.providers.provider import Check, CheckState, Mergeable, Pull, PullState, PullView, Review, Reviews

LIST = "number,url,isCrossRepository"
VIEW = ",".join(
    (
        *("number", "url", "state", "headRefOid", "mergeCommit", "mergeable", "mergeStateStatus", "reviewDecision"),
        *("statusCheckRollup", "reviews", "comments", "baseRefName"),
    )
)
_STATES = {"OPEN": PullState.OPEN, "MERGED": PullState.MERGED, "CLOSED": PullState.CLOSED}
_DECISIONS = {
    "APPROVED": Reviews.APPROVED,
    "REVIEW_REQUIRED": Reviews.REQUIRED,
    "CHANGES_REQUESTED": Reviews.CHANGES_REQUESTED,
    "": Reviews.NOT_REQUIRED,
}
_PASSED = frozenset({"SUCCESS", "NEUTRAL", "SKIPPED"})
# The one word that speaks of the head. The others are trouble of whoever runs the checks ("error" of a commit status is
# said where the service itself fell over), and nobody is blamed for that.
_FAILED = "FAILURE"
_STOPPED = {
    "CANCELLED": "was cancelled",
    "TIMED_OUT": "ran out of time",
    "ACTION_REQUIRED": "asks a person to act",
    "STARTUP_FAILURE": "did not start",
    "STALE": "was given up",
    "ERROR": "broke down",
}
_NEVER = "0001-"
_MERGE_STATES = {
    "BEHIND": Mergeable.BEHIND,
    "DIRTY": Mergeable.CONFLICTING,
    "BLOCKED": Mergeable.BLOCKED,
    "DRAFT": Mergeable.BLOCKED,
    "UNKNOWN": Mergeable.UNKNOWN,
}
_MOST_TOLD = 20


def unreadable() -> ProviderAway:
    """What to raise for an answer of another form."""
    return ProviderAway(
        "gh answered in a form that is not known",
        hint="Update gh, and see what `gh pr view NUMBER --json number,url` prints by hand.",
    )


def read(text: str) -> Any:
    """The JSON that gh printed."""
    try:
        return json.loads(text)
    except ValueError:
        raise unreadable() from None


def read_pull(row: Any) -> Pull:
    """Number and address of a pull request."""
    try:
        return Pull(int(row["number"]), str(row["url"]))
    except (KeyError, TypeError, ValueError):
        raise unreadable() from None


def read_own(row: Any) -> Pull | None:
    """The same, or None for a pull request that comes from somebody's fork."""
    pull = read_pull(row)
    if not isinstance(row.get("isCrossRepository"), bool):
        raise unreadable()
    return None if row["isCrossRepository"] else pull


def read_view(row: Any) -> PullView:
    """A pull request from what `gh pr view --json` printed."""
    try:
        return _view(row)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise unreadable() from None


def _view(row: Any) -> PullView:
    reviews = [(str(review.get("state")), _review(review, "submittedAt")) for review in row.get("reviews") or ()]
    said = [review for state, review in reviews if state != "CHANGES_REQUESTED" and review.body]
    said += [_review(comment, "createdAt") for comment in row.get("comments") or ()]
    return PullView(
        pull=read_pull(row),
        state=_STATES[row["state"]],
        head_oid=str(row["headRefOid"]),
        reviews=_DECISIONS[row.get("reviewDecision") or ""],
        mergeable=_mergeable(row),
        merge_oid=str((row.get("mergeCommit") or {}).get("oid") or ""),
        target=str(row["baseRefName"]),
        checks=tuple(_check(check) for check in _newest(row.get("statusCheckRollup") or ())),
        change_requests=tuple(review for state, review in reviews if state == "CHANGES_REQUESTED"),
        remarks=tuple(said[-_MOST_TOLD:]),
    )


def _mergeable(row: Any) -> Mergeable:
    if row["mergeable"] == "CONFLICTING":
        return Mergeable.CONFLICTING
    if row["mergeable"] == "UNKNOWN":
        return Mergeable.UNKNOWN
    return _MERGE_STATES.get(row.get("mergeStateStatus") or "", Mergeable.YES)


def _newest(rows: Iterable[Any]) -> list[Any]:
    """The last run of each check, known by name and workflow: one that was started again stands for those before it."""
    found: dict[tuple[str, ...], Any] = {}
    for row in sorted(rows, key=_started):
        found[str(row.get("__typename")), _name(row), str(row.get("workflowName") or "")] = row
    return list(found.values())


def _started(row: Any) -> tuple[bool, str]:
    """What has not started yet was asked for last; gh shows the year 1 for it."""
    at = str(row.get("startedAt") or "")
    return (not at or at.startswith(_NEVER), at)


def _name(row: Any) -> str:
    return str(row.get("name") or row.get("context") or "a check")


def _check(row: Any) -> Check:
    """A check run has a status and, once completed, a conclusion; a commit status has a state."""
    said = row.get("state") or (row.get("conclusion") if row.get("status") == "COMPLETED" else row.get("status"))
    trouble = _STOPPED.get(said or "", "")
    state = CheckState.STOPPED if trouble else CheckState.FAILED if said == _FAILED else CheckState.PENDING
    state = CheckState.PASSED if said in _PASSED else state
    return Check(_name(row), state, str(row.get("detailsUrl") or row.get("targetUrl") or ""), trouble)


def _review(row: Any, at: str) -> Review:
    moment = row.get(at)
    return Review(
        author=str((row.get("author") or {}).get("login") or "somebody"),
        body=str(row.get("body") or ""),
        submitted_at=datetime.fromisoformat(moment) if moment else None,
        head_oid=str((row.get("commit") or {}).get("oid") or ""),
    )
