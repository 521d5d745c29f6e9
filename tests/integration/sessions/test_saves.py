"""The work of a running agent is safe elsewhere before anything happens to it."""

import shutil
from pathlib import Path

import pytest

from gastown import agents, assignments, git, rigs, sessions
from gastown.assignments import AssignmentState, Reason
from gastown.db.unit_of_work import unit_of_work
from gastown.errors import Unavailable
from gastown.sessions import saving, worksite
from tests.support.refinery_town import RIG, run_git
from tests.support.session_host import Host
from tests.support.towns import wait_until

WAITS = "while ! [ -e go ]; do sleep 0.05; done"


def site_of(here: Host, number: int) -> worksite.Site:
    with unit_of_work() as session:
        row = assignments.get(session, number)
        return worksite.site_of(here.settings, rigs.get(session, RIG), row, agents.get(session, row.polecat or ""))


def refs(here: Host, pattern: str) -> list[str]:
    return run_git(rigs.work_git(here.settings.town, RIG), "for-each-ref", "--format=%(refname)", pattern).split()


def wait_for_save(here: Host, number: int) -> str:
    wait_until(lambda: here.row(number).head_oid, "the work is saved", within_s=20)
    return here.row(number).head_oid


@pytest.mark.usefixtures("quick")
def test_uncommitted_work_is_at_the_remote_while_its_agent_goes_on_undisturbed(here: Host) -> None:
    _, number = here.sling(f"echo half > draft.txt; {WAITS}; git status --porcelain > ../status.txt; exit 3")
    watch = here.watch(here.worker(), number)

    head = wait_for_save(here, number)

    row = here.row(number)
    assert here.at_remote(row.branch, "draft.txt") == "half\n"
    assert row.state is AssignmentState.RUNNING
    worktree = here.worktree()
    assert run_git(worktree, "rev-parse", "HEAD") == row.base_oid != head
    (worktree / "go").touch()
    assert watch.result() == "failed"
    assert (worktree.parent / "status.txt").read_text().split() == ["??", "draft.txt", "??", "go"]
    assert refs(here, worksite.SNAPSHOTS) == []


@pytest.mark.usefixtures("quick")
def test_a_successor_goes_on_from_the_last_save_when_the_worktree_was_deleted(here: Host) -> None:
    bead_id, number = here.sling(f"echo half > draft.txt; {WAITS}")
    watch = here.watch(here.worker(), number)
    head = wait_for_save(here, number)

    shutil.rmtree(here.worktree())

    assert watch.result() == "lost"
    assert here.process(number) is None
    following = here.last(bead_id)
    assert (following.reason, following.base_oid) == (Reason.TAKEOVER, head)
    assert "worktree was deleted" in here.row(number).outcome
    second = here.watch(here.worker(), following.id or 0)
    wait_until(lambda: here.process(following.id or 0), "the next agent runs")
    assert (here.worktree() / "draft.txt").read_text() == "half\n"
    assert run_git(here.worktree(), "status", "--porcelain") == ""
    (here.worktree() / "go").touch()
    assert second.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_work_that_did_not_change_makes_no_commit_and_no_progress(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _, number = here.sling(f"echo half > draft.txt; {WAITS}; exit 3")
    office = here.worker()
    taken: list[str] = []
    snapshot = worksite.snapshot

    def count(*args: object, **more: object) -> object:
        taken.append("x")
        return snapshot(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(worksite, "snapshot", count)
    watch = here.watch(office, number)
    wait_for_save(here, number)
    entry = office.book.find(number)
    assert entry is not None
    progress = entry.progress_at
    looks: list[object] = []
    monkeypatch.setattr(saving, "save_now", lambda *_args, **_more: looks.append(1) or save_now(*_args, **_more))
    wait_until(lambda: len(looks) >= 2, "it was looked at again", within_s=20)

    assert (len(taken), entry.progress_at) == (1, progress)
    (here.worktree() / "draft.txt").write_text("more\n")
    wait_until(lambda: entry.progress_at > progress, "the change is seen", within_s=20)
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"


save_now = saving.save_now


@pytest.mark.usefixtures("quick")
def test_a_save_that_fails_is_tried_again_and_ends_nothing(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _, number = here.sling(f"echo half > draft.txt; {WAITS}; exit 3")
    failures = [Unavailable("the disk is full"), OSError(28, "No space left on device")]
    take = git.snapshot_work

    def snapshot(*args: object, **more: object) -> git.Saved:
        if failures:
            raise failures.pop()
        return take(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "snapshot_work", snapshot)
    monkeypatch.setattr(saving, "TRY_AGAIN_S", 0.1)
    watch = here.watch(here.worker(), number)

    wait_for_save(here, number)

    assert failures == []
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"


@pytest.mark.usefixtures("quick")
def test_nothing_is_noted_that_other_hosts_could_not_find(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remote is away: the snapshot stays here until it can be sent."""
    monkeypatch.setattr(saving, "TRY_AGAIN_S", 0.5)
    _, number = here.sling(f"echo half > draft.txt; {WAITS}; exit 3")
    away = here.remote.with_name("away.git")
    here.remote.rename(away)
    watch = here.watch(here.worker(), number)
    wait_until(lambda: refs(here, worksite.SNAPSHOTS), "the work is saved on this host", within_s=20)
    assert here.row(number).head_oid == ""

    away.rename(here.remote)

    wait_until(lambda: here.row(number).head_oid, "the work is sent", within_s=90)
    (here.worktree() / "go").touch()
    assert watch.result() == "failed"


def hold(here: Host) -> tuple[int, sessions.Office, sessions.LeaseBook, Path]:
    """A session that runs and waits."""
    _, number = here.sling(f"echo half > draft.txt; {WAITS}; exit 3")
    office = here.worker()
    here.watch(office, number)
    wait_until(lambda: here.process(number) and (here.worktree() / "draft.txt").exists(), "the agent runs")
    return number, office, office.book, here.worktree()


def test_what_the_agent_hands_in_replaces_a_snapshot_and_no_snapshot_replaces_that(here: Host) -> None:
    number, office, _, worktree = hold(here)
    site = site_of(here, number)
    first, is_new = worksite.snapshot(site, number, agent="agent", why="it runs")
    assert is_new
    assert worksite.send_snapshot(site, first)
    run_git(worktree, "add", "draft.txt")
    run_git(worktree, "commit", "-qm", "Mine")
    own = run_git(worktree, "rev-parse", "HEAD")

    assert worksite.forward(site, own)
    assert not worksite.send_snapshot(site, first)

    assert run_git(here.remote, "rev-parse", f"refs/heads/{site.branch}") == own
    (worktree / "more.txt").write_text("x")
    later, _ = worksite.snapshot(site, number, agent="agent", why="it runs")
    assert worksite.send_snapshot(site, later)
    here.leave(office)


@pytest.mark.usefixtures("quick")
def test_nothing_is_pushed_while_the_lease_cannot_be_renewed(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    number, office, book, worktree = hold(here)
    entry = book.find(number)
    assert entry is not None

    def away(*_args: object) -> list[assignments.HeldLease]:
        raise Unavailable("no answer")

    renew = book._renew
    monkeypatch.setattr(book, "_renew", away)
    entry.renewed_at -= 2 * book.ttl_s
    (worktree / "new.txt").write_text("x")
    wait_until(lambda: refs(here, worksite.SNAPSHOTS), "the work is saved on this host", within_s=20)
    branch = here.row(number).branch
    assert here.at_remote(branch, "new.txt") is None
    answer = office.answer
    office.answer = lambda *_args: pytest.fail("answered without a lease")
    assert run_answer(office, number).is_away

    monkeypatch.setattr(book, "_renew", renew)
    office.answer = answer
    assert not run_answer(office, number).is_away
    here.leave(office)


def run_answer(office: sessions.Office, number: int) -> sessions.Answer:
    from gastown.sessions import run

    entry = office.book.find(number)
    assert entry is not None
    return run._answer(office, entry, number, {})


def test_another_attempt_at_the_same_polecat_is_never_saved_into_an_old_one(here: Host) -> None:
    number, office, _, worktree = hold(here)
    site = site_of(here, number)
    (rigs.work_git(here.settings.town, RIG) / "worktrees" / worktree.name / "gastown.branch").write_text("another")

    kept = worksite.save(site, number, agent="agent", why="late")

    assert (kept.oid, kept.is_whole) == (None, False)
    here.leave(office)
