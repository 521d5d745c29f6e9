"""Spans, pages, plans and batches as texts: read whole, or refused in our own words, whatever they hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gastown.beads import BadField, BatchFailed, format_duration, parse_duration, read_batch, read_page, read_plan
from gastown.beads.bulk.batch import split_words

SPANS = {"90s": 90, "1h30m": 5400, "1.5h": 5400, "100ms": 0.1, "2h45m30.5s": 9930.5, "0": 0, "+5m": 300, ".5s": 0.5}


@pytest.mark.parametrize(("text", "seconds"), list(SPANS.items()))
def test_spans_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == int(seconds * 1_000_000_000)


@pytest.mark.parametrize("text", ["", "5", "-5m", "1d", "5 m", "m", "1h-5m", "٣s", "9" * 30 + "h", "1e3s", "."])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(BadField, match="duration"):
        parse_duration(text)


@given(st.integers(0, 2**53))
def test_a_span_is_read_back_as_it_was_written(nanoseconds: int) -> None:
    assert abs(parse_duration(format_duration(nanoseconds)) - nanoseconds) <= 1


@given(st.lists(st.text(min_size=1).filter(lambda word: word.isprintable()), max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    line = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert split_words(line) == tuple(words)


@given(st.text())
def test_any_text_is_a_batch_or_refused_by_line(text: str) -> None:
    try:
        found = read_batch(text)
    except BatchFailed as error:
        message = error.message
    else:
        assert len(found) <= len(text.splitlines())
        return
    assert message.startswith("line ")


@given(st.lists(st.sampled_from(["## A", "### Type", "bug", "### Labels", "- a, b", "```", "text", "", "# P", "##"])))
def test_any_page_is_read_or_refused_in_our_words(lines: list[str]) -> None:
    try:
        drafts = read_page("\n".join(lines))
    except BadField:
        return
    assert len(drafts) <= lines.count("## A") + lines.count("##")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NODES = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.sampled_from(["a", "b", "c"])
        for name in ("key", "title", "type", "priority", "labels", "metadata", "metadata_refs", "parent_key", "x")
    },
)
EDGES = st.fixed_dictionaries(
    {},
    optional={name: JSON | st.sampled_from(["a", "b"]) for name in ("from_key", "from_id", "to_key", "to_id", "type")},
)


@given(JSON | st.fixed_dictionaries({"nodes": st.lists(NODES | JSON), "edges": st.lists(EDGES | JSON)}))
def test_any_plan_is_read_or_refused_in_our_words(plan: Any) -> None:
    try:
        found = read_plan(json.dumps(plan))
    except BadField:
        return
    assert len(found.nodes) == len(plan["nodes"])
