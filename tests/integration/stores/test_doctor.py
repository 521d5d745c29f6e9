"""`bd doctor`: each kind of damage is seen, what can be mended is, and nothing is lost by it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gastown.stores import doctor

from .conftest import Runner

Damage = Callable[[str], None]


@pytest.fixture
def damage(bd: Runner, store: Path) -> Damage:
    """Change rows behind everybody's back."""

    def run(statement: str) -> None:
        done = bd("sql", "--write", statement)
        assert done.code == 0, done.err

    return run


def checks(bd: Runner, *words: str) -> dict[str, Any]:
    """What each check says that is not content."""
    found = bd("doctor", "--json", *words).json["checks"]
    return {check["name"]: check for check in found if check["status"] != "ok"}


def make(bd: Runner, *words: str) -> str:
    done = bd("create", *words, "--silent")
    assert done.code == 0, done.err
    return done.out.strip()


def test_nothing_is_wrong_with_a_store_that_is_used(bd: Runner, store: Path) -> None:
    epic = make(bd, "all", "-t", "epic")
    first, second = make(bd, "first", "--parent", epic), make(bd, "second", "--parent", epic)
    bd("dep", "add", second, first)
    bd("close", first, "-r", "failed")
    bd("delete", second, "--force")

    found = bd("doctor", "--json")

    assert found.code == 0
    assert found.json["overall_ok"] is True
    assert {"path", "checks", "overall_ok", "cli_version", "timestamp", "platform", "suppressed_count"} <= {*found.json}
    assert all({*check} == {"name", "status", "message", "detail", "fix", "category"} for check in found.json["checks"])
    assert [check["name"] for check in found.json["checks"] if check["status"] == "error"] == []


WRONG = {
    "blocked for nothing": ("UPDATE beads SET is_blocked = 1", "Blocked State"),
    "not blocked": ("UPDATE beads SET is_blocked = 0", "Blocked State"),
    "closed without a time": ("UPDATE beads SET status = 'closed' WHERE title = 'free'", "Derived Fields"),
    "open with a time": ("UPDATE beads SET closed_at = created_at WHERE title = 'free'", "Derived Fields"),
    "another prefix": ("UPDATE beads SET prefix = 'web' WHERE title = 'free'", "Derived Fields"),
    "another level": ("UPDATE beads SET is_top = 0 WHERE title = 'free'", "Derived Fields"),
    "failed without reason": ("UPDATE beads SET is_failure = 1 WHERE title = 'free'", "Derived Fields"),
    "child counter behind": ("UPDATE beads SET last_child = 0 WHERE title = 'parent'", "Derived Fields"),
    "external flag": (
        "UPDATE dependencies SET is_provided = 1 WHERE depends_on_id LIKE 'external:%'",
        "External Dependencies",
    ),
}


@pytest.fixture
def graph(bd: Runner, store: Path) -> None:
    parent = make(bd, "parent", "-t", "epic")
    make(bd, "child", "--parent", parent)
    blocker, held = make(bd, "blocker"), make(bd, "held")
    bd("dep", "add", held, blocker)
    far = make(bd, "far")
    assert bd("dep", "add", far, "external:web:login").code == 0
    make(bd, "free")


@pytest.mark.parametrize(("statement", "check"), WRONG.values(), ids=[*WRONG])
@pytest.mark.usefixtures("graph")
def test_what_is_wrong_is_seen_mended_and_looked_at_again(
    bd: Runner, damage: Damage, store: Path, statement: str, check: str
) -> None:
    assert checks(bd) == {}
    titles = bd("sql", "SELECT id, title FROM beads ORDER BY id", "--json").json
    damage(statement)

    assert bd("doctor").code == 1
    assert checks(bd)[check]["status"] == "error"
    bd("doctor", "--fix", "--dry-run", "-y")
    assert check in checks(bd)
    mended = bd("doctor", "--fix", "-y", "--json")

    assert mended.code == 0, mended.out
    assert check in mended.json["fixed"]
    assert mended.json["not_fixed"] == []
    assert Path(mended.json["backup"]).is_file()
    assert checks(bd) == {}
    assert bd("sql", "SELECT id, title FROM beads ORDER BY id", "--json").json == titles


@pytest.mark.usefixtures("graph")
def test_what_was_mended_is_in_the_log(bd: Runner, damage: Damage) -> None:
    damage("UPDATE beads SET closed_at = '2020-02-02 00:00:00' WHERE title = 'free'")

    bd("doctor", "--fix", "-y")

    payloads = bd("sql", "SELECT payload FROM events WHERE payload LIKE '%mended_from%'", "--csv").out
    assert "2020-02-02" in payloads


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(
    ("edges", "named"),
    [
        ([("blocker", "held", "blocks")], {"blocker", "held"}),
        ([("parent", "child", "blocks"), ("child", "free", "blocks"), ("free", "parent", "blocks")], {"parent"}),
        ([("free", "free", "blocks")], {"free"}),
        ([("parent", "child", "parent-child")], {"parent", "child"}),
    ],
    ids=["two that wait for each other", "through a parent", "for itself", "its own grandparent"],
)
def test_circles_are_seen_and_left_to_a_person(
    bd: Runner, damage: Damage, edges: list[tuple[str, str, str]], named: set[str]
) -> None:
    for one, two, kind in edges:
        damage(
            "INSERT INTO dependencies (issue_id, depends_on_id, type, created_by, metadata, thread_id, any_child,"
            f" is_provided, extra) SELECT a.id, b.id, '{kind}', '', '', '', 0, 0, '{{}}' FROM beads a, beads b"
            f" WHERE a.title = '{one}' AND b.title = '{two}'"
        )

    found = checks(bd, "--fix", "-y")["Dependency Cycles"]

    assert found["status"] == "error"
    told = found["message"] + found["detail"]
    ids = {row["title"]: row["id"] for row in bd("sql", "SELECT id, title FROM beads", "--json").json}
    assert all(ids[title] in told for title in named)
    assert "dep remove" in found["fix"]


@pytest.mark.usefixtures("graph")
def test_a_circle_is_told_of_while_none_of_its_beads_is_closed(bd: Runner, damage: Damage) -> None:
    for one, two in (("blocker", "held"), ("free", "free")):
        damage(
            "INSERT INTO dependencies (issue_id, depends_on_id, type, created_by, metadata, thread_id, any_child,"
            " is_provided, extra) SELECT a.id, b.id, 'blocks', '', '', '', 0, 0, '{}' FROM beads a, beads b"
            f" WHERE a.title = '{one}' AND b.title = '{two}'"
        )
    ids = {row["title"]: row["id"] for row in bd("sql", "SELECT id, title FROM beads", "--json").json}

    told = []
    for title in ("free", "blocker"):
        told.append(checks(bd)["Dependency Cycles"])
        assert bd("close", ids[title], "--force").code == 0

    assert ids["free"] in told[0]["message"] + told[0]["detail"]
    assert ids["held"] in told[1]["message"] + told[1]["detail"]
    assert ids["free"] not in told[1]["message"] + told[1]["detail"]
    assert checks(bd) == {}


ODD = {
    "an edge that leads nowhere": (
        "UPDATE dependencies SET depends_on_id = 'app-gone' WHERE type = 'blocks'",
        "Orphaned Dependencies",
    ),
    "a child without its parent": (
        "UPDATE beads SET id = 'app-lost.7', is_top = 0 WHERE title = 'free'",
        "Child-Parent Dependencies",
    ),
    "an unknown type": ("UPDATE beads SET issue_type = 'wish' WHERE title = 'free'", "Types And Statuses"),
    "an unknown status": ("UPDATE beads SET status = 'limbo' WHERE title = 'free'", "Types And Statuses"),
    "two that say the same": ("UPDATE beads SET title = 'same' WHERE title IN ('free', 'far')", "Duplicate Issues"),
}


@pytest.mark.usefixtures("graph")
@pytest.mark.parametrize(("statement", "check"), ODD.values(), ids=[*ODD])
def test_what_is_odd_is_told_and_may_be_hushed(bd: Runner, damage: Damage, statement: str, check: str) -> None:
    damage(statement)
    bd("doctor", "--fix", "-y")

    assert bd("doctor").code == 0
    assert checks(bd)[check]["status"] == "warning"

    assert bd("config", "set", doctor.SUPPRESS + doctor.slug(check), "true").code == 0
    assert check not in checks(bd)
    assert bd("doctor", "--json").json["suppressed_count"] == 1


@pytest.mark.usefixtures("graph")
def test_an_error_is_told_whatever_is_hushed(bd: Runner, damage: Damage) -> None:
    bd("config", "set", f"{doctor.SUPPRESS}blocked-state", "true")
    damage("UPDATE beads SET is_blocked = 1")

    assert "Blocked State" in checks(bd)


def test_rows_without_their_bead_are_seen(bd: Runner, damage: Damage, store: Path) -> None:
    from gastown.db import open_raw

    with open_raw(store / "beads.db", read_only=False) as connection:
        connection.execute("INSERT INTO labels (bead_id, label) VALUES ('app-gone', 'x')")

    assert "labels" in checks(bd)["Database Integrity"]["message"]


def test_conflict_markers_in_the_exchange_file_are_named_by_line(bd: Runner, store: Path) -> None:
    (store / "issues.jsonl").write_text("{}\n<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n")

    found = checks(bd)["Git Conflicts"]

    assert found["status"] == "error"
    assert "2, 6" in found["message"]


def test_lines_that_gitignore_lacks_are_added(bd: Runner, store: Path, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    (store / ".gitignore").write_text("mine\n*.db")

    assert "Gitignore" in checks(bd)
    assert bd("doctor", "--fix", "-y", "--json").json["fixed"] == ["Gitignore"]
    assert {"mine", "*.db", "*.db-wal", "*.db-shm"} <= {*(store / ".gitignore").read_text().splitlines()}


def test_a_hook_that_is_missing_among_others_is_put_back(bd: Runner, project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    bd("init", "-q")
    hook = project / ".git" / "hooks" / "post-merge"
    hook.unlink()

    assert "post-merge" in checks(bd)["Git Hooks"]["message"]
    assert bd("doctor", "--fix", "-y", "--json").json["fixed"] == ["Git Hooks"]
    assert hook.exists()
    bd("hooks", "uninstall")
    assert "Git Hooks" not in checks(bd)


def test_every_remedy_belongs_to_a_check(bd: Runner, store: Path) -> None:
    told = {check["name"] for check in bd("doctor", "--json").json["checks"]}

    assert {*doctor._REMEDIES} <= told
    assert {*doctor._CHANGE_ROWS} <= {*doctor._REMEDIES}


@pytest.mark.usefixtures("graph")
def test_the_doctor_changes_nothing_unasked(bd: Runner, damage: Damage, store: Path) -> None:
    damage("UPDATE beads SET is_blocked = 1")

    assert bd("doctor", "--deep").code == 1
    assert bd("--readonly", "doctor", "--fix", "-y").code == 1

    assert "Blocked State" in checks(bd)
