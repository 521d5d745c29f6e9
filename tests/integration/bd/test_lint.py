import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.bd.conftest import Runner
from tests.support.fake_clock import FakeClock

Make = Callable[..., str]


def test_lint_names_the_sections_that_a_type_needs(bd: Runner, make: Make) -> None:
    bug = make("bug", "-t", "bug", "-d", "## Steps to reproduce\n1. log in")
    make("whole", "-d", "Words.\n\n### Acceptance Criteria:\n- it works")
    make("field", "--acceptance", "it works")
    make("chore", "-t", "chore")
    decision = make("decision", "-t", "decision", "-d", "# Decision #\nRationale")
    answer = bd("lint", "--json")
    assert answer.code == 1
    found = answer.json
    assert (found["total"], found["issues"]) == (3, 2)
    by_id = {each["id"]: each for each in found["results"]}
    assert by_id[bug] == {
        "id": bug,
        "title": "bug",
        "type": "bug",
        "missing": ["Acceptance Criteria"],
        "warnings": 1,
    }
    assert by_id[decision]["missing"] == ["Rationale", "Alternatives Considered"]
    assert bd("lint", bug).code == 1
    assert bd("lint", "--type", "chore").code == 0
    assert "✓ Nothing is missing" in bd("lint", "--type", "chore").out
    assert bd("lint", "--status", "nonsense").code == 1


def test_lint_looks_at_open_beads_unless_it_is_told(bd: Runner, make: Make) -> None:
    bead = make("closed")
    bd("close", bead)
    assert bd("lint").code == 0
    assert bd("lint", "--status", "all").code == 1
    assert bd("lint", bead).code == 1


def test_stale_lists_the_longest_untouched_first(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    old, older, done = make("old"), make("older"), make("done")
    fake_clock.pass_(days=10)
    bd("comment", old, "still here")
    bd("close", done)
    fake_clock.pass_(days=31)
    make("new")
    assert [item["id"] for item in bd("stale", "--json").json] == [older, old]
    assert [item["id"] for item in bd("stale", "--json", "--limit", "1").json] == [older]
    assert [item["id"] for item in bd("stale", "--json", "--days", "40").json] == [older]
    assert [item["id"] for item in bd("stale", "--json", "--status", "closed").json] == [done]
    for days in ("0", "-1", "x"):
        assert bd("stale", "--days", days).code != 0


def test_similar_beads_are_found_and_others_are_not(bd: Runner, make: Make) -> None:
    one = make("Fix the login page for long names")
    other = make("Fix login page for very long names")
    make("Write the release notes")
    found = bd("find-duplicates", "--json").json
    (pair,) = found["pairs"]
    assert {pair["issue_a_id"], pair["issue_b_id"]} == {one, other}
    assert 0.5 <= pair["similarity"] < 1
    assert (found["count"], found["method"], found["threshold"]) == (1, "mechanical", 0.5)
    assert bd("find-dups", "--threshold", "0.95", "--json").json["pairs"] == []
    assert one in bd("find-duplicates").out


def test_comparison_by_a_model_is_refused(bd: Runner) -> None:
    answer = bd("find-duplicates", "--method", "ai")
    assert answer.code == 1
    assert "no model" in answer.err


def test_duplicates_are_closed_in_favour_of_the_one_on_which_most_hangs(bd: Runner, make: Make) -> None:
    first, second, third = (make("Same words", "-d", "text") for _ in range(3))
    make("Same words", "-d", "another text")
    waiting = make("waiting", "--deps", second)
    found = bd("duplicates", "--json").json
    assert found["duplicate_groups"] == 1
    (group,) = found["groups"]
    assert group["suggested_target"] == second
    assert [item["weight"] for item in group["issues"]] == [3, 0, 0]
    assert bd("duplicates", "--auto-merge", "--dry-run", "--json").json["dry_run"]
    assert bd("show", first, "--json").json[0]["status"] == "open"
    done = bd("duplicates", "--auto-merge", "--json").json
    assert done["merged"] == {first: second, third: second}
    (closed,) = bd("show", first, "--json").json
    assert (closed["status"], closed["dependencies"][0]["dependency_type"]) == ("closed", "duplicates")
    assert bd("show", waiting, "--json").json[0]["status"] == "open"
    assert "No duplicates" in bd("duplicates").out


def test_a_duplicate_that_a_guard_holds_open_stays_as_it_was(bd: Runner, make: Make) -> None:
    kept = make("Same", "-t", "epic")
    parent = make("Same", "-t", "epic")
    make("child", "--parent", parent)
    make("child of the other", "--parent", kept)
    make("second child of the other", "--parent", kept)
    done = bd("duplicates", "--auto-merge", "--json").json
    assert (done["merged"], list(done["refused"])) == ({}, [parent])
    (shown,) = bd("show", parent, "--json").json
    assert (shown["status"], shown["dependencies"]) == ("open", [])


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init")
    return folder


def test_orphans_are_open_beads_that_commits_name(bd: Runner, make: Make, checkout: Path) -> None:
    done, closed, other = make("done"), make("closed"), make("other")
    bd("close", closed)
    for message in (f"Begin ({done})", f"Fix it ({done})", f"Close ({closed})", f"Speak of {other}", "x (app-none)"):
        git(checkout, "commit", "--allow-empty", "-m", message)
    git(checkout, "checkout", "-b", "side")
    git(checkout, "commit", "--allow-empty", "-m", f"Land it\n\nBead: {other}")
    found = bd("-C", str(checkout), "--town", str(checkout.parent), "orphans", "--json").json
    assert {each["issue_id"] for each in found} == {done, other}
    (first,) = (each for each in found if each["issue_id"] == done)
    assert (first["latest_commit_message"], first["status"], first["title"]) == (f"Fix it ({done})", "open", "done")
    assert len(first["latest_commit"]) == 40


def test_preflight_says_what_is_left(bd: Runner, make: Make, checkout: Path) -> None:
    bead = make("mine", "--acceptance", "it works")
    words = ("-C", str(checkout), "--town", str(checkout.parent), "preflight")
    git(checkout, "commit", "--allow-empty", "-m", "first")
    assert bd(*words).code == 0
    bd("update", bead, "--claim")
    (checkout / "new.txt").write_text("x")
    git(checkout, "commit", "--allow-empty", "-m", f"Fix ({bead})")
    answer = bd(*words, "--json")
    assert (answer.code, answer.json["ready"]) == (1, False)
    left = {check["name"]: check["left"] for check in answer.json["checks"]}
    assert left == {
        "files": ["new.txt"],
        "work in hand": [bead],
        "beads that commits name": [bead],
        "missing sections": [],
    }
    assert "new.txt" in bd(*words).out


def test_outside_a_repository_orphans_says_so(bd: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    answer = bd("-C", str(folder), "orphans")
    assert answer.code == 1
    assert "no git repository" in answer.err


def test_an_agent_reads_and_merges_nothing(agent_bd: Runner) -> None:
    for words in (("lint", "--type", "chore"), ("stale",), ("duplicates",), ("find-duplicates",)):
        assert agent_bd(*words).code == 0, words
    assert "for people" in agent_bd("duplicates", "--auto-merge").err
    for words in (("orphans",), ("preflight",)):
        assert "not for agents" in agent_bd(*words).err
