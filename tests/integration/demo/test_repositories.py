"""The demo copies repositories of every kind and writes into none of them."""

import subprocess
from pathlib import Path

import pytest

from gastown import git
from gastown.git import NotARepository
from gastown.town.demo import repositories
from gastown.town.demo.repositories import NothingToCopy

_ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=_ENV, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout with two commits, on a branch that is not main."""
    path = tmp_path / "my app"
    path.mkdir()
    _git(path, "init", "-q", "-b", "trunk")
    for number in range(2):
        (path / "a file.txt").write_text(f"{number}\n")
        _git(path, "add", "-A")
        _git(path, "commit", "-qm", str(number))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the copies go."""
    path = tmp_path / "demo"
    path.mkdir()
    return path


def test_copy_begins_where_the_source_stands_when_it_is_a_checkout(source: Path, folder: Path) -> None:
    refs = _git(source, "for-each-ref")
    made = repositories.copy(str(source), folder)
    assert made.base == _git(source, "rev-parse", "HEAD") == git.ref_value(made.path, "refs/heads/main")
    assert (made.name, made.work_folder) == ("my-app", "gastown_demo")
    assert [ref.partition("\t")[2] for ref in _git(made.path, "for-each-ref").splitlines()] == ["refs/heads/main"]
    assert (_git(source, "for-each-ref"), _git(source, "status", "--porcelain")) == (refs, "")


def test_copy_is_of_what_is_checked_out_when_no_branch_is(source: Path, folder: Path) -> None:
    _git(source, "checkout", "-q", "--detach", "HEAD~1")
    assert repositories.copy(str(source), folder).base == _git(source, "rev-parse", "trunk~1")


def test_copy_can_be_cloned_when_its_source_has_half_a_history(source: Path, folder: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    _git(tmp_path, "clone", "-q", "--depth", "1", source.as_uri(), str(shallow))
    made = repositories.copy(str(shallow), folder)
    _git(tmp_path, "clone", "-q", "--branch", "main", str(made.path), "cloned")
    assert (tmp_path / "cloned" / "a file.txt").read_text() == "1\n"
    assert _git(made.path, "rev-list", "--count", "main") == "1"


def test_work_goes_elsewhere_when_the_source_has_a_folder_of_that_name(source: Path, folder: Path) -> None:
    (source / "gastown_demo").write_text("a file\n")
    _git(source, "add", "-A")
    _git(source, "commit", "-qm", "taken")
    assert repositories.copy(str(source), folder).work_folder == "gastown_demo_2"


@pytest.mark.parametrize("words", [(), ("commit", "-q", "--allow-empty", "-m", "nothing")], ids=["unborn", "empty"])
def test_copy_is_refused_when_there_is_nothing_in_the_source(
    tmp_path: Path, folder: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "empty"
    path.mkdir()
    _git(path, "init", "-q")
    if words:
        _git(path, *words)
    with pytest.raises(NothingToCopy):
        repositories.copy(str(path), folder)


def test_source_is_the_repository_around_the_folder_when_none_is_named(source: Path, tmp_path: Path) -> None:
    inside = source / "deep" / "inside"
    inside.mkdir(parents=True)
    assert repositories.find_source(None, inside) == str(source)
    assert repositories.find_source("..", inside) == str(source)
    assert repositories.find_source(str(source), tmp_path) == str(source)


def test_source_is_found_when_a_bare_repository_is_named(source: Path, tmp_path: Path) -> None:
    _git(tmp_path, "clone", "-q", "--bare", str(source), "bare.git")
    assert repositories.find_source("bare.git", tmp_path) == str(tmp_path / "bare.git")


def test_there_is_no_source_when_no_repository_is_around(tmp_path: Path) -> None:
    assert repositories.find_source(None, tmp_path) is None
    with pytest.raises(NotARepository):
        repositories.find_source(str(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://example.com/team/My_App.git/", "my-app"),
        ("host:path/to/lib.git", "lib"),
        ("/home/x/9to5", "to5"),
        ("/home/x/-----", "project"),
        ("/home/x/sample", "project"),
        ("/home/x/main", "project"),
        ("/home/x/witness", "project"),
        ("/home/x/" + "long" * 20, "longlonglonglonglong"),
    ],
)
def test_rig_has_a_name_that_can_be_one_when_it_is_made_from_an_address(source: str, name: str) -> None:
    assert repositories.rig_name(source) == name


def test_sample_passes_its_own_tests_when_it_is_made(folder: Path, tmp_path: Path) -> None:
    made = repositories.make_sample(folder)
    _git(tmp_path, "clone", "-q", str(made.path), "sample")
    done = subprocess.run(
        ["python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."],
        cwd=tmp_path / "sample",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 4 tests" in done.stderr
