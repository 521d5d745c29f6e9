"""Whom else a red merge may be laid to: what was in the train before it, and what landed since its branch began."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from gastown import git
from gastown.errors import GastownError
from gastown.refinery import queries
from gastown.refinery.candidate import Repository
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.judgement import GREEN
from gastown.refinery.models import GateRun, IntentState, LandingIntent, MergeHead, MergeRequest

MOST_NAMED = 20
_MOST_PATHS = 10
# Landings since a branch began that are looked through, newest first.
_MOST_LANDINGS = 200


@dataclass(frozen=True)
class Other:
    """Somebody else's change that the merge had in it."""

    bead_id: str
    title: str
    request: int
    head_id: int
    head_oid: str
    base_oid: str
    """The target on which it was put."""
    landed_oid: str = ""
    paths: Sequence[str] = field(default_factory=tuple)
    """Files that both change."""

    def as_json(self) -> dict[str, Any]:
        """For the polecat that gets the rework."""
        facts: dict[str, Any] = {"bead": self.bead_id, "title": self.title, "request": self.request}
        return facts | {"landed": self.landed_oid or None, "paths": list(self.paths)}


def explain(desk: Desk, view: View, entry: Entry, run: GateRun | None, summary: str) -> dict[str, object]:
    """What else was in the red merge of this request, for its rework: `ahead`, `suspects`, `clash`, a longer `summary`.

    `clash` is "shown" where its change has passed on its own, "possible" where there is somebody else at all, and
    "none" where nobody else was in it. Files that both change make a suspect; where there are none, all are.
    """
    ahead, landed, passed = _read(desk, view, entry, run)
    # With whom it has passed before, it passes.
    others = [other for other in (*ahead, *landed) if other.head_id not in (passed or ())]
    suspects = _suspects(view.repository, entry, others)
    clash = "none" if not suspects else "possible" if passed is None else "shown"
    return {
        "ahead": [other.as_json() for other in ahead[:MOST_NAMED]],
        "suspects": [other.as_json() for other in suspects[:MOST_NAMED]],
        "clash": clash,
        "summary": summary + _say(clash, suspects),
    }


def _say(clash: str, suspects: Sequence[Other]) -> str:
    named = ", ".join(_name(other) for other in suspects[:3]) + (" and others" if len(suspects) > 3 else "")
    if clash == "shown":
        return f" It has passed without them: it clashes with {named}."
    return f" It may clash with {named}." if clash == "possible" else ""


def _name(other: Other) -> str:
    where = f", which changes {', '.join(other.paths[:3])} too" if other.paths else ""
    return f"{other.bead_id} ({other.title}{where})"


def _read(
    desk: Desk, view: View, entry: Entry, run: GateRun | None
) -> tuple[list[Other], list[Other], list[int] | None]:
    """Those ahead in the run, those that landed since the branch began, and with which heads it has passed before.

    What had landed by the time at which it passed is among neither: it was in that run's base.
    """
    repository, base, head = view.repository, entry.change.request.base_oid, entry.change.head
    tree = ""
    with suppress(GastownError):
        tree = git.tree_of(repository.land, head.head_oid)
    with desk.write() as session:
        passed = _last_pass(session, view, entry, tree)
    commits = _landed_since(repository, base, head.head_oid, passed.base_oid if passed else None)
    numbers = [number for number in (run.riders if run else []) if number != head.id]
    with desk.write() as session:
        ahead = _others(session, numbers, base)
        known = {other.request for other in ahead}
        landed = []
        for intent in _landings(session, view.rig.name, commits):
            riders = _others(session, intent.riders or [intent.head_id], intent.base_oid, intent.new_oid)
            landed += [other for other in riders if other.request not in known]
    return ahead, landed, list(passed.riders) if passed else None


def _landed_since(repository: Repository, base: str, head: str, passed_on: str | None) -> list[str]:
    """The commits of the target's own line since the branch began, less those on which it has passed."""
    commits: list[str] = []
    with suppress(GastownError):
        fork = git.merge_base(repository.land, base, head)
        commits = [commit.oid for commit in git.first_parent(repository.land, fork, base)]
    with suppress(GastownError):  # one that is not here any more tells nothing
        if passed_on is not None:
            after = {commit.oid for commit in git.first_parent(repository.land, passed_on, base)}
            commits = [oid for oid in commits if oid in after]
    return commits[-_MOST_LANDINGS:]


def _others(session: Session, numbers: Sequence[int], base: str, landed: str = "") -> list[Other]:
    rows = session.exec(
        select(MergeHead, MergeRequest)
        .join(MergeRequest, col(MergeRequest.id) == col(MergeHead.request_id))
        .where(col(MergeHead.id).in_(numbers))
    ).all()
    titles = queries.beads_of(session, [request for _head, request in rows])
    found = {
        head.id: Other(
            bead_id=request.bead_id,
            title=titles.get(request.bead_id, ("", ""))[0],
            request=request.id or 0,
            head_id=head.id or 0,
            head_oid=head.head_oid,
            base_oid=base,
            landed_oid=landed or request.landed_oid,
        )
        for head, request in rows
    }
    return [found[number] for number in numbers if number in found]


def _landings(session: Session, rig: str, commits: Sequence[str]) -> Sequence[LandingIntent]:
    return session.exec(
        select(LandingIntent)
        .where(
            LandingIntent.rig == rig,
            LandingIntent.state == IntentState.LANDED,
            col(LandingIntent.new_oid).in_(commits),
        )
        .order_by(col(LandingIntent.id).desc())
    ).all()


def _last_pass(session: Session, view: View, entry: Entry, tree: str) -> GateRun | None:
    """The last run that passed this very head: on an earlier target, without some riders, or all alone."""
    query = select(GateRun).where(
        GateRun.rig == view.rig.name,
        GateRun.config_hash == view.config_hash,
        col(GateRun.verdict).in_(GREEN),
        col(GateRun.is_void).is_(False),
        (col(GateRun.head_oid) == entry.change.head.head_oid) | (col(GateRun.tree_oid) == tree),
    )
    return session.exec(query.order_by(col(GateRun.id).desc()).limit(1)).first()


def _suspects(repository: Repository, entry: Entry, others: Sequence[Other]) -> list[Other]:
    """Those whose changed files are among its own; where there is none, all of them."""
    own = _changed(repository, entry.change.request.base_oid, entry.change.head.head_oid)
    found = []
    for other in others[:MOST_NAMED]:
        both = sorted(own & _changed(repository, other.base_oid, other.head_oid))[:_MOST_PATHS]
        if both:
            values = {**vars(other), "paths": tuple(both)}
            found.append(Other(**values))
    return found or list(others)


def _changed(repository: Repository, base: str, head: str) -> set[str]:
    """The files that a head changes since it left `base`; none where the commits are not here any more."""
    with suppress(GastownError):
        fork = git.merge_base(repository.land, base, head)
        return set(git.changed_paths(repository.land, fork, head)) if fork else set()
    return set()
