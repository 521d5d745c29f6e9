from pathlib import Path

import pytest

from tests.integration.stores.conftest import Runner


@pytest.fixture
def pair(bd: Runner, store: Path) -> tuple[str, str]:
    """Two beads of the prefix app, of which the second waits for the first and names it."""
    first = bd("q", "first").out.strip()
    second = bd("create", "second", "-d", f"after {first}", "--deps", first, "--silent").out.strip()
    return first, second


def test_rename_prefix_previews_and_renames_the_store(bd: Runner, pair: tuple[str, str]) -> None:
    preview = bd("rename-prefix", "knw-", "--dry-run", "--json").json
    assert (preview["old_prefix"], preview["new_prefix"], preview["issues_count"]) == ("app", "knw", 2)
    assert bd("show", pair[0]).code == 0
    assert bd("rename-prefix", "knw-").code == 0
    renamed = [name.replace("app-", "knw-") for name in pair]
    (shown,) = bd("show", renamed[1], "--json").json
    assert shown["description"] == f"after {renamed[0]}"
    assert [item["id"] for item in shown["dependencies"]] == [renamed[0]]
    assert bd("q", "third").out.startswith("knw-")
    assert bd("history", pair[0], "--json").json[0]["event_type"] == "renamed"  # the old name still leads there
    assert bd("rename-prefix", "Nonsense").code == 1


def test_rename_gives_a_bead_a_readable_id(bd: Runner, pair: tuple[str, str]) -> None:
    first, second = pair
    done = bd("rename", first, "app-login", "--json").json
    assert (done["old_id"], done["new_id"], done["references_updated"]) == (first, "app-login", 1)
    assert bd("show", second, "--json").json[0]["description"] == "after app-login"
    assert bd("rename", first, "app-other").code == 1
    assert bd("rename", second, "app-login").code == 1
    (then,) = bd("show", "app-login", "--as-of", "-0h", "--json").json or [None]
    assert then["id"] == "app-login"


def test_rename_with_a_foreign_prefix_is_refused(bd: Runner, pair: tuple[str, str]) -> None:
    assert bd("rename", pair[0], "zzz-login").code == 1
