"""The phrases that others' programs look for in what `bd` says."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., str]

DONE: list[tuple[list[str], str]] = [
    (["create", "x"], "Created issue:"),
    (["close", "{one}"], "Closed {one}"),
    (["update", "{one}", "-p", "1"], "Updated issue:"),
    (["dep", "add", "{one}", "{two}"], "Added dependency"),
    (["dep", "remove", "{tied}", "{two}"], "Removed dependency"),
    (["comment", "{one}", "text"], "Comment added"),
    (["comments", "add", "{one}", "text"], "Comment added"),
    (["label", "add", "{one}", "x"], "Added label"),
    (["tag", "{one}", "x"], "Added label"),
    (["delete", "{one}"], "DELETE PREVIEW"),
    (["reopen", "{one}"], "already open"),
    (["undefer", "{one}"], "not deferred"),
    (["update", "{one}"], "No updates specified"),
]

REFUSED: list[tuple[list[str], str]] = [
    (["show", "app-none"], "no issue found"),
    (["update", "app-none", "-p", "1"], "no issue found"),
    (["close", "app-none"], "no issue found"),
    (["delete", "app-none", "--force"], "no issue found"),
    (["dep", "add", "{one}", "app-none"], "no issue found"),
    (["comment", "app-none", "x"], "no issue found"),
    (["comments", "app-none"], "no issue found"),
    (["reopen"], "no issue ID provided"),
    (["defer"], "no issue ID provided"),
    (["undefer"], "no issue ID provided"),
    (["comments"], "issue ID is required"),
    (["label", "add"], "issue ID is required"),
    (["create"], "title required"),
    (["create", ""], "title is required"),
    (["create", "   "], "title is required"),
    (["update", "{one}", "--title", ""], "title cannot be empty"),
    (["label", "add", "{one}", ""], "label cannot be empty"),
    (["create", "x", "-t", "wish"], "invalid issue type"),
    (["create", "x", "-p", "99"], "invalid priority"),
    (["create", "x", "-p", "-1"], "invalid priority"),
    (["update", "{one}", "-p", "high"], "invalid priority"),
    (["update", "{one}", "-s", "bogus"], "invalid status"),
    (["create", "x", "--due", "someday"], "invalid --due format"),
    (["create", "x", "--due", "2026-02-30"], "invalid --due format"),
    (["create", "x", "-e", "-5"], "estimate must be a non-negative"),
    (["search", ""], "search query is required"),
    (["search"], "search query is required"),
    (["dep", "add", "{one}", "{one}"], "cannot depend on itself"),
    (["dep", "add", "{two}", "{tied}"], "would create a cycle"),
    (["close", "{tied}"], "blocked by open issues"),
]


@pytest.fixture
def names(make: Make) -> dict[str, str]:
    one, two = make("one"), make("two")
    return {"one": one, "two": two, "tied": make("tied", "--deps", two)}


@pytest.mark.parametrize(("argv", "phrase"), DONE, ids=[phrase for _, phrase in DONE])
def test_what_is_done_is_said_in_these_words(bd: Any, names: dict[str, str], argv: list[str], phrase: str) -> None:
    done = bd(*(word.format(**names) for word in argv))
    assert (done.code, phrase.format(**names) in done.out) == (0, True), done


@pytest.mark.parametrize(("argv", "phrase"), REFUSED, ids=[" ".join(argv) for argv, _ in REFUSED])
def test_what_is_refused_is_said_in_these_words(bd: Any, names: dict[str, str], argv: list[str], phrase: str) -> None:
    words = [word.format(**names) for word in argv]
    refused = bd(*words)
    assert (refused.code, phrase in refused.err) == (1, True), refused
    said = bd(*words, "--json").json["error"]
    assert phrase in said or words[0] == "show"  # whose answer under --json has words of its own


@pytest.mark.parametrize(
    ("argv", "phrase"),
    [
        (["close"], "no issue ID provided"),
        (["update", "-p", "1"], "no issue IDs provided"),
        (["show"], "no issue ID provided"),
    ],
)
def test_without_an_id_and_without_a_last_bead_one_is_asked_for(bd: Any, argv: list[str], phrase: str) -> None:
    refused = bd(*argv)
    assert (refused.code, phrase in refused.err) == (1, True), refused
