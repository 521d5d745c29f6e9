"""Integration branches of epics: made, worked on, landed as one, cleared up; and each of it again after a kill."""

import hashlib
import importlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gastown import assignments, beads, config, git, refinery, replay, rigs, sling
from gastown.assignments import Reason
from gastown.beads import BeadStatus, NewBead
from gastown.cli import app
from gastown.cli.context import Context, SessionPass
from gastown.errors import Conflict, Invalid, Refused
from gastown.refinery import RequestState
from gastown.rigs import GateSpec, LandingStyle
from gastown.sling import Target
from gastown.town import add_rig
from gastown.town.integration import creating, landing, standing
from tests.support.refinery_town import RIG, Crash, RefineryTown, make_town, run_git

# Red where both are there, and where somebody says so.
_GATE = GateSpec("check", "test ! -e red && { test ! -e one || test ! -e two; } && echo 1 passed", 30)
Make = Callable[..., RefineryTown]


@pytest.fixture
def make(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    path = tmp_path / "gastown.db"
    shutil.copyfile(sqlite_template, path)
    return lambda **values: _start(make_town(tmp_path / "here", f"sqlite:///{path}", **values), monkeypatch)


@pytest.fixture
def town(make: Make) -> RefineryTown:
    return make(gates=(_GATE,))


@pytest.fixture
def any_town(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RefineryTown:
    """The same on SQLite and on PostgreSQL."""
    return _start(make_town(tmp_path / "here", database_url, gates=(_GATE,)), monkeypatch)


def _start(town: RefineryTown, monkeypatch: pytest.MonkeyPatch) -> RefineryTown:
    """Its queue works on while a command waits."""
    config.use(town.settings)
    _settle(town)
    module = importlib.import_module("gastown.cli.gt.land")
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=lambda _seconds: _settle(town)))
    return town


def _settle(town: RefineryTown, rig: str = RIG) -> None:
    for _ in range(10):
        refinery.step(
            town.work,
            rig,
            settings=town.settings,
            holder="test",
            hooks=refinery.Hooks(lambda _session, bead_id: town.landed.append(bead_id)),
        )
        if not town.gate():
            return
    raise AssertionError("the queue does not settle")


def _bead(town: RefineryTown, title: str, parent: str = "", kind: str = "task") -> str:
    with town.work() as session:
        return beads.create(session, NewBead(title, prefix=RIG, parent=parent, issue_type=kind), actor="ada").id


def _epic(town: RefineryTown, children: int = 1, parent: str = "") -> tuple[str, list[str]]:
    epic = _bead(town, "Log in", parent, "epic")
    return epic, [_bead(town, f"Part {number}", epic) for number in range(children)]


def _create(town: RefineryTown, epic: str, branch: str | None = None) -> rigs.Rig:
    made = creating.create(epic, branch, town.settings, read=town.work, write=town.work, actor="ada")
    return made.rig


def _land_child(town: RefineryTown, rig: rigs.Rig, bead: str, files: dict[str, str | None]) -> None:
    """A person's branch for the bead goes where the bead's work goes."""
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "checkout", "--quiet", "--detach", f"origin/{rig.branch}")
    town.commit(town.person, files, f"work on {bead}")
    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/fix/{bead}")
    with town.work() as session:
        sought = sling.find_work(town.settings.town, session, bead, rig=None, branch=f"fix/{bead}")
    assert sought.rig.name == rig.name
    work = sought.fetch(None)
    with town.work() as session:
        sling.submit_by_hand(session, work, actor="ada")
    _settle(town, rig.name)
    assert town.bead(bead).status == BeadStatus.CLOSED


def _gt(*argv: str, agent: SessionPass | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    context = Context(
        "gt", out=out, err=err, stdin=io.StringIO(), is_terminal=False, actor_given="pat", session_pass=agent
    )
    return app.invoke(context, ["mq", "integration", *argv]), out.getvalue(), err.getvalue()


def _branches(town: RefineryTown) -> set[str]:
    return set(run_git(town.remote, "branch", "--format=%(refname:short)").splitlines())


def _verify(town: RefineryTown) -> list[str]:
    with town.work() as session:
        return [str(one) for one in replay.verify(session)]


def test_children_land_on_the_branch_and_the_epic_lands_on_the_target_as_one(any_town: RefineryTown) -> None:
    town = any_town
    epic, (first, second) = _epic(town, 2)
    before = town.target()
    code, out, err = _gt("create", epic, "--json")
    assert code == 0, err
    made = json.loads(out)
    assert made["branch"] == f"integration/{epic}"
    with town.work() as session:
        rig = rigs.get(session, made["rig"])
        assert [gate.command for gate in rigs.list_gates(session, rig.name)] == [_GATE.command]
    _land_child(town, rig, first, {"b.txt": "x"})

    code, _out, err = _gt("land", epic)

    assert (code, town.target()) == (5, before)
    assert f"open under {epic}: {second}" in err
    _land_child(town, rig, second, {"c.txt": "x"})
    assert town.target() == before, "nothing of it is on the target yet"
    (shown,) = json.loads(_gt("list", "--json")[1])
    assert (shown["state"], shown["ahead"], shown["behind"], shown["closed"]) == ("ready", 4, 0, 2)

    code, out, err = _gt("land", epic)

    assert code == 0, err
    (commit,) = git.first_parent(town.remote, before, town.target())
    assert commit.trailers("Bead") == [epic]
    assert {town.file_in_target("b.txt"), town.file_in_target("c.txt")} == {"x"}
    assert (town.bead(epic).status, town.bead(epic).landed_sha) == (BeadStatus.CLOSED, commit.oid)
    assert rig.branch not in _branches(town)
    with town.work() as session, pytest.raises(rigs.RigNotFound):
        rigs.get(session, rig.name)
    assert _verify(town) == []
    code, out, _err = _gt("land", epic)
    assert (code, f"landed as {commit.oid[:12]} on main" in out) == (0, True), "again it says that it is done"
    assert json.loads(_gt("list", "--json")[1]) == []


# make


@pytest.mark.parametrize(
    ("place", "name"), [(git, "push_branch"), (git, "try_push"), (add_rig, "_register"), (beads, "mark_slung")]
)
def test_a_create_that_was_killed_is_completed_by_the_next(town: RefineryTown, place: Any, name: str) -> None:
    epic, (child,) = _epic(town)
    base = town.target()

    def killed(*_args: Any, **_values: Any) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, killed)
        with pytest.raises(Crash):
            _create(town, epic)
    town.push_to_target({"b.txt": "x"})

    rig = _create(town, epic)

    assert run_git(town.remote, "rev-parse", rig.branch) == base
    with town.work() as session:
        assert [row.name for row in rigs.list_all(session)] == [RIG, rig.name]
        assert sling.find_home(session, beads.get(session, child)) == rigs.get(session, rig.name)
    assert town.bead(epic).is_code
    with pytest.raises(Conflict, match=f"has an integration branch: {rig.branch}"):
        _create(town, epic)
    assert _verify(town) == []


def test_what_can_have_no_integration_branch_is_refused(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    with pytest.raises(Invalid, match="is a task, and no epic"):
        _create(town, child)
    with pytest.raises(Conflict, match="lands on main already"):
        _create(town, epic, "main")
    town.commit(town.person, {"b.txt": "x"})
    run_git(town.person, "push", "--quiet", "origin", "HEAD:refs/heads/feature")
    with pytest.raises(git.BranchTaken, match="with other commits"):
        _create(town, epic, "feature")
    agent = SessionPass(1, child, RIG, RIG, f"{RIG}/polecats/nux", 1)
    assert _gt("create", epic, agent=agent)[0] == 3
    with town.work() as session:
        rigs.update(session, RIG, actor="ada", landing=LandingStyle.PULL)
    with pytest.raises(Refused, match="lands by pull requests"):
        _create(town, epic)
    with town.work() as session:
        beads.close(session, [epic], actor="ada", force=True)
    with pytest.raises(Invalid, match="is closed"):
        _create(town, epic)
    assert town.bead(epic).meta == {}
    assert _branches(town) == {"main", "feature"}


def test_a_branch_that_was_there_is_taken_over_and_never_deleted(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    run_git(town.remote, "branch", "feature", "main")
    rig = _create(town, epic, "feature")
    _land_child(town, rig, child, {"b.txt": "x"})

    code, out, err = _gt("land", epic)

    assert code == 0, err
    assert f"Rig {rig.name} is off the list." in out
    assert "Kept: feature, which was there before" in err
    assert "feature" in _branches(town)


# where work goes


def test_beads_go_to_the_nearest_epic_above_that_has_a_branch_unless_a_rig_is_named(town: RefineryTown) -> None:
    outer, (child, named) = _epic(town, 2)
    inner, (grandchild,) = _epic(town, 1, outer)
    alone, plain = _bead(town, "Alone"), _epic(town, 1)[1][0]
    rig = _create(town, outer)

    def homes(*names: str) -> list[str]:
        with town.work() as session:
            return [row.rig for row in sling.sling(session, Target(names, None), actor="ada", preset="claude")]

    assert homes(child, alone, plain) == [rig.name, RIG, RIG]
    with town.work() as session:
        (slung,) = sling.sling(session, Target([named], RIG), actor="ada", preset="claude")
        assert slung.rig == RIG
        sling.unsling(session, [named], actor="ada", why="not there")
        (slung,) = sling.sling(session, Target([named], rig.name), actor="ada", preset="claude")
        assert slung.rig == rig.name, "without --force"
        assert rigs.get(session, RIG).prefix == sling.find_prefix_at_work(session, rig, named)
    nested = _create(town, inner)
    assert nested.name.startswith(f"{rig.name}-epic-")
    assert run_git(town.remote, "rev-parse", nested.branch) == run_git(town.remote, "rev-parse", rig.branch)
    assert homes(grandchild) == [nested.name]


def test_its_agents_change_and_file_beads_of_the_rig_that_it_came_from(town: RefineryTown) -> None:
    from workers.answers import answer  # which looks for the town at once

    epic, (child,) = _epic(town)
    rig = _create(town, epic)
    with town.work() as session:
        sling.sling(session, Target([child], None), actor="ada", preset="claude")
    with town.work() as session:
        row = assignments.claim(session, rig.name, holder="h", host="here", slots=9).assignment
        row.session_pass = hashlib.sha256(b"secret").hexdigest()

    def bd(*words: str) -> str:
        given = answer(row.id or 0, {"program": "bd", "argv": list(words), "pass": "secret"})
        assert given.code == 0, given.err
        return given.out

    bd("update", child, "--notes", "half done")
    filed = json.loads(bd("create", "Found on the way", "--json"))["id"]

    assert town.bead(child).notes == "half done"
    assert town.bead(filed).prefix == RIG


def test_metadata_of_somebody_elses_making_leads_nowhere(town: RefineryTown) -> None:
    rig = _create(town, _epic(town)[0])
    other, (elsewhere,) = _epic(town)
    for said in ({"rig": rig.name, "branch": "main", "of": RIG, "base": "x"}, {"rig": RIG}, ["nonsense"], "nonsense"):
        with town.work() as session:
            beads.update(session, other, {"merge_metadata": {"integration": said}}, actor="mallory")
            home = sling.find_home(session, beads.get(session, elsewhere))
            assert home is not None
            assert home.name == RIG
            with pytest.raises(standing.NoBranch):
                standing.find(session, beads.get(session, other))


def test_no_epic_with_a_branch_is_closed_before_it_lands_nor_slung_by_mistake(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    rig = _create(town, epic)
    _land_child(town, rig, child, {"b.txt": "x"})
    with town.work() as session:
        done = beads.close_eligible(session, actor="ada")
        assert [name for name, _error in done.refused] == [epic]
        with pytest.raises(sling.SlingRefused, match="its beads land on an integration branch"):
            sling.sling(session, Target([epic], None), actor="ada")
    assert town.bead(epic).status == BeadStatus.OPEN


# land


def test_a_branch_that_is_red_with_the_target_is_returned_and_lands_after_more_work(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    rig = _create(town, epic)
    _land_child(town, rig, child, {"one": "x"})
    before = town.push_to_target({"two": "x"})

    code, _out, err = _gt("land", epic)

    assert (code, town.target()) == (5, before)
    assert f"gt mq integration land {epic}" in err
    rework = town.attempts(epic)[-1]
    assert (rework.reason, rework.rig) == (Reason.REWORK, RIG)
    assert rig.branch in _branches(town)
    _land_child(town, rig, _bead(town, "Part 2", epic), {"one": None, "three": "x"})
    code, _out, err = _gt("land", epic)
    assert code == 0, err
    assert town.file_in_target("three") == "x"
    assert [row.state for row in town.attempts(epic)] == [assignments.AssignmentState.SUBMITTED] * 2
    assert _verify(town) == []


def test_what_is_missing_is_said(town: RefineryTown) -> None:
    epic = _bead(town, "Empty", kind="epic")
    rig = _create(town, epic)
    town.push_to_target({"red": "x"})
    town.submit({"b.txt": "x"})  # a queue without work does not look
    _settle(town)

    found = standing.look(town.settings.town, town.work, epic)

    assert found.state == "waits"
    words = "; ".join(found.missing)
    for part in (f"no bead under {epic}", "main is red", f"{rig.branch} has no commit that main lacks"):
        assert part in words
    with pytest.raises(landing.NotReady, match="main is red"):
        landing.hand_in(epic, town.settings, read=town.work, write=town.work, actor="ada")


def test_a_land_that_was_killed_is_completed_by_the_next(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    rig = _create(town, epic)
    _land_child(town, rig, child, {"b.txt": "x"})
    means: dict[str, Any] = {"read": town.work, "write": town.work, "actor": "ada"}
    first = landing.hand_in(epic, town.settings, **means)  # and nobody waits any more
    assert landing.hand_in(epic, town.settings, **means) == first
    _settle(town)
    assert town.landed[-1] == epic

    def killed(*_args: Any, **_values: Any) -> None:
        raise Crash

    for place, name in ((landing, "remove"), (git, "delete_branch")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, name, killed)
            with pytest.raises(Crash):
                _clear_up(town, epic)
    assert rig.branch in _branches(town)

    cleared = _clear_up(town, epic)

    assert (cleared.is_removed, cleared.is_deleted, cleared.kept) == (False, True, "")
    assert rig.branch not in _branches(town)
    assert _clear_up(town, epic) == landing.Cleared(False, False)
    assert town.request(epic).state is RequestState.LANDED
    assert _verify(town) == []


def _clear_up(town: RefineryTown, epic: str) -> landing.Cleared:
    landed = landing.has_landed(town.work, epic)
    assert landed is not None
    return landing.clear_up(landed, town.settings, read=town.work, write=town.work, actor="ada")


def test_what_came_onto_the_branch_too_late_keeps_it_and_its_rig(town: RefineryTown) -> None:
    epic, (child,) = _epic(town)
    rig = _create(town, epic)
    _land_child(town, rig, child, {"b.txt": "x"})
    landing.hand_in(epic, town.settings, read=town.work, write=town.work, actor="ada")
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "checkout", "--quiet", "--detach", f"origin/{rig.branch}")
    late = town.commit(town.person, {"late.txt": "x"})
    run_git(town.person, "push", "--quiet", "origin", f"HEAD:refs/heads/{rig.branch}")
    _settle(town)

    cleared = _clear_up(town, epic)

    assert (cleared.is_removed, cleared.is_deleted) == (False, False)
    assert "not known to be on main" in cleared.kept
    assert run_git(town.remote, "rev-parse", rig.branch) == late
    run_git(town.person, "fetch", "--quiet", "origin")
    run_git(town.person, "push", "--quiet", "--force", "origin", f"{town.target()}:refs/heads/{rig.branch}")
    cleared = _clear_up(town, epic)
    assert (cleared.is_removed, cleared.is_deleted) == (True, True)


def test_an_epic_is_one_plain_commit_where_the_rig_squashes(make: Make) -> None:
    town = make(gates=(_GATE,), landing=LandingStyle.SQUASH)
    epic, (child,) = _epic(town)
    before, rig = town.target(), _create(town, epic)
    _land_child(town, rig, child, {"b.txt": "x"})

    code, _out, err = _gt("land", epic)

    assert code == 0, err
    (commit,) = git.first_parent(town.remote, before, town.target())
    assert commit.parents == (before,)
    assert rig.branch not in _branches(town), "its work is proved to be there by the head that landed"
