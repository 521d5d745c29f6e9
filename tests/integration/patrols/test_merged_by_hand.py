"""A silent session whose work somebody has merged already: the merge queue decides, and nobody starts anew."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gastown import assignments, beads, clock, config, git, patrols
from gastown.assignments import AssignmentState, Desired, NewAttempt, Reason
from gastown.beads import BeadStatus, NewBead
from gastown.db import unit_of_work
from gastown.patrols import Hands, Here, Patrol
from tests.support.refinery_town import RIG, RefineryTown, make_town, run_git


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> Iterator[RefineryTown]:
    made = make_town(tmp_path / "here", database_url)
    config.use(made.settings)
    yield made
    config.use(None)


def work_in_silence(town: RefineryTown) -> tuple[str, str, str]:
    """A session with one saved commit, silent for an hour: its bead, its branch, its commit."""
    with town.work() as session:
        bead = beads.create(session, NewBead("Do it", prefix=RIG), actor="ada")
        beads.mark_slung(session, bead.id, is_code=True, actor="ada")
        new = NewAttempt(bead.id, RIG, "command", Reason.SLING, start_oid=town.target())
        assignments.open_attempt(session, new, actor="ada", ready=True)
        row = assignments.claim(session, RIG, holder="here:1:1:boot", host="here", slots=9).assignment
        row.branch = f"polecat/nux/{bead.id}@1"
        hour_ago = clock.now() - timedelta(hours=1)
        row.claimed_at = row.started_at = row.active_at = row.progress_at = hour_ago
        row.expires_at = clock.now() + timedelta(minutes=5)
        branch = row.branch
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "checkout", "--quiet", "--detach", "origin/main")
    head = town.commit(town.person, {"b.txt": "two\n"}, "the agent's work")
    run_git(town.person, "push", "--quiet", str(town.work_git), f"HEAD:refs/heads/{branch}")
    save(town, bead.id, head)
    return bead.id, branch, head


def save(town: RefineryTown, bead_id: str, head: str) -> None:
    with town.work() as session:
        row = assignments.find_open(session, bead_id)
        assert row is not None
        assignments.note_saved(session, row.id or 0, 1, actor="here", head_oid=head, why="periodic")


def walk(town: RefineryTown) -> None:
    """The witness's walk, after the target was fetched."""
    git.fetch_target(town.land, "main")
    url = town.settings.database
    here = Here(town.settings, lambda: unit_of_work.reading(url))
    hands = Hands(here, lambda act: unit_of_work.transact(act, url), "witness")
    others = frozenset(check.name for check in patrols.ALL) - {"silent"}
    assert patrols.walk(hands, Patrol.WITNESS, skip=others).mended == 1


def test_work_that_a_person_merged_goes_to_the_queue_and_is_closed_as_landed(town: RefineryTown) -> None:
    bead, _, head = work_in_silence(town)
    run_git(town.person, "checkout", "--quiet", "-B", "main", "origin/main")
    run_git(town.person, "merge", "--quiet", "--no-ff", "-m", "by hand", head)
    run_git(town.person, "push", "--quiet", "origin", "main")
    walk(town)
    assert [row.state for row in town.attempts(bead)] == [AssignmentState.SUBMITTED]
    town.settle()
    assert town.bead(bead).status == BeadStatus.CLOSED
    assert len(town.attempts(bead)) == 1


def test_an_agent_that_only_brought_its_branch_up_to_date_is_restarted(town: RefineryTown) -> None:
    """Its newest commit is on the target, and nothing of it is its own."""
    bead, _, _ = work_in_silence(town)
    save(town, bead, town.push_to_target({"c.txt": "three\n"}))
    walk(town)
    (row,) = town.attempts(bead)
    assert (row.state, row.desired) == (AssignmentState.RUNNING, Desired.RESTART)


def test_work_that_is_on_its_branch_only_is_restarted(town: RefineryTown) -> None:
    bead, _, _ = work_in_silence(town)
    town.push_to_target({"c.txt": "three\n"})
    walk(town)
    (row,) = town.attempts(bead)
    assert (row.state, row.desired) == (AssignmentState.RUNNING, Desired.RESTART)
