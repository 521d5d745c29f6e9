"""What `gh` prints as JSON, read into our own words.

The fields are those of its manual (`gh pr view`, JSON FIELDS): `statusCheckRollup` holds check runs (`name`, `status`,
`conclusion`) and commit statuses (`context`, `state`); `reviews` name the commit that they speak of; an empty
`reviewDecision` means that the branch asks for no review; `mergeStateStatus` is the provider's own view of its rules.
"""

import json
from datetime import datetime
from typing import Any

from gastown.providers.errors import ProviderAway
from gastown.providers.provider import Check, CheckState, Mergeable, Pull, PullState, PullView, Review, Reviews

VIEW = ",".join(
    (
        *("number", "url", "state", "headRefOid", "mergeCommit", "mergeable", "mergeStateStatus", "reviewDecision"),
        *("statusCheckRollup", "reviews", "comments"),
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
_FAILED = frozenset({"ERROR", "FAILURE", "CANCELLED", "TIMED_OUT", "ACTION_REQUIRED", "STARTUP_FAILURE"})
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
        checks=tuple(_check(check) for check in row.get("statusCheckRollup") or ()),
        change_requests=tuple(review for state, review in reviews if state == "CHANGES_REQUESTED"),
        remarks=tuple(said[-_MOST_TOLD:]),
    )


def _mergeable(row: Any) -> Mergeable:
    if row["mergeable"] == "CONFLICTING":
        return Mergeable.CONFLICTING
    if row["mergeable"] == "UNKNOWN":
        return Mergeable.UNKNOWN
    return _MERGE_STATES.get(row.get("mergeStateStatus") or "", Mergeable.YES)


def _check(row: Any) -> Check:
    """A check run has a status and, once completed, a conclusion; a commit status has a state."""
    said = row.get("state") or (row.get("conclusion") if row.get("status") == "COMPLETED" else row.get("status"))
    state = CheckState.PASSED if said in _PASSED else CheckState.FAILED if said in _FAILED else CheckState.PENDING
    name = str(row.get("name") or row.get("context") or "a check")
    return Check(name, state, str(row.get("detailsUrl") or row.get("targetUrl") or ""))


def _review(row: Any, at: str) -> Review:
    moment = row.get(at)
    return Review(
        author=str((row.get("author") or {}).get("login") or "somebody"),
        body=str(row.get("body") or ""),
        submitted_at=datetime.fromisoformat(moment) if moment else None,
        head_oid=str((row.get("commit") or {}).get("oid") or ""),
    )
