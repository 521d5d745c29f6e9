"""Moving refs of the remote. Each push names the value it expects; what came of it is read from the remote itself."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gastown.errors import Unavailable
from gastown.git import history, remote
from gastown.git.errors import GitTimedOut, NotFastForward, RemoteUnreachable
from gastown.git.locks import exclusive
from gastown.git.names import check_branch_name, check_oid
from gastown.git.remote import FENCE_REF, PushSupport
from gastown.git.run import NETWORK_TIMEOUT_S, Options, Result, git

_SEEN_FENCE = "refs/gastown/fence-seen"
_BRANCHES_A_PUSH = 200  # each costs some 500 bytes of a command line
_REMOTE_SAID_NO = "[remote rejected]"
"""After `[remote failure]` it may have arrived all the same."""
_SAID_NO = ("[rejected]", _REMOTE_SAID_NO)
"""The summaries by which a porcelain push says no; the first is this host's own git, of what the remote showed it."""


class Pushed(StrEnum):
    """What came of a push."""

    LANDED = "landed"
    """The ref has the new value, by this push or an earlier one of the same."""
    TARGET_MOVED = "target_moved"
    """The ref is not where we expected it. For a landing: fetch, and see whether the commit is in after all."""
    FENCE_MOVED = "fence_moved"
    """Another landing moved the fence: whoever pushed this holds the rig no longer."""
    REFUSED = "refused"
    """The remote stands where we expected it and said no: a hook, a protected branch, an unclean checkout."""
    UNKNOWN = "unknown"
    """The answer was lost; the push may still arrive. Look at the remote again before doing anything else."""


@dataclass(frozen=True)
class PushOutcome:
    """What came of a push, with the remote's words for people."""

    kind: Pushed
    reason: str = ""
    fence: str | None = None
    """The blob that the fence ref names now, as far as known: what the next landing expects."""


@dataclass(frozen=True)
class Landing:
    """One move of a rig's target."""

    branch: str
    base: str
    """Where the target stands."""
    new: str
    """A descendant of base whose tree has passed the gates."""
    fence_text: str
    """Names fence, intent and new commit; must differ for every landing, or the fence would not move."""
    expect_fence: str | None
    """The blob that the fence ref names, None when it is absent."""
    support: PushSupport


@dataclass(frozen=True)
class Fence:
    """The remote's fence ref."""

    oid: str
    text: str


def read_fence(land: Path) -> Fence | None:
    """The fence as it stands at the remote, or None where there is none."""
    oid = remote.ls(land, (FENCE_REF,)).get(FENCE_REF)
    if oid is None:
        return None
    if not history.has_blob(land, oid):
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", f"+{FENCE_REF}:{_SEEN_FENCE}")
        result = git(land, *fetch, options=Options(as_user=True, expect=None))
        if result.code or not history.has_blob(land, oid):
            raise RemoteUnreachable(
                f"the fence could not be fetched: {result.complaint or 'it moved'}", hint="Try again."
            )
    return Fence(oid, history.read_text(land, oid))


def push_landing(land: Path, landing: Landing) -> PushOutcome:
    """Move the target from base to new, and the fence with it, or nothing at all.

    Refuses (`NotFastForward`) a commit that does not descend from base. Only a "no" of the remote's own that is said
    twice is a refusal: one may have been to a lock that another push of the same landing held.
    """
    target = f"refs/heads/{check_branch_name(landing.branch)}"
    if landing.new == landing.base or not history.is_ancestor(land, landing.base, landing.new):
        raise NotFastForward(f"{landing.new} is no descendant of {landing.base}")
    fenced = landing.support.atomic and landing.support.fence_refs
    fence = check_oid(git(land, "hash-object", "-w", "--stdin", options=Options(input=landing.fence_text)).line)
    words = [_lease(target, landing.base), "origin", f"{landing.new}:{target}"]
    if fenced:
        words = ["--atomic", _lease(FENCE_REF, landing.expect_fence), *words, f"{fence}:{FENCE_REF}"]
    with _one_at_a_time(land):
        outcome = _land(land, landing, target, words, fence if fenced else None)
        if outcome.kind is Pushed.REFUSED:
            outcome = _land(land, landing, target, words, fence if fenced else None)
    return outcome


def _one_at_a_time(land: Path) -> AbstractContextManager[object]:
    """Into a checkout on this host landings go one after the other: there git updates the files before it has compared
    all refs. Elsewhere nobody waits for a holder that has been stopped in the middle of a push.
    """
    if remote.checkout_of(remote.origin(land)) is None:
        return nullcontext()
    return exclusive(land / "gastown.landing.flock", timeout_s=NETWORK_TIMEOUT_S)


def _land(land: Path, landing: Landing, target: str, words: list[str], fence: str | None) -> PushOutcome:
    result = _push(land, words)
    if result is not None and result.code == 0:
        return PushOutcome(Pushed.LANDED, fence=fence)
    now = _look(land, (target, FENCE_REF))
    reason = "the push did not end in time" if result is None else result.complaint
    if now is None:
        return PushOutcome(Pushed.UNKNOWN, reason)
    said_no = _said_no(result, target, (_REMOTE_SAID_NO,))
    return PushOutcome(_judge(landing, now.get(target), now.get(FENCE_REF), fence, said_no), reason, now.get(FENCE_REF))


def _judge(landing: Landing, target: str | None, fence: str | None, ours: str | None, said_no: bool) -> Pushed:
    """What the remote's refs say about a landing that was not acknowledged; `ours` is None for one without a fence.

    The remote shows what we expect, and our git would not push because the remote showed it something else: it shows
    old values to some who ask. That is no refusal; later it shows where it stands.
    """
    if target == landing.new or (ours is not None and fence == ours != landing.expect_fence):
        return Pushed.LANDED
    if ours is not None and fence != landing.expect_fence:
        return Pushed.FENCE_MOVED
    if target != landing.base:
        return Pushed.TARGET_MOVED
    return Pushed.REFUSED if said_no else Pushed.UNKNOWN


def push_branch(land: Path, branch: str, oid: str, *, expect: str | None) -> PushOutcome:
    """Give a branch of the remote the value `oid` if it has the value `expect` (None: if it does not exist)."""
    return _move(land, f"refs/heads/{check_branch_name(branch)}", check_oid(oid), expect)


def delete_branch(land: Path, branch: str, *, expect: str) -> PushOutcome:
    """Delete a branch of the remote if it has the value `expect`; one that is gone already counts as deleted."""
    return _move(land, f"refs/heads/{check_branch_name(branch)}", None, check_oid(expect))


def delete_branches(land: Path, branches: Mapping[str, str]) -> None:
    """Delete branches of the remote, by name, each if it has the value given, in as few pushes as there can be.

    One that cannot be deleted holds no other up; what became of each only the remote says. Raises `GitTimedOut`.
    """
    named = {f"refs/heads/{check_branch_name(branch)}": oid for branch, oid in branches.items()}
    refs = sorted(named)
    for batch in (refs[at : at + _BRANCHES_A_PUSH] for at in range(0, len(refs), _BRANCHES_A_PUSH)):
        remote.push(land, *(_lease(ref, named[ref]) for ref in batch), "origin", *(f":{ref}" for ref in batch))


def _move(land: Path, ref: str, new: str | None, expect: str | None) -> PushOutcome:
    result = _push(land, [_lease(ref, expect), "origin", f"{new or ''}:{ref}"])
    if result is not None and result.code == 0:
        return PushOutcome(Pushed.LANDED)
    now = _look(land, (ref,))
    reason = "the push did not end in time" if result is None else result.complaint
    if now is None:
        return PushOutcome(Pushed.UNKNOWN, reason)
    value = now.get(ref)
    if value == new:
        return PushOutcome(Pushed.LANDED)
    if value != expect:
        return PushOutcome(Pushed.TARGET_MOVED, reason)
    return PushOutcome(Pushed.REFUSED if _said_no(result, ref) else Pushed.UNKNOWN, reason)


def _lease(ref: str, expect: str | None) -> str:
    return f"--force-with-lease={ref}:{check_oid(expect) if expect is not None else ''}"


def _push(land: Path, words: list[str]) -> Result | None:
    """The answer to a push, or None when it was cut off."""
    try:
        return remote.push(land, *words)
    except GitTimedOut:
        return None


def _look(land: Path, refs: tuple[str, ...]) -> dict[str, str] | None:
    """The remote's refs, or None when it cannot be asked."""
    try:
        return remote.ls(land, refs)
    except Unavailable:
        return None


def _said_no(result: Result | None, ref: str, words: tuple[str, ...] = _SAID_NO) -> bool:
    """Whether the push got as far as a "no" for this ref, so that nothing of it can still arrive."""
    return result is not None and remote.statuses(result).get(ref, "").startswith(words)
