"""From a submitted commit to the target: what lands, what goes back, and who is blamed."""

import os
from collections.abc import Callable

import pytest

from gastown import beads, git, refinery, rigs
from gastown.assignments import Reason
from gastown.refinery import RequestState, Verdict
from gastown.rigs import TargetState
from tests.support.refinery_town import GREEN, RED, RefineryTown, run_git

Make = Callable[..., RefineryTown]


def test_commit_lands_and_its_bead_closes_when_the_gates_pass(any_town: RefineryTown) -> None:
    bead = any_town.submit({"b.txt": "two\n"})
    any_town.settle()
    request = any_town.request(bead)
    assert request.state is RequestState.LANDED
    assert any_town.target() == request.landed_oid == any_town.bead(bead).landed_sha
    assert any_town.bead(bead).status == "closed"
    assert any_town.file_in_target("b.txt") == "two"
    assert any_town.landed == [bead]
    assert any_town.red() == []
    assert any_town.rig().target_state is TargetState.GREEN


def test_landed_commit_is_a_merge_that_names_bead_and_agent_when_looked_at_in_git(town: RefineryTown) -> None:
    base = town.target()
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    git.fetch_branch(town.land, "main")
    (commit,) = git.first_parent(town.land, base, town.target())
    assert commit.parents[0] == base
    assert commit.subject == f"Merge {bead}: Change 1"
    assert commit.trailers("Bead") == [bead]
    assert commit.author == "app/polecats/nux"
    assert commit.committer == "gastown"


def test_fence_moves_with_the_target_when_a_commit_lands(town: RefineryTown) -> None:
    before = git.read_fence(town.land)
    town.submit({"b.txt": "two\n"})
    town.settle()
    after = git.read_fence(town.land)
    assert before is not None
    assert after is not None
    assert after.oid != before.oid
    assert f"commit {town.target()}" in (after.text or "")


def test_requests_land_in_order_of_priority_when_several_wait(town: RefineryTown) -> None:
    low = town.submit({"low.txt": "x"}, priority=4)
    high = town.submit({"high.txt": "x"}, priority=0)
    town.settle()
    assert town.landed == [high, low]
    assert town.red() == []


def test_nothing_is_gated_twice_when_the_landed_tree_becomes_the_target(town: RefineryTown) -> None:
    town.submit({"b.txt": "two\n"})
    town.submit({"c.txt": "three\n"})
    town.settle()
    assert len(town.landed) == 2
    assert [run.request_id is None for run in town.runs()] == [True, False, False]  # the first target, two candidates


def test_change_goes_back_with_the_files_and_both_sides_when_it_conflicts(town: RefineryTown) -> None:
    base = town.target()
    winner = town.submit({"a.txt": "mine\n"}, base=base)
    loser = town.submit({"a.txt": "yours\n"}, base=base)
    town.settle()
    assert town.landed == [winner]
    assert town.request(loser).state is RequestState.RETURNED
    assert town.request(loser).retries == 1
    again = town.attempts(loser)[-1]
    assert (again.reason, again.preferred) == (Reason.REWORK, "app/polecats/nux")
    assert again.rework["kind"] == "conflict"
    assert again.rework["files"] == ["a.txt"]
    assert again.rework["target"] == town.target()
    assert [side["commit"] for side in again.rework["sides"]["target"]] == [town.target()]
    assert town.bead(loser).status == "hooked"


def test_reworked_head_lands_in_the_same_request_when_it_is_submitted_again(town: RefineryTown) -> None:
    base = town.target()
    town.submit({"a.txt": "mine\n"}, base=base)
    loser = town.submit({"a.txt": "yours\n"}, base=base)
    town.settle()
    first = town.request(loser).id
    town.submit({"a.txt": "ours\n"}, bead_id=loser)
    town.settle()
    assert town.request(loser).id == first
    assert town.request(loser).state is RequestState.LANDED
    assert town.file_in_target("a.txt") == "ours"
    with town.work() as session:
        assert [head.result for head in refinery.list_heads(session, first or 0)] == ["conflict", "landed"]


def test_red_change_goes_back_after_a_confirming_run_when_it_breaks_the_gate(any_town: RefineryTown) -> None:
    base = any_town.target()
    bead = any_town.submit({"check.sh": RED})
    any_town.settle()
    assert any_town.request(bead).state is RequestState.RETURNED
    assert any_town.target() == base
    runs = [run for run in any_town.runs() if run.bead_id == bead]
    assert [(run.attempt, run.verdict) for run in runs] == [(1, Verdict.FAIL), (2, Verdict.FAIL)]
    rework = any_town.attempts(bead)[-1].rework
    assert (rework["kind"], rework["gate"], rework["exit_code"]) == ("red", "check", 1)
    assert rework["tail"] == "it is broken"
    assert rework["target"] == base


def test_request_behind_a_red_one_lands_when_the_red_one_has_gone_back(town: RefineryTown) -> None:
    town.submit({"check.sh": RED}, priority=0)
    good = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.landed == [good]
    assert town.red() == []


def test_change_lands_and_the_gate_is_booked_as_flaky_when_only_the_second_run_passes(
    make: Make, tmp_path: object
) -> None:
    mark = f"{tmp_path}/seen"
    flaky = rigs.GateSpec("check", f"test ! -f flaky || test -f {mark} || {{ touch {mark}; exit 1; }}", 30)
    town = make(gates=(flaky,))
    bead = town.submit({"flaky": "x"})
    town.settle()
    assert town.landed == [bead]
    assert [run.verdict for run in town.runs()] == [Verdict.PASS, Verdict.FAIL, Verdict.FLAKY]
    assert town.runs()[-1].results[0]["verdict"] == "flaky"
    assert town.request(bead).retries == 0
    assert town.red() == []


def test_submitting_the_same_red_tree_again_returns_it_without_a_run_when_its_verdict_is_known(
    town: RefineryTown,
) -> None:
    bead = town.submit({"check.sh": RED})
    town.settle()
    count = len(town.runs())
    town.submit({"check.sh": RED}, bead_id=bead)
    town.settle()
    assert town.request(bead).state is RequestState.RETURNED
    assert town.request(bead).retries == 2
    assert len(town.runs()) == count


def test_change_goes_back_when_the_target_has_all_of_it_already(town: RefineryTown) -> None:
    base = town.target()
    town.push_to_target({"b.txt": "two\n"})
    bead = town.submit({"b.txt": "two\n"}, base=base)
    town.settle()
    assert town.attempts(bead)[-1].rework["kind"] == "no_change"
    assert town.landed == []


def test_bead_closes_as_landed_when_a_person_merged_its_branch(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    run_git(town.person, "push", "--quiet", "origin", "HEAD:main")
    town.settle()
    assert town.bead(bead).status == "closed"
    assert town.landed == [bead]
    assert town.in_target(town.bead(bead).landed_sha)
    assert town.red() == []


def test_change_lands_untested_when_the_rig_says_that_it_has_no_gates(make: Make) -> None:
    town = make(gates=())
    bead = town.submit({"b.txt": "two\n"})
    town.step()
    assert town.landed == [bead]
    assert town.runs() == []
    assert town.rig().target_state is TargetState.UNKNOWN


def test_request_leaves_the_queue_when_a_person_closed_its_bead(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    with town.work() as session:
        row = beads.get(session, bead)
        row.status = "open"
        session.add(row)
    town.settle()
    assert town.request(bead).state is RequestState.CANCELLED
    assert town.landed == []


def test_remote_branch_is_deleted_when_its_commit_has_landed(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    branch = f"polecat/nux/{bead}@1"
    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    town.settle()
    assert run_git(town.remote, "for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"


def test_head_is_taken_from_the_remote_branch_when_this_host_does_not_have_it(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/polecat/nux/{bead}@1")
    town.work_git.rename(town.work_git.with_name("elsewhere.git"))
    town.settle()
    assert town.landed == [bead]


def test_request_waits_and_others_pass_when_its_commit_is_nowhere_yet(town: RefineryTown) -> None:
    lost = town.submit({"b.txt": "two\n"}, priority=0)
    run_git(town.work_git, "update-ref", "-d", f"refs/heads/polecat/nux/{lost}@1")
    with town.work() as session:
        head = refinery.list_heads(session, town.request(lost).id or 0)[0]
        head.head_oid = "1" * 40
        session.add(head)
    good = town.submit({"c.txt": "three\n"})
    town.settle()
    assert town.landed == [good]
    assert town.request(lost).state is RequestState.QUEUED


@pytest.mark.parametrize("command", ["nosuchcommand", "sh nosuchscript.sh"])
def test_rig_stops_and_nobody_is_blamed_when_a_gate_cannot_run(make: Make, command: str) -> None:
    town = make(gates=(rigs.GateSpec("check", command),))
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.rig().target_state is TargetState.BROKEN
    assert {run.verdict for run in town.runs()} == {Verdict.INFRASTRUCTURE_ERROR}
    assert len(town.runs()) == 3
    assert town.request(bead).state is RequestState.QUEUED
    assert town.landed == []
    assert len(town.attempts(bead)) == 1


def test_broken_rig_starts_again_when_a_person_says_so_after_mending_it(make: Make, tmp_path: object) -> None:
    tool = f"{tmp_path}/tool"
    town = make(gates=(rigs.GateSpec("check", tool),))
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.landed == []
    with open(tool, "w") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod(tool, 0o755)
    with town.work() as session:
        assert refinery.retry(session, "app", actor="somebody") == 3
    town.settle()
    assert town.landed == [bead]
    assert town.rig().target_state is TargetState.GREEN


def test_change_goes_back_and_the_queue_goes_on_when_it_removes_the_tests(make: Make) -> None:
    counts = 'n=$(ls tests | wc -l); echo "collected $n items"; test $n -gt 0 && echo "$n passed"; true'
    town = make(files={"tests/one": "x", "a.txt": "one\n"}, gates=(rigs.GateSpec("test", counts),))
    remover = town.submit({"tests/one": None, "tests/.keep": ""}, priority=0)
    good = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.landed == [good]
    assert town.attempts(remover)[-1].rework["kind"] == "gates_cannot_run"
    assert town.attempts(remover)[-1].rework["why"] == "pytest found no test to run"
    assert town.rig().target_state is TargetState.GREEN


def test_queue_stops_and_nobody_is_blamed_when_the_target_is_red(make: Make) -> None:
    town = make(files={"check.sh": RED})
    bead = town.submit({"b.txt": "two\n"})
    town.settle()
    assert town.rig().target_state is TargetState.RED
    assert town.request(bead).state is RequestState.QUEUED
    assert len(town.attempts(bead)) == 1
    town.push_to_target({"check.sh": GREEN})
    town.settle()
    assert town.landed == [bead]
    assert town.rig().target_state is TargetState.GREEN


def test_commit_from_outside_is_gated_before_anything_is_built_on_it(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    town.step()
    town.gate()
    outside = town.push_to_target({"check.sh": RED})
    town.settle()
    assert town.target() == outside
    assert town.rig().target_state is TargetState.RED
    assert town.request(bead).state is RequestState.QUEUED
    assert town.request(bead).retries == 0


def test_candidate_is_built_anew_when_the_target_moves_while_it_is_tested(town: RefineryTown) -> None:
    bead = town.submit({"b.txt": "two\n"})
    town.step()
    town.gate()
    town.step()  # boards
    assert town.request(bead).state is RequestState.TESTING
    outside = town.push_to_target({"c.txt": "three\n"})
    town.settle()
    assert town.landed == [bead]
    assert [run.state.value for run in town.runs()] == ["finished", "cancelled", "finished", "finished"]
    assert len(town.intents()) == 1
    assert town.in_target(outside)
    assert town.request(bead).retries == 0
    assert town.red() == []


def test_gate_sees_no_secret_and_nothing_of_the_town_when_it_looks_at_its_environment(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GASTOWN_DATABASE_URL", "s3cr3t")
    monkeypatch.setenv("GITHUB_TOKEN", "s3cr3t")
    monkeypatch.setenv("http_proxy", "http://user:s3cr3t@proxy:1")
    town = make(gates=(rigs.GateSpec("check", 'env | sort; git remote -v; test -z "$(cat)"'),))
    town.settle()
    (run,) = town.runs()
    assert run.verdict is Verdict.PASS
    assert "s3cr3t" not in run.results[0]["tail"]
    assert "CI=1" in run.results[0]["tail"]
    assert str(town.remote) not in run.results[0]["tail"]


def test_set_up_runs_before_the_gates_and_its_failure_is_nobodys_fault(make: Make) -> None:
    works = make(setup="echo ready > built", gates=(rigs.GateSpec("check", "grep ready built"),))
    works.settle()
    assert works.runs()[0].verdict is Verdict.PASS


def test_failing_set_up_is_an_infrastructure_error_when_it_ends_with_a_code(make: Make) -> None:
    town = make(setup="exit 3")
    town.settle()
    assert {run.verdict for run in town.runs()} == {Verdict.INFRASTRUCTURE_ERROR}
    assert town.runs()[0].results[0]["gate"] == "setup"
    assert "3" in town.runs()[0].results[0]["why"]
