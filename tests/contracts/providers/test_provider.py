"""What every provider must do, whatever hosts the repository behind it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gastown import providers
from gastown.providers import (
    CheckState,
    CredentialMissing,
    Mergeable,
    Provider,
    ProviderAway,
    ProviderMissing,
    PullState,
    RepositoryMissing,
    Reviews,
    gh,
    gh_answers,
)
from tests.support.hosted import FAILED, PASSED, PENDING, URL, Hosted
from tests.support.refinery_town import run_git

BRANCH = "gastown/pr/app-1"


class Host:
    """A provider before a hosted repository with a protected main and one branch to be merged."""

    def __init__(self, name: str, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.person = root / "person"
        repository = root / "remote.git"
        run_git(root, "init", "--quiet", "--bare", str(repository))
        run_git(root, "clone", "--quiet", str(repository), str(self.person))
        self.base = self.commit("base.txt")
        run_git(self.person, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        self.service = Hosted(root / "service", repository)
        self.service.use(patch)
        self.service.protect()
        self.head = self.commit("change.txt")
        run_git(self.person, "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
        self.provider: Provider = providers.get(name, URL)

    def commit(self, name: str) -> str:
        (self.person / name).write_text(name)
        run_git(self.person, "add", "--all")
        run_git(self.person, "commit", "--quiet", "-m", f"add {name}")
        return run_git(self.person, "rev-parse", "HEAD")

    def target(self) -> str:
        return run_git(self.service.repository, "rev-parse", "refs/heads/main")

    def open(self) -> int:
        return self.provider.open_or_find(BRANCH, "main", "app-1: a change", "Bead: app-1").number


@pytest.fixture(params=providers.NAMES)
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(request.param, tmp_path, monkeypatch)


def test_protected_branch_takes_no_push(host: Host) -> None:
    with pytest.raises(AssertionError, match="Protected branch"):
        run_git(host.person, "push", "origin", "HEAD:refs/heads/main")


def test_pull_request_is_opened_once_when_it_is_asked_for_twice(host: Host) -> None:
    first = host.provider.open_or_find(BRANCH, "main", "app-1: a change", "Bead: app-1")
    assert first.url.endswith(f"/{first.number}")
    assert host.provider.open_or_find(BRANCH, "main", "another title", "another text") == first
    assert len(host.service.state["pulls"]) == 1


def test_new_pull_request_is_opened_when_the_one_before_was_closed(host: Host) -> None:
    first = host.open()
    host.provider.close(first)
    assert host.provider.look(first).state is PullState.CLOSED
    assert host.open() != first


def test_pull_request_of_a_fork_that_has_a_branch_of_the_same_name_is_not_taken_for_ours(host: Host) -> None:
    url = "https://git.example.com/team/app/pull/1"
    values = {"number": 1, "url": url, "state": "OPEN", "branch": BRANCH, "base": "main", "head": host.base}
    with host.service.edit() as state:
        state["pulls"].append({**values, "merge": "", "fork": True, "title": "", "reviews": [], "comments": []})
    assert host.open() == 2
    assert host.provider.look(2).head_oid == host.head
    assert host.open() == 2


def test_look_shows_into_which_branch_it_goes(host: Host) -> None:
    number = host.open()
    assert host.provider.look(number).target == "main"


def test_look_shows_head_reviews_and_checks(host: Host) -> None:
    number = host.open()
    host.service.check(PASSED, {**PENDING, "name": "slow"}, {**FAILED, "name": "lint"})
    seen = host.provider.look(number)
    assert (seen.state, seen.head_oid, seen.reviews) == (PullState.OPEN, host.head, Reviews.REQUIRED)
    assert seen.mergeable is Mergeable.BLOCKED
    assert [seen.checks_in(state) for state in CheckState] == [["slow"], ["build"], ["lint"], []]
    host.service.approve()
    assert host.provider.look(number).reviews is Reviews.APPROVED


_ENDED = [("FAILURE", CheckState.FAILED)] + [
    (said, CheckState.STOPPED) for said in ("CANCELLED", "TIMED_OUT", "ACTION_REQUIRED", "STARTUP_FAILURE", "STALE")
]


@pytest.mark.parametrize(("said", "expected"), _ENDED)
def test_only_a_failure_of_a_check_speaks_against_the_head(host: Host, said: str, expected: CheckState) -> None:
    number = host.open()
    host.service.check({**PASSED, "conclusion": said})
    (check,) = host.provider.look(number).checks
    assert check.state is expected
    assert bool(check.trouble) is (expected is CheckState.STOPPED)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("FAILURE", CheckState.FAILED), ("ERROR", CheckState.STOPPED), ("PENDING", CheckState.PENDING)],
)
def test_commit_status_is_read_by_its_state(host: Host, said: str, expected: CheckState) -> None:
    number = host.open()
    host.service.check({"__typename": "StatusContext", "context": "ci/build", "state": said, "targetUrl": ""})
    assert host.provider.look(number).checks_in(expected) == ["ci/build"]


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ({"startedAt": "2026-01-02T03:10:00Z"}, CheckState.PASSED),
        ({"startedAt": "0001-01-01T00:00:00Z", "status": "QUEUED", "conclusion": ""}, CheckState.PENDING),
    ],
)
def test_check_that_was_started_again_stands_for_its_earlier_runs(
    host: Host, again: dict[str, str], expected: CheckState
) -> None:
    number = host.open()
    of_workflow = {**PASSED, "workflowName": "ci"}
    earlier = {**of_workflow, "conclusion": "FAILURE", "startedAt": "2026-01-02T03:04:05Z"}
    elsewhere = {**earlier, "workflowName": "nightly"}
    host.service.check({**of_workflow, **again}, earlier, elsewhere)
    seen = host.provider.look(number)
    assert seen.checks_in(expected) == ["build"]
    assert seen.checks_in(CheckState.FAILED) == ["build"]
    assert len(seen.checks) == 2


def test_look_shows_who_asks_for_changes_of_which_head(host: Host) -> None:
    number = host.open()
    host.service.review("COMMENTED", text="hm")
    host.service.review("CHANGES_REQUESTED", text="please test it")
    seen = host.provider.look(number)
    assert seen.reviews is Reviews.CHANGES_REQUESTED
    assert [(review.author, review.body, review.head_oid) for review in seen.change_requests] == [
        ("reviewer", "please test it", host.head)
    ]
    assert [review.body for review in seen.remarks] == ["hm"]


def test_no_review_is_required_when_the_branch_asks_for_none(host: Host) -> None:
    host.service.set(needs_review=False)
    seen = host.provider.look(host.open())
    assert (seen.reviews, seen.mergeable) == (Reviews.NOT_REQUIRED, Mergeable.YES)


def test_head_that_lacks_the_target_is_behind_when_the_branch_must_be_current(host: Host) -> None:
    host.service.set(needs_review=False, must_be_current=True)
    number = host.open()
    run_git(host.person, "checkout", "--quiet", "--detach", host.base)
    host.service.push(host.person, "main", host.commit("other.txt"))
    assert host.provider.look(number).mergeable is Mergeable.BEHIND
    answer = host.provider.merge(number, host.head)
    assert not answer.taken
    assert "up to date" in answer.reason


def test_head_that_conflicts_with_the_target_is_shown_so(host: Host) -> None:
    number = host.open()
    run_git(host.person, "checkout", "--quiet", "--detach", host.base)
    (host.person / "change.txt").write_text("another side\n")
    run_git(host.person, "add", "--all")
    run_git(host.person, "commit", "--quiet", "-m", "the other side")
    host.service.push(host.person, "main", run_git(host.person, "rev-parse", "HEAD"))
    assert host.provider.look(number).mergeable is Mergeable.CONFLICTING


def test_merge_makes_a_merge_commit_that_keeps_the_head(host: Host) -> None:
    number = host.open()
    host.service.approve()
    assert host.provider.merge(number, host.head).taken
    seen = host.provider.look(number)
    assert (seen.state, seen.merge_oid) == (PullState.MERGED, host.target())
    assert run_git(host.service.repository, "rev-parse", "main^1", "main^2").split() == [host.base, host.head]
    assert host.provider.merge(number, host.head).taken  # again changes nothing
    assert host.target() == seen.merge_oid


@pytest.mark.parametrize("what", ["another head", "no approval"])
def test_nothing_is_merged_when_the_provider_refuses(host: Host, what: str) -> None:
    number = host.open()
    if what == "another head":
        host.service.approve()
    answer = host.provider.merge(number, host.base if what == "another head" else host.head)
    assert not answer.taken
    assert answer.reason
    assert host.target() == host.base


def test_merge_is_no_answer_when_the_answer_was_lost(host: Host) -> None:
    number = host.open()
    host.service.approve()
    host.service.set(faults={"merge": "lost"})
    with pytest.raises(ProviderAway):
        host.provider.merge(number, host.head)
    assert host.provider.look(number).state is PullState.MERGED


def test_closing_leaves_a_merged_one_as_it_is(host: Host) -> None:
    number = host.open()
    host.service.approve()
    host.provider.merge(number, host.head)
    host.provider.close(number)
    assert host.provider.look(number).state is PullState.MERGED


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("away", ProviderAway),
        ("rate", ProviderAway),
        ("logged_out", CredentialMissing),
        ("forbidden", CredentialMissing),
        ("no_repository", RepositoryMissing),
    ],
)
def test_trouble_is_told_apart(host: Host, fault: str, error: type[Exception]) -> None:
    number = host.open()
    host.service.set(faults={"all": fault})
    acts: list[Callable[[], object]] = [lambda: host.provider.look(number), host.open]
    for act in acts:
        with pytest.raises(error) as caught:
            act()
        assert caught.value.hint  # type: ignore[attr-defined]


def test_call_ends_when_the_provider_hangs(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    number = host.open()
    host.service.set(faults={"all": "hangs"})
    monkeypatch.setattr(gh, "TIMEOUT_S", 0.5)
    with pytest.raises(ProviderAway, match="did not answer"):
        host.provider.look(number)


def test_command_that_is_not_installed_is_said_so(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProviderMissing, match="not installed"):
        host.provider.look(1)


def test_command_is_given_its_own_variables_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "gh"
    script.write_text(f'#!/bin/sh\n{shutil.which("env")} > {tmp_path}/seen\necho "[]"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GH_TOKEN", "a-token")
    monkeypatch.setenv("GASTOWN_DATABASE_URL", "postgresql://secret")
    with pytest.raises(ProviderAway):
        providers.get("gh", URL).open_or_find("a", "main", "t", "b")
    seen = (tmp_path / "seen").read_text()
    assert "GH_TOKEN=a-token" in seen
    assert "GH_PROMPT_DISABLED=1" in seen
    assert "GASTOWN" not in seen


if shutil.which("gh"):  # no machine needs it but those whose rigs land by it

    def test_real_command_knows_every_word_that_is_used() -> None:
        words = {
            "create": ("--head", "--base", "--title", "--body"),
            "list": ("--head", "--base", "--state", "--limit", "--json", *gh_answers.LIST.split(",")),
            "view": ("--json", *gh_answers.VIEW.split(",")),
            "merge": ("--merge", "--match-head-commit"),
            "close": (),
        }
        for verb, used in words.items():
            done = subprocess.run(["gh", "pr", verb, "--help"], capture_output=True, text=True, timeout=30, check=True)
            assert not [word for word in (*used, "--repo") if word not in done.stdout], verb
