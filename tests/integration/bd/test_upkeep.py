import sys
from collections.abc import Callable

import pytest
from sqlmodel import SQLModel, col, select, update

from gastown import beads, tables
from gastown.beads import Bead
from gastown.beads.bulk.planting import HOLDERS
from gastown.db.unit_of_work import unit_of_work
from tests.integration.bd.conftest import Runner
from tests.support.fake_clock import FakeClock

Make = Callable[..., str]


def alter(name: str, **values: object) -> None:
    with unit_of_work() as session:
        session.execute(update(Bead).where(col(Bead.id) == name).values(**values))


def all_ids() -> set[str]:
    with unit_of_work() as session:
        return set(session.exec(select(Bead.id)))


def test_compaction_keeps_the_text_in_the_event_and_says_what_it_saved(
    bd: Runner, make: Make, fake_clock: FakeClock
) -> None:
    bead, young = make("old", "-d", "d" * 500, "--acceptance", "a" * 100), make("young", "-d", "d" * 500)
    waiting = make("waiting", "--deps", bead)
    bd("close", bead)
    fake_clock.pass_(days=31)
    bd("close", young)
    (candidate,) = bd("admin", "compact", "--analyze", "--json").json
    assert (candidate["id"], candidate["size_bytes"], candidate["dependents"]) == (bead, 600, 1)
    assert (candidate["age_days"], candidate["description"]) == (31, "d" * 500)
    stats = bd("admin", "compact", "--stats", "--json").json
    assert stats["tier1"] == {"candidates": 1, "total_size": 600}
    assert stats["tier2"] == {"candidates": 0, "total_size": 0}
    words = ("admin", "compact", "--apply", "--id", bead, "--summary", "-", "--json")
    preview = bd(*words, "--dry-run", stdin="It was fixed.").json
    assert preview["dry_run"]
    assert bd("show", bead, "--json").json[0]["description"] == "d" * 500
    (done,) = bd(*words, stdin="It was fixed.").json["compacted"]
    assert (done["original_size"], done["compacted_size"], done["saved_bytes"]) == (600, 13, 587)
    (shown,) = bd("show", bead, "--json").json
    assert (shown["description"], shown["compaction_level"], shown["original_size"]) == ("It was fixed.", 1, 600)
    assert "acceptance_criteria" not in shown
    assert shown["comments"][0]["text"] == "Tier 1 compaction: 600 → 13 bytes (saved 587)"
    assert bd("history", bead, "--json").json[1]["event_type"] == "compacted"
    assert [item["id"] for item in bd("ready", "--json").json] == [waiting]


def test_compaction_refuses_the_young_the_open_and_the_longer(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    bead = make("b", "-d", "d" * 20)
    words = ("admin", "compact", "--apply", "--id", bead, "--summary", "-")
    assert "it is open" in bd(*words, "--force", stdin="x").err
    bd("close", bead)
    assert "0 days" in bd(*words, stdin="x").err
    assert "has 20 bytes" in bd(*words, "--force", stdin="s" * 20).err
    assert bd(*words, "--force", stdin="   ").code == 1
    assert bd(*words, "--tier", "2", stdin="x").code == 1  # not at level 1 yet
    assert bd(*words, "--force", stdin="x").code == 0
    fake_clock.pass_(days=91)
    assert "takes beads of level 0" in bd(*words, stdin="").err


def test_a_program_writes_summaries_where_the_store_names_one(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    old = [make(f"old {number}", "-d", "d" * 500) for number in range(3)]
    make("empty")
    bd("close", *old)
    fake_clock.pass_(days=31)
    refused = bd("admin", "compact", "--auto", "--all")
    assert refused.code == 1
    assert "compact.command" in refused.err
    script = (
        "import sys; text = sys.stdin.read(); print(text.splitlines()[0]) if 'old 1' not in text else sys.exit('no')"
    )
    bd("config", "set", "compact.command", f'{sys.executable} -c "{script}"')
    assert "3 issues would be compacted" in bd("admin", "compact", "--auto", "--all", "--dry-run").out
    done = bd("admin", "compact", "--auto", "--all", "--json", "--workers", "2")
    assert {each["id"] for each in done.json["compacted"]} == {old[0], old[2]}
    assert f"{old[1]}: the program failed" in done.err
    assert bd("show", old[0], "--json").json[0]["description"] == "# old 0"
    bd("config", "set", "compact.command", "/nonexistent/program")
    assert bd("admin", "compact", "--auto", "--id", old[1]).code == 1


def test_gc_previews_and_then_leaves_tombstones_of_what_nothing_needs(
    bd: Runner, make: Make, fake_clock: FakeClock
) -> None:
    needed, loose, recent = make("needed"), make("loose"), make("recent")
    provider = make("provider", "-l", "provides:tea")
    waiting = make("waiting", "--deps", f"related:{needed}")
    mention = make("mention", "-d", f"see {loose}", "--deps", f"related:{loose}")
    bd("dep", "remove", mention, loose)
    bd("close", needed, loose, provider)
    fake_clock.pass_(days=91)
    bd("close", recent)
    preview = bd("gc", "--json").json
    assert preview["dry_run"]
    assert preview["decay"]["deleted"] == [loose]
    assert set(preview["decay"]["kept"]) == {needed, provider}
    assert waiting in preview["decay"]["kept"][needed]
    assert bd("show", loose).code == 0
    done = bd("gc", "--force")
    assert loose in done.out
    assert bd("show", loose).code == 1
    assert bd("gc", "--force", "--skip-decay", "--json").json["decay"]["deleted_count"] == 0
    assert loose in all_ids()  # a tombstone
    assert bd("history", loose, "--json").json[0]["comment"] == "decayed"


def test_prune_needs_an_age_or_a_pattern(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    old, other = make("old"), make("other")
    bd("close", old, other)
    assert "needs --older-than or --pattern" in bd("prune").err
    assert bd("prune", "--older-than", "soon").code == 1
    assert bd("prune", "--older-than", "0").code == 1
    fake_clock.pass_(hours=13)
    assert bd("prune", "--older-than", "1d", "--json").json["deleted"] == []
    found = bd("prune", "--older-than", "12h", "--pattern", f"*{old[-3:]}", "--json").json
    assert (found["deleted"], found["dry_run"]) == ([old], True)
    assert bd("prune", "--pattern", old, "--force", "--json").json["deleted_count"] == 1
    assert bd("show", other).code == 0


def test_purge_takes_closed_wisps_only_with_all_that_hangs_on_them(bd: Runner, make: Make) -> None:
    wisp, going, bead = make("wisp", "--ephemeral", "-l", "red"), make("going", "--ephemeral"), make("stays")
    bd("dep", "add", bead, wisp)
    bd("comment", wisp, "words")
    bd("close", wisp)
    assert bead in bd("purge", "--json").json["kept"][wisp]
    bd("close", bead)
    preview = bd("purge", "--json").json
    assert preview["deleted"] == [wisp]
    assert (preview["dependencies_removed"], preview["labels_removed"], preview["comments_removed"]) == (1, 1, 1)
    assert wisp in all_ids()
    assert bd("purge", "--force", "--json").json["deleted"] == [wisp]
    assert all_ids() == {going, bead}
    assert bd("show", bead, "--json").json[0]["dependency_count"] == 0
    assert bd("history", wisp, "--json").json[0]["event_type"] == "purged"


def test_purge_of_tombstones_waits_for_a_month_and_keeps_what_the_town_names(
    bd: Runner, make: Make, held: object, fake_clock: FakeClock
) -> None:
    gone, slung = make("gone"), held.bead_id  # type: ignore[attr-defined]
    bd("delete", gone, "--force")
    alter(slung, status="tombstone", deleted_at=fake_clock.moment)
    fake_clock.pass_(days=29)
    assert bd("purge", "--tombstones", "--force", "--json").json["deleted"] == []
    fake_clock.pass_(days=1)
    done = bd("purge", "--tombstones", "--force", "--json").json
    assert (done["deleted"], list(done["kept"])) == ([gone], [slung])
    assert all_ids() == {slung}


def test_every_table_that_names_beads_is_heeded_by_a_purge() -> None:
    own = {"beads", "dependencies", "labels", "comments"}
    referring = {
        table.name
        for table in SQLModel.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "beads"
    }
    assert tables.REVISION
    assert referring - own == {holder.name for holder in HOLDERS}


def test_wisps_expire_by_their_type_whole_families_at_once(bd: Runner, make: Make, fake_clock: FakeClock) -> None:
    ping, patrol, plain = (make(name, "--ephemeral") for name in ("ping", "patrol", "plain"))
    alter(ping, wisp_type="ping")
    alter(patrol, wisp_type="patrol")
    root = make("root", "--ephemeral")
    step = make("step", "--ephemeral", "--parent", root)
    fake_clock.pass_(hours=7)
    bd("comment", step, "still at it")
    with unit_of_work() as session:
        assert beads.expire_wisps(session, actor="ada").purged == [ping]
    with unit_of_work() as session:
        hours = beads.parse_age("5h")
        assert beads.expire_wisps(session, actor="ada", age=hours).purged == [plain]  # the root's step was touched
    fake_clock.pass_(hours=18)
    gone = bd("gc", "--skip-decay", "--force", "--json").json["wisps"]["deleted"]
    assert gone == [patrol]
    with unit_of_work() as session:
        assert set(beads.expire_wisps(session, actor="ada", age=hours).purged) == {root, step}
    assert all_ids() == set()


def test_promote_makes_a_wisp_stay_and_says_why(bd: Runner, make: Make) -> None:
    wisp = make("wisp", "--ephemeral", "-l", "red")
    shown = bd("promote", wisp, "--reason", "a real defect", "--json").json
    assert (shown["id"], shown.get("ephemeral"), shown["labels"]) == (wisp, None, ["red"])
    assert bd("comments", wisp, "--json").json[0]["text"] == "Promoted from wisp: a real defect"
    assert bd("promote", wisp).code == 1


def test_reset_is_refused_without_a_word_of_destruction(bd: Runner) -> None:
    answer = bd("admin", "reset")
    assert answer.code == 1
    assert "never throws a store away" in answer.err
    for word in ("rm ", "delete", "re-init", "bd init"):
        assert word not in answer.err


def test_cleanup_previews_too(bd: Runner, make: Make) -> None:
    bead, wisp = make("bead"), make("wisp", "--ephemeral")
    bd("close", bead, wisp)
    assert bd("admin", "cleanup", "--json").json["deleted"] == [bead]
    assert bd("admin", "cleanup", "--ephemeral", "--force", "--json").json["deleted"] == [wisp]
    assert all_ids() == {bead}


@pytest.mark.parametrize(
    "words",
    [
        ("gc",),
        ("prune", "--older-than", "1"),
        ("purge",),
        ("promote", "app-x"),
        ("admin", "compact", "--stats"),
        ("admin", "cleanup"),
        ("admin", "reset"),
    ],
)
def test_upkeep_is_not_for_agents(agent_bd: Runner, words: tuple[str, ...]) -> None:
    answer = agent_bd(*words)
    assert answer.code == 1
    assert "not for agents" in answer.err
