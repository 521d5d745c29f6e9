import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from gastown.beads.exchange.content import content_hash
from gastown.beads.models import Bead

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def bead(**said: Any) -> Bead:
    return Bead(**{"id": "gt-a1b2", "prefix": "gt", "title": "t", "created_at": NOW, "updated_at": NOW, **said})


def test_the_hash_is_of_the_values_in_order_with_a_null_byte_after_each() -> None:
    values = ["t", "", "", "", "", "", "open", "2", "task", "", "", "", "", "", "", "", ""]  # up to the template flag
    values += ["", "", "0"]  # await_type, await_id, timeout
    values += ["", "", "", "", "", ""]
    assert content_hash(bead()) == hashlib.sha256("".join(f"{value}\0" for value in values).encode()).hexdigest()


def test_flags_lists_and_metadata_are_words_of_their_own() -> None:
    full = bead(
        pinned=True,
        is_template=True,
        meta={"a": 1},
        waiters=["x/y", "z"],
        timeout=60_000_000_000,
        external_ref="gh-9",
        bonded_from=[{"source_id": "gt-p", "bond_type": "sequential", "bond_point": ""}],
    )
    values = ["t", "", "", "", "", "", "open", "2", "task", "", "", "", "gh-9", "", "pinned", '{"a":1}', "template"]
    values += ["gt-p", "sequential", "", "", "", "60000000000", "x/y", "z", "", "", "", "", "", ""]
    assert content_hash(full) == hashlib.sha256("".join(f"{value}\0" for value in values).encode()).hexdigest()


@pytest.mark.parametrize("said", [{"id": "gt-z"}, {"updated_at": datetime(2027, 1, 1, tzinfo=UTC)}, {"sender": "x"}])
def test_ids_and_times_do_not_count(said: dict[str, Any]) -> None:
    assert content_hash(bead(**said)) == content_hash(bead())


@pytest.mark.parametrize(
    "said", [{"title": "u"}, {"notes": "n"}, {"priority": 0}, {"status": "closed"}, {"payload": "p"}]
)
def test_what_is_said_counts(said: dict[str, Any]) -> None:
    assert content_hash(bead(**said)) != content_hash(bead())
