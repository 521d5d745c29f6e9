"""Gate slots: exact, warm, and harmless whatever the tests in them do."""

import os
import threading
from pathlib import Path

import pytest

from gastown import git
from gastown.git.errors import ObjectMissing


def slot(rig, number: int = 1) -> Path:
    return rig.root / "rig" / "gates" / str(number)


def test_a_slot_shows_the_commit_and_keeps_caches(rig) -> None:
    base = rig.make()
    head = rig.head(base, {"new": "x", "src/a.txt": None})
    assert git.checkout_gate(slot(rig), rig.land, head) == git.GateTree(slot(rig), head, git.tree_of(rig.land, head))
    assert sorted(os.listdir(slot(rig))) == [".git", ".gitignore", "README", "new"]
    (slot(rig) / "cache").mkdir()
    (slot(rig) / "cache" / "x").write_text("warm")
    (slot(rig) / "README").write_text("changed by a test")
    (slot(rig) / "untracked").write_text("x")
    rig.run(slot(rig), "init", "-q", "nested")
    git.checkout_gate(slot(rig), rig.land, base)
    assert sorted(os.listdir(slot(rig))) == [".git", ".gitignore", "README", "cache", "src"]
    assert (slot(rig) / "README").read_text() == "hello\n"
    assert (slot(rig) / "cache" / "x").read_text() == "warm"
    git.checkout_gate(slot(rig), rig.land, base, keep_ignored=False)
    assert not (slot(rig) / "cache").exists()


def test_tests_in_a_slot_see_a_clean_repository_without_a_remote(rig) -> None:
    base = rig.make()
    head = rig.head(base, {"new": "x"})
    git.checkout_gate(slot(rig), rig.land, head)
    assert rig.run(slot(rig), "rev-parse", "HEAD") == head
    assert rig.run(slot(rig), "log", "--format=%H").split() == [head, base]
    assert rig.run(slot(rig), "status", "--porcelain") == ""
    assert rig.run(slot(rig), "remote") == ""


def test_nothing_of_ours_changes_when_tests_misuse_the_slots_repository(rig) -> None:
    base = rig.make()
    head = rig.head(base, {"new": "x"})
    git.checkout_gate(slot(rig), rig.land, head)
    evil = rig.root / "evil"
    before = (rig.land / "config").read_text(), rig.run(rig.land, "for-each-ref")
    for key in ("core.fsmonitor", "filter.evil.smudge", "core.hooksPath"):
        rig.run(slot(rig), "config", key, f"touch {evil};")
    (slot(rig) / ".gitattributes").write_text("* filter=evil\n")
    rig.run(slot(rig), "checkout", "-q", "-b", "main")
    rig.run(slot(rig), "push", "origin", "main", check=False)
    rig.run(slot(rig), "update-ref", "refs/heads/x", base)
    (slot(rig) / "README").write_text("changed")
    rig.run(slot(rig), "update-index", "--assume-unchanged", "README")
    evil.unlink(missing_ok=True)
    git.checkout_gate(slot(rig), rig.land, base)
    assert not evil.exists()
    assert ((rig.land / "config").read_text(), rig.run(rig.land, "for-each-ref")) == before
    assert rig.target() == base
    assert (slot(rig) / "README").read_text() == "hello\n"
    assert rig.run(slot(rig), "rev-parse", "HEAD") == base


def test_a_slot_is_put_right_when_its_repository_was_destroyed(rig) -> None:
    base = rig.make()
    git.checkout_gate(slot(rig), rig.land, base)
    git.layout.remove(slot(rig) / ".git")
    (slot(rig) / ".git").symlink_to(rig.land)
    git.checkout_gate(slot(rig), rig.land, base)
    assert not (slot(rig) / ".git").is_symlink()
    assert (rig.land / "config").exists()
    git.layout.remove(slot(rig))
    git.checkout_gate(slot(rig), rig.land, base)
    assert (slot(rig) / "README").exists()


def test_a_missing_commit_changes_nothing(rig) -> None:
    base = rig.make()
    git.checkout_gate(slot(rig), rig.land, base)
    with pytest.raises(ObjectMissing):
        git.checkout_gate(slot(rig), rig.land, "ab" * 20)
    assert rig.run(slot(rig), "rev-parse", "HEAD") == base


def test_a_removed_slot_is_gone_and_can_come_back(rig) -> None:
    base = rig.make()
    git.checkout_gate(slot(rig), rig.land, base)
    git.remove_gate(slot(rig))
    git.remove_gate(slot(rig))
    assert [path.name for path in slot(rig).parent.iterdir() if not path.name.endswith(".flock")] == []
    git.checkout_gate(slot(rig), rig.land, base)


def test_slots_are_filled_side_by_side(rig) -> None:
    base = rig.make()
    heads = [rig.head(base, {"n": str(number)}, name=f"a{number}") for number in range(4)]
    errors: list[BaseException] = []

    def fill(number: int) -> None:
        try:
            for turn in range(3):
                git.checkout_gate(slot(rig, number), rig.land, heads[(number + turn) % 4])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [(slot(rig, number) / "n").read_text() for number in range(4)] == ["2", "3", "0", "1"]
