"""What a host lets go of by itself: pins and worktrees that nobody needs, and nothing that holds work."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlmodel import Session

from gastown import clock, git, rigs, town
from gastown.agents import Polecat, WorktreeState
from gastown.town.reconciling import tidy_host
from tests.support.refinery_town import RIG, RefineryTown, make_town, run_git

T = TypeVar("T")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of this test alone: no age is too young here."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def place(database_url: str, tmp_path: Path, temporary: Path) -> RefineryTown:
    return make_town(tmp_path / "here", database_url)


def tidy(place: RefineryTown) -> bool:
    def transact(act: Callable[[Session], T]) -> T:
        with place.work() as session:
            return act(session)

    return tidy_host(town.Caller(place.settings, "here:1:1:boot", transact, place.work), older_than_s=0)


def again(place: RefineryTown) -> bool:
    with place.work() as session:
        session.connection().exec_driver_sql("UPDATE leases SET expires_at = NULL")
    return tidy(place)


def test_pins_of_open_requests_and_of_work_that_is_nowhere_else_stay(place: RefineryTown) -> None:
    place.settle()
    waits = place.submit({"x.txt": "x\n"})
    place.step()
    head = place.request(waits).candidate_oid
    lonely = place.commit(place.person, {"z.txt": "z\n"}, "held by its pin alone")
    run_git(place.person, "push", "--quiet", str(place.work_git), "HEAD:refs/heads/short-lived")
    git.fetch_head(place.land, place.work_git, lonely)
    run_git(place.work_git, "update-ref", "-d", "refs/heads/short-lived")
    pinned = set(git.list_pins(place.land))

    assert tidy(place)

    assert set(git.list_pins(place.land)) == pinned
    assert lonely in pinned
    assert head
    place.settle()
    assert place.landed == [waits]


def test_the_pin_of_a_commit_that_the_target_has_goes(place: RefineryTown) -> None:
    place.settle()
    landed = place.target()
    git.pin(place.land, landed)

    assert tidy(place)
    assert not tidy(place)  # once in ten minutes

    assert landed not in git.list_pins(place.land)
    assert git.has_commit(place.land, landed)


def test_the_pin_of_a_commit_whose_work_was_squashed_into_the_target_goes(place: RefineryTown) -> None:
    with place.work() as session:
        rigs.update(session, RIG, landing=rigs.LandingStyle.SQUASH, actor="ada")
    landed, waits = place.submit({"x.txt": "x\n"}), place.submit({"y.txt": "y\n"})
    place.settle()
    again_pinned, other = place.request_head(landed), place.request_head(waits)
    git.fetch_heads(place.land, place.work_git, [again_pinned, other])
    for oid in (again_pinned, other):  # the polecat's worktree is gone, and its branch with it
        for name in run_git(place.work_git, "for-each-ref", "--format=%(refname)", f"--points-at={oid}").split():
            run_git(place.work_git, "update-ref", "-d", name)
    with place.work() as session:
        session.connection().exec_driver_sql(f"UPDATE merge_requests SET landed_oid = '' WHERE bead_id = '{waits}'")

    assert tidy(place)

    assert not git.find_merged(place.land, {again_pinned}, place.target())
    assert again_pinned not in git.list_pins(place.land)
    assert other in git.list_pins(place.land), "nobody says which commit holds its work"


def make_worktree(place: RefineryTown, name: str) -> Path:
    path = rigs.polecats_dir(place.settings.town, RIG) / name
    git.prepare_worktree(place.work_git, path, f"polecat/{name}/app-1@1", place.target())
    old = clock.now().timestamp() - 60
    os.utime(path, (old, old))
    return path


def test_worktrees_that_no_polecat_has_go_when_all_in_them_is_on_a_branch(place: RefineryTown) -> None:
    clean, dirty, used = (make_worktree(place, name) for name in ("clean", "dirty", "used"))
    (dirty / "new.txt").write_text("not committed\n")
    os.utime(dirty, (0, 0))
    with place.work() as session:
        state = WorktreeState.CLEAN
        session.add(
            Polecat(
                address=f"{RIG}/polecats/toast",
                rig=RIG,
                name="toast",
                host="here",
                worktree="used",
                worktree_state=state,
                created_at=clock.now(),
            )
        )

    assert tidy(place)

    assert not clean.exists()
    assert (dirty / "new.txt").read_text() == "not committed\n"
    assert used.exists()
    assert run_git(place.work_git, "rev-parse", "refs/heads/polecat/clean/app-1@1") == place.target()


def test_no_worktree_goes_while_something_runs_whose_place_is_not_known(place: RefineryTown) -> None:
    path = make_worktree(place, "clean")
    bead_id = place.submit({"x.txt": "x\n"})
    with place.work() as session:
        session.connection().exec_driver_sql(
            f"UPDATE assignments SET state = 'running', polecat = NULL, host = 'here' WHERE bead_id = '{bead_id}'"
        )

    assert tidy(place)

    assert path.exists()
    with place.work() as session:
        session.connection().exec_driver_sql("UPDATE assignments SET state = 'submitted'")
    assert again(place)
    assert not path.exists()


def test_the_scratch_of_merges_that_were_cut_off_goes_when_it_is_old(place: RefineryTown, temporary: Path) -> None:
    old, young, other, link = (
        temporary / name for name in ("gastown-merge-a", "gastown-merge-b", "a", "gastown-merge-c")
    )
    for folder in (old, young, other):
        (folder / "tree").mkdir(parents=True)
    link.symlink_to(other)
    for path in (old, other):
        os.utime(path, (0, 0))
    future = clock.now().timestamp() + 3600
    os.utime(young, (future, future))

    assert tidy(place)

    assert not old.exists()
    assert young.exists()
    assert link.is_symlink()
    assert (other / "tree").exists()
