"""`gt rig` on real repositories."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import select

from gastown import rigs
from gastown.events import Event, EventKind

from .conftest import Repository, Town, run_git


def folders(town: Town) -> list[str]:
    rig_folder = town.folder / "rigs"
    return sorted(path.name for path in rig_folder.iterdir() if path.is_dir()) if rig_folder.exists() else []


def test_rig_is_added_when_everything_is_right(town: Town, repository: Repository) -> None:
    said = town.ok("rig", "add", "app", str(repository.remote), "--gate", "test=true", "--json")
    assert said.json["branch"] == "trunk"
    assert said.json["prefix"] == "app"
    (gate,) = said.json["gates"]
    assert (gate["name"], gate["command"], gate["timeout_s"], gate["required"]) == ("test", "true", None, True)
    assert (said.json["push_atomic"], said.json["push_fence"]) == (True, True)
    assert (rigs.land_git(town.folder, "app") / "HEAD").exists()
    assert (rigs.work_git(town.folder, "app") / "HEAD").exists()
    assert not (rigs.rig_dir(town.folder, "app") / ".adding").exists()
    with town.read() as session:
        kinds = [event.kind for event in session.exec(select(Event))]
    assert kinds == [EventKind.RIG_ADDED]


def test_target_is_not_moved_when_a_rig_is_added(town: Town, repository: Repository) -> None:
    before = repository.git("rev-parse", "trunk")
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    assert run_git(repository.remote, "rev-parse", "trunk") == before
    assert "refs/gastown/fence" in repository.refs()


def test_checkout_stands_for_its_origin(town: Town, repository: Repository) -> None:
    said = town.ok("rig", "add", "app", str(repository.clone), "--gate", "t=./check.sh", "--json")
    assert said.json["remote_url"] == str(repository.remote)
    assert said.json["updates_checkout"] is False
    assert any("origin" in warning for warning in said.json["warnings"])


def test_checkout_without_origin_is_landed_into_when_it_is_clean(town: Town, repository: Repository) -> None:
    repository.git("remote", "remove", "origin")
    said = town.ok("rig", "add", "app", str(repository.clone), "--no-gates", "--json")
    assert said.json["updates_checkout"] is True


def test_checkout_without_origin_is_refused_when_it_has_changes(town: Town, repository: Repository) -> None:
    repository.git("remote", "remove", "origin")
    (repository.clone / "check.sh").write_text("changed")
    said = town.gt("rig", "add", "app", str(repository.clone), "--no-gates")
    assert said.code == 3
    assert "not committed" in said.err
    assert folders(town) == []


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        ((), 2, "--no-gates"),
        (("--gate", "t=true", "--no-gates"), 2, "exclude"),
        (("--gate", "true"), 2, "NAME=CMD"),
        (("--gate", "t="), 2, "no command"),
        (("--gate", "a b=true"), 2, "alphabet-free"),
        (("--gate", "t=true", "--gate", "t=false"), 2, "two gates"),
        (("--gate", "t=no-such-program-here --all"), 4, "no-such-program-here"),
        (("--gate", "t=./missing.sh"), 4, "missing.sh"),
        (("--no-gates", "--setup", "no-such-program-here"), 4, "no-such-program-here"),
        (("--no-gates", "--branch", "none"), 4, "no branch none"),
        (("--no-gates", "--branch", "--upload-pack=x"), 2, "dash"),
        (("--no-gates", "--branch", "a..b"), 2, "cannot be a branch"),
        (("--no-gates", "--prefix", "a-b"), 2, "prefix"),
        (("--no-gates", "--prefix", "hq"), 5, "town itself"),
        (("--no-gates", "--agent", "nobody"), 4, "nobody"),
        (("--no-gates", "--agent", "../x"), 2, "../x"),
    ],
)
def test_nothing_is_made_when_the_request_is_wrong(
    town: Town, repository: Repository, words: tuple[str, ...], code: int, names: str
) -> None:
    said = town.gt("rig", "add", "app", str(repository.remote), *words)
    assert said.code == code, said.err
    assert names == "alphabet-free" or names in said.err
    assert len(said.err.splitlines()) <= 2
    assert folders(town) == []
    assert town.ok("rig", "list", "--json").json == []
    assert "gastown" not in repository.refs()


@pytest.mark.parametrize(
    "name",
    ["../up", "has space", "-dash", "--flag", "semi;colon", "$(x)", "x" * 300, "UPPER", "", "refinery", "a/b", "nl\n"],
)
def test_bad_names_are_refused_before_anything_is_asked(town: Town, name: str) -> None:
    said = town.gt("rig", "add", "--no-gates", "--", name, "/nowhere")
    assert said.code == 2, said.err
    assert folders(town) == []


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("ext::sh -c touch% /tmp/pwned", 2),
        ("-oProxyCommand=x", 2),
        ("/nowhere/at/all", 4),
        ("https://", 2),
        ("ssh://-oProxyCommand=x/y", 2),
    ],
)
def test_bad_sources_are_refused(town: Town, source: str, code: int) -> None:
    said = town.gt("rig", "add", "--no-gates", "app", "--", source)
    assert said.code == code, said.err
    assert folders(town) == []


def test_folder_that_is_no_repository_is_refused(town: Town, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert town.gt("rig", "add", "app", str(empty), "--no-gates").code == 4


def test_repository_without_a_commit_is_refused(town: Town, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    bare.mkdir()
    run_git(bare, "init", "--quiet", "--bare")
    said = town.gt("rig", "add", "app", str(bare), "--no-gates")
    assert said.code == 4
    assert "--branch" in said.err


def test_remote_that_takes_no_pushes_is_refused_with_its_words(town: Town, repository: Repository) -> None:
    (repository.remote / "HEAD").chmod(0o644)
    run_git(repository.remote, "config", "receive.denyCurrentBranch", "refuse")
    hook = repository.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho nobody may push here >&2\nexit 1\n")
    hook.chmod(0o755)
    # A dry run does not start hooks, so that the rig is taken; what matters is that nothing half-made stays.
    said = town.gt("rig", "add", "app", str(repository.remote), "--no-gates", "--json")
    assert said.code == 0
    assert said.json["push_fence"] is False


def test_taken_name_is_refused_and_its_folder_kept(town: Town, repository: Repository) -> None:
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    land = rigs.land_git(town.folder, "app")
    said = town.gt("rig", "add", "app", str(repository.remote), "--no-gates", "--prefix", "other", "--branch", "x")
    assert said.code == 5
    assert land.exists()


def test_branch_that_another_rig_lands_on_is_refused(town: Town, repository: Repository) -> None:
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    said = town.gt("rig", "add", "again", str(repository.clone), "--no-gates")
    assert said.code == 5
    assert "rig app lands on trunk" in said.err
    assert folders(town) == ["app"]


def test_prefixes_are_made_unique_when_names_are_alike(town: Town, repository: Repository) -> None:
    repository.git("push", "--quiet", "origin", "trunk:other")
    one = town.ok("rig", "add", "my-app", str(repository.remote), "--no-gates", "--json").json
    two = town.ok("rig", "add", "mighty-ant", str(repository.remote), "--no-gates", "--branch", "other", "--json").json
    assert one["prefix"] == "ma"
    assert two["prefix"] not in ("ma", "hq")


def test_add_starts_anew_when_an_earlier_one_died(town: Town, repository: Repository) -> None:
    folder = rigs.rig_dir(town.folder, "app")
    folder.mkdir(parents=True)
    (folder / ".adding").touch()
    (folder / "half").write_text("made")
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    assert not (folder / "half").exists()


def test_folder_of_somebody_else_is_not_touched(town: Town, repository: Repository) -> None:
    folder = rigs.rig_dir(town.folder, "app")
    folder.mkdir(parents=True)
    (folder / "precious").write_text("x")
    said = town.gt("rig", "add", "app", str(repository.remote), "--no-gates")
    assert said.code == 5
    assert (folder / "precious").read_text() == "x"


def test_parked_rig_says_so_until_it_is_unparked(town: Town, repository: Repository) -> None:
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    assert town.ok("rig", "park", "app", "--json").json["is_parked"] is True
    assert "parked" in town.ok("rig", "list").out
    assert town.ok("rig", "unpark", "app", "--json").json["is_parked"] is False
    assert town.gt("rig", "park", "unknown").code == 4


def test_removed_rig_keeps_its_folder_and_its_name(town: Town, repository: Repository) -> None:
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    said = town.ok("rig", "remove", "app")
    assert "stay" in said.out
    assert rigs.land_git(town.folder, "app").exists()
    assert town.ok("rig", "list", "--json").json == []
    assert town.gt("rig", "show", "app").code == 4
    assert town.gt("rig", "add", "app", str(repository.remote), "--no-gates").code == 5


def test_rig_is_not_removed_while_work_is_under_way(town: Town, repository: Repository) -> None:
    from gastown import assignments, beads

    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    with town.write() as session:
        bead = beads.create(session, beads.NewBead(title="work", prefix="app"), actor="pat")
        attempt = assignments.NewAttempt(bead_id=bead.id, rig="app", preset="command", reason=assignments.Reason.SLING)
        assignments.open_attempt(session, attempt, actor="pat", ready=False)
    said = town.gt("rig", "remove", "app")
    assert said.code == 5
    assert bead.id in said.err
    assert "app" in town.ok("rig", "list").out


def test_password_in_a_url_is_not_shown(town: Town, repository: Repository) -> None:
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
    with town.write() as session:
        rigs.update(session, "app", actor="pat", remote_url="https://pat:secret@example.com/app.git")
    assert "secret" not in town.ok("rig", "list").out + town.ok("rig", "show", "app", "--json").out


def test_one_of_two_adds_at_once_makes_the_rig(town: Town, repository: Repository) -> None:
    words = ("rig", "add", "app", str(repository.remote), "--no-gates")
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(said.code for said in pool.map(lambda _: town.gt(*words), range(2)))
    assert codes == [0, 5]
    assert (rigs.land_git(town.folder, "app") / "HEAD").exists()
    assert [row["name"] for row in town.ok("rig", "list", "--json").json] == ["app"]


def test_nothing_is_made_when_the_folder_cannot_be_written(town: Town, repository: Repository) -> None:
    (town.folder / "rigs").write_text("a file where a folder should be")
    said = town.gt("rig", "add", "app", str(repository.remote), "--no-gates")
    assert said.code == 6
    assert len(said.err.splitlines()) <= 2
    assert town.ok("rig", "list", "--json").json == []


def test_nothing_is_left_when_the_row_cannot_be_written(
    town: Town, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gastown.errors import Unavailable

    def refuse(*_args: object, **_values: object) -> None:
        raise Unavailable("the database is full")

    monkeypatch.setattr(rigs, "add", refuse)
    assert town.gt("rig", "add", "app", str(repository.remote), "--no-gates").code == 6
    assert folders(town) == []
    monkeypatch.undo()
    town.ok("rig", "add", "app", str(repository.remote), "--no-gates")
