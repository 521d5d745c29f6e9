"""Merges without a work tree: conflict, missing object and trouble are three different things."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import BadObjectId, GitFailed, ObjectMissing

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_both_changes_are_in_the_tree_when_they_do_not_touch(rig) -> None:
    base = rig.make()
    one = rig.head(base, {"one.txt": "1\n"}, name="one")
    two = rig.head(base, {"two.txt": "2\n"}, name="two")
    merged = git.merge_trees(rig.land, one, two)
    assert isinstance(merged, git.Merged)
    names = rig.run(rig.land, "ls-tree", "-r", "--name-only", merged.tree).split()
    assert {"one.txt", "two.txt", "README"} <= set(names)


def test_the_conflicting_files_are_named_when_names_are_odd(rig) -> None:
    base = rig.make()
    odd = ["new\nline", 'quo"te', "sp ace", "tab\tx", "é", "-dash"]
    one = rig.head(base, {**dict.fromkeys(odd, "one\n"), "fine1": "x"}, name="one")
    two = rig.head(base, {**dict.fromkeys(odd, "two\n"), "fine2": "x"}, name="two")
    result = git.merge_trees(rig.land, one, two)
    assert isinstance(result, git.Conflicted)
    assert sorted(result.paths) == sorted(odd)
    assert len(result.messages) == len(odd)


def test_a_deletion_against_a_change_is_a_conflict(rig) -> None:
    base = rig.make()
    one = rig.head(base, {"src/a.txt": None}, name="one")
    two = rig.head(base, {"src/a.txt": "1\n2\n3\n4\n"}, name="two")
    result = git.merge_trees(rig.land, one, two)
    assert isinstance(result, git.Conflicted)
    assert result.paths == ("src/a.txt",)
    assert len(result.messages) == 1


def test_a_missing_commit_is_no_conflict(rig) -> None:
    base = rig.make()
    for pair in ((base, "ab" * 20), ("ab" * 20, base)):
        with pytest.raises(ObjectMissing) as caught:
            git.merge_trees(rig.land, *pair)
        assert caught.value.retryable


def test_damage_is_no_conflict(rig) -> None:
    base = rig.make()
    words = f"tree {'ab' * 20}\nparent {base}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nno tree\n"
    damaged = git.git(
        rig.land, "hash-object", "-w", "--literally", "-t", "commit", "--stdin", options=git.Options(input=words)
    ).line
    assert git.has_commit(rig.land, damaged)
    with pytest.raises(GitFailed):
        git.merge_trees(rig.land, base, damaged)


def test_histories_without_a_common_commit_are_a_conflict(rig) -> None:
    base = rig.make()
    path = rig.agent("toast", base)
    rig.run(path, "checkout", "-q", "--orphan", "alone")
    lone = rig.commit(path, {"x": "x"})
    git.fetch_head(rig.land, rig.work, lone)
    result = git.merge_trees(rig.land, base, lone)
    assert isinstance(result, git.Conflicted)
    assert result.messages


def test_a_short_or_strange_name_is_refused(rig) -> None:
    base = rig.make()
    for name in ("main", "HEAD", base[:10], "--stdin", ""):
        with pytest.raises(BadObjectId):
            git.merge_trees(rig.land, base, name)


def _draft(rig, base: str, when) -> git.Draft:
    person = git.Person("Ünï <x>\n", "a@b")
    return git.Draft(
        git.tree_of(rig.land, base),
        (base,),
        "Title\n\nBody",
        person,
        person,
        when,
        (("Bead", "gt-1"), ("Bead", "gt-2")),
    )


def test_the_same_commit_comes_out_when_it_is_made_again_elsewhere(rig, monkeypatch: pytest.MonkeyPatch) -> None:
    base = rig.make()
    first = git.commit_tree(rig.land, _draft(rig, base, WHEN))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    again = git.commit_tree(rig.land, _draft(rig, base, WHEN.astimezone(timezone(timedelta(hours=5)))))
    assert again == first
    commit = git.first_parent(rig.land, base, first)[-1]
    assert (commit.subject, commit.author, commit.committed_at, commit.parents) == ("Title", "Ünï x", WHEN, (base,))
    assert commit.trailers("bead") == ["gt-1", "gt-2"]
    assert commit.trailers("train") == []


def test_history_is_read_in_order_and_counted(rig) -> None:
    base = rig.make()
    one = rig.head(base, {"one.txt": "1\n"}, name="one")
    two = rig.head(one, {"two.txt": "2\n"}, name="two")
    merge = rig.candidate(base, two)
    assert [commit.oid for commit in git.first_parent(rig.land, base, merge)] == [merge]
    assert [commit.oid for commit in git.first_parent(rig.land, None, two)] == [base, one, two]
    assert git.first_parent(rig.land, base, base) == []
    assert git.distance(rig.land, base, two) == git.Distance(ahead=2, behind=0)
    assert git.behind(rig.land, base, merge) == 3
    assert git.commits_ahead(rig.land, one, two) == 1
    assert git.changed_paths(rig.land, base, merge) == ["one.txt", "two.txt"]
    assert git.merge_base(rig.land, one, merge) == one
    assert git.is_ancestor(rig.land, base, merge)
    assert git.is_ancestor(rig.land, base, base)
    assert not git.is_ancestor(rig.land, merge, base)
    assert git.has_commit(rig.land, base)
    assert not git.has_commit(rig.land, "ab" * 20)
    assert not git.has_commit(rig.land, git.tree_of(rig.land, base))


def test_questions_about_a_missing_commit_have_no_answer(rig) -> None:
    base = rig.make()
    gone = "ab" * 20
    for ask in (git.is_ancestor, git.distance, git.first_parent, git.changed_paths, git.merge_base):
        with pytest.raises(ObjectMissing):
            ask(rig.land, base, gone)
    with pytest.raises(ObjectMissing):
        git.tree_of(rig.land, gone)
    with pytest.raises(ObjectMissing):
        git.require_commits(rig.land, base, gone)


def test_a_merge_does_not_depend_on_the_users_settings(rig) -> None:
    base = rig.make()
    one = rig.head(base, {"src/a.txt": "1\n2\nthree\n"}, name="one")
    two = rig.head(base, {"src/a.txt": "1\n2\ndrei\n"}, name="two")
    folder = Path.home() / ".config" / "git"
    folder.mkdir(parents=True)
    (folder / "attributes").write_text("*.txt merge=union\n")
    assert isinstance(git.merge_trees(rig.land, one, two), git.Conflicted)
