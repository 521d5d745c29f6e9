"""Which store a command works on, and what the environment says about it."""

import json
import subprocess
from pathlib import Path

import pytest

from gastown import clock, config
from gastown.db.unit_of_work import unit_of_work
from gastown.rigs import Rig
from gastown.town import schema

from .conftest import Runner


def path_of(bd: Runner, *before: str) -> str:
    found = bd(*before, "where", "--json")
    assert found.code == 0, found.err
    return str(found.json["path"])


def test_the_nearest_store_upwards_is_used(
    bd: Runner, store: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = project / "src" / "inner"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)

    assert path_of(bd) == str(store)

    (deep / ".beads").mkdir()  # no store: it says so, instead of using another one
    assert "no beads database" in bd("list").err
    bd("init", "--prefix", "deep", "-q")
    assert path_of(bd) == str(deep / ".beads")


def test_where_there_is_no_store_init_is_named(bd: Runner) -> None:
    done = bd("list", "--json")

    assert done.code == 1
    assert "bd init" in done.json["hint"]


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_command_works_as_if_called_elsewhere(
    bd: Runner, store: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["-C", str(project)]

    done = bd(*words, "where", "--json") if place == "before" else bd("where", "--json", *words)

    assert done.json["path"] == str(store)


def test_variables_name_the_store(bd: Runner, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    for name, value in (("BEADS_DIR", store), ("BEADS_DB", store / "beads.db"), ("BD_DB", store / "beads.db")):
        with monkeypatch.context() as patched:
            patched.setenv(name, str(value))
            assert path_of(bd) == str(store), name
    assert path_of(bd, "--db", str(store / "beads.db")) == str(store)


def test_a_database_that_is_not_there_is_not_made(bd: Runner, tmp_path: Path) -> None:
    done = bd("--db", str(tmp_path / "typo.db"), "list")

    assert done.code == 1
    assert not (tmp_path / "typo.db").exists()


def test_a_redirect_leads_to_another_store(
    bd: Runner, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (other / ".beads").mkdir(parents=True)
    (other / ".beads" / "redirect").write_text("../My Project/.beads\n")
    monkeypatch.chdir(other)

    found = bd("where", "--json").json

    assert (found["path"], found["redirected_from"]) == (str(store), str(other / ".beads"))
    assert bd("context", "--json").json["is_redirected"] is True


@pytest.mark.parametrize("text", ["/nowhere/.beads", "", "a\nb", "\x00"])
def test_a_redirect_that_leads_nowhere_is_named(bd: Runner, project: Path, text: str) -> None:
    (project / ".beads").mkdir()
    (project / ".beads" / "redirect").write_text(text)

    done = bd("list")

    assert done.code == 1
    assert "redirect" in done.err


def test_a_worktree_uses_the_store_of_the_main_checkout(
    bd: Runner, store: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(project))
    for words in (
        ("init", "--quiet"),
        ("add", "."),
        ("commit", "--quiet", "--no-verify", "-m", "Begin"),
        ("worktree", "add", "--quiet", str(tmp_path / "tree")),
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path / "tree")

    assert (tmp_path / "tree" / ".beads").is_dir()  # that git checked out
    assert path_of(bd) == str(store)
    assert bd("init").code == 10
    assert bd("context", "--json").json["is_worktree"] is True


def test_who_acts_is_the_first_that_is_said(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def actor(*flags: str) -> str:
        return str(bd("create", "x", "--json", *flags, actor=None).json["created_by"])

    monkeypatch.setenv("USER", "login")
    monkeypatch.setenv("LOGNAME", "login")
    assert actor() == "login"
    home = Path(store.parent.parent / "home")
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Git Person\n\temail = git@example.com\n")
    assert actor() == "Git Person"
    monkeypatch.setenv("BD_ACTOR", "older")
    assert actor() == "older"
    monkeypatch.setenv("BEADS_ACTOR", "newer")
    assert actor() == "newer"
    assert actor("--actor", "said") == "said"


def test_the_owner_is_gits_author(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "owner" not in bd("create", "x", "--json").json

    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.com")

    assert bd("create", "x", "--json").json["owner"] == "ada@example.com"


def test_a_working_folder_that_is_gone_is_named(bd: Runner, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    for words in (("list",), ("init",), ("create", "x")):
        done = bd(*words)
        assert done.code == 1
        assert "the working folder is gone" in done.err


def test_the_env_file_says_only_what_is_beads_own(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BEADS_ACTOR", "PATH_OF_EVIL", "BEADS_DIR", "BEADS_MAIL_DELEGATE", "BD_NO_EMOJI"):
        monkeypatch.setenv(name, "x")  # so that what the file sets is undone after the test
        monkeypatch.delenv(name)
    (store / ".env").write_text(
        "# ours\nBEADS_ACTOR='from file'\nPATH_OF_EVIL=1\nBEADS_DIR=/elsewhere\nBEADS_MAIL_DELEGATE=/bin/evil\n"
        "export BD_NO_EMOJI=1\nnot a line\n"
    )

    made = bd("create", "x", actor=None)

    assert made.out.startswith("Created issue:")
    assert bd("list", "--json").json[0]["created_by"] == "from file"
    assert path_of(bd) == str(store)
    environment = config.environment()
    assert not {"PATH_OF_EVIL", "BEADS_DIR", "BEADS_MAIL_DELEGATE"} & {*environment}


def test_the_environment_comes_before_the_env_file(bd: Runner, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEADS_ACTOR", "environment")
    (store / ".env").write_text("BEADS_ACTOR=file\n")

    assert bd("create", "x", "--json", actor=None).json["created_by"] == "environment"


@pytest.fixture
def town(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A town on SQLite with the rig `app`, its folder, and this process in it."""
    (project / "town.toml").touch()
    settings = config.Settings(town=project)
    schema.upgrade(settings.database)
    config.use(settings)
    with unit_of_work() as session:
        session.add(Rig(name="app", prefix="ap", remote_url="x", branch="main", created_at=clock.now()))
    config.use(None)
    inner = project / "rigs" / "app" / "polecats" / "someone"
    inner.mkdir(parents=True)
    (inner / ".beads").mkdir()  # data of the rig's repository, never a store
    monkeypatch.chdir(inner)
    return project


def test_in_a_rigs_folder_new_beads_are_the_rigs(bd: Runner, town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bd("q", "of the rig").out.strip()
    assert made.startswith("ap-")
    assert bd("show", made.removeprefix("ap-")).code == 0
    assert bd("where", "--json").json["prefix"] == "ap"

    monkeypatch.chdir(town)
    other = bd("q", "of the town").out.strip()
    assert other.startswith("hq-")

    monkeypatch.chdir(town / "rigs" / "app")
    assert bd("show", other.removeprefix("hq-")).code == 0


def test_stores_verbs_in_a_town_name_what_does_the_job(bd: Runner, town: Path) -> None:
    for words, wanted in ((("migrate",), "gt db"), (("backup", "restore"), "gt down"), (("init",), "town")):
        done = bd(*words, "--json")
        assert done.code in (1, 10)
        assert wanted in json.dumps(done.json)
