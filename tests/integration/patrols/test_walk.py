"""Walks: what a patrol finds is a row until it is gone, and the safe steps about it are taken with back-off."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import col, select

from gastown import clock, patrols, policy, replay
from gastown.db import unit_of_work
from gastown.events import Event, EventKind
from gastown.patrols import Check, Fault, FindingRow, Hands, Here, Level, NotMended, Patrol, catalog, error, warning
from gastown.patrols.lifecycle import MORE, MOST_PER_CHECK


class Scene:
    """Checks that find what the test says, and a patrol that walks them."""

    def __init__(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here = here
        self.faults: dict[str, list[Fault] | Exception] = {}
        self.mended: list[str] = []
        self.refusal: Exception | None = None
        self._patch = monkeypatch
        self._checks: list[Check] = []

    def check(self, name: str, *faults: Fault, is_local: bool = False, mends: bool = False) -> None:
        """Add a check."""
        self.faults[name] = list(faults)

        def look(_here: Here) -> Iterable[Fault]:
            found = self.faults[name]
            if isinstance(found, Exception):
                raise found
            return found

        def mend(_hands: Hands, fault: Fault) -> str:
            if self.refusal is not None:
                raise self.refusal
            self.mended.append(fault.subject)
            return f"mended {fault.subject}"

        self._checks.append(
            Check(
                name,
                look,
                "fine",
                patrol=Patrol.WITNESS,
                is_local=is_local,
                mend=mend if mends else None,
                is_automatic=mends,
            )
        )
        self._patch.setattr(catalog, "ALL", tuple(self._checks))

    def hands(self, host: str = "here") -> Hands:
        """A patrol's hands on a host."""
        here = replace(self.here, settings=replace(self.here.settings, host=host))
        url = self.here.settings.database
        return Hands(here, lambda act: unit_of_work.transact(act, url), "witness")

    def walk(self, *, host: str = "here", is_local: bool = False) -> patrols.WalkResult:
        """One walk."""
        return patrols.walk(self.hands(host), Patrol.WITNESS, is_local=is_local)

    def rows(self) -> list[FindingRow]:
        """What is open."""
        with self.here.read() as session:
            return list(patrols.list_open(session))

    def told(self, kind: EventKind) -> list[Event]:
        """The events of one kind."""
        with self.here.read() as session:
            return list(session.exec(select(Event).where(Event.kind == kind).order_by(col(Event.id))))

    def later(self, seconds: float) -> None:
        """Let time go by for what has been found: put its times back."""
        with unit_of_work.unit_of_work(self.here.settings.database) as session:
            for row in session.exec(select(FindingRow)):
                for name in ("raised_at", "seen_at", "mended_at", "cleared_at"):
                    at = getattr(row, name)
                    setattr(row, name, at and at - timedelta(seconds=seconds))


@pytest.fixture
def scene(here: Here, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(here, monkeypatch)


def test_a_finding_is_one_row_from_the_walk_that_saw_it_first_to_the_one_that_saw_it_gone(scene: Scene) -> None:
    scene.check("a", warning("app", "has waited for 5 minutes", "Look."))
    first = scene.walk()
    assert (first.checks, first.faults, first.raised, first.cleared) == (1, 1, 1, 0)
    before = scene.rows()
    scene.faults["a"] = [warning("app", "has waited for 6 minutes", "Look.")]
    assert scene.walk().raised == 0
    (row,) = scene.rows()
    assert row.seen_at > before[0].seen_at
    assert (row.raised_at, row.message) == (before[0].raised_at, "has waited for 5 minutes")
    scene.faults["a"] = []
    assert scene.walk().cleared == 1
    assert scene.rows() == []
    assert len(scene.told(EventKind.FINDING_RAISED)) == len(scene.told(EventKind.FINDING_CLEARED)) == 1
    assert scene.told(EventKind.FINDING_RAISED)[0].actor == "witness"


def test_a_finding_that_became_worse_or_different_is_said_again(scene: Scene) -> None:
    scene.check("a", warning("app", "is slow"))
    scene.walk()
    scene.faults["a"] = [error("app", "is slow")]
    assert scene.walk().raised == 1
    scene.faults["a"] = [error("app", "is broken")]
    scene.walk()
    assert [row.message for row in scene.rows()] == ["is broken"]
    told = [(event.payload["level"], event.payload["message"]) for event in scene.told(EventKind.FINDING_RAISED)]
    assert told == [("warning", "is slow"), ("error", "is slow"), ("error", "is broken")]


def test_a_check_that_breaks_is_a_finding_and_stops_no_other(scene: Scene) -> None:
    scene.check("a", warning("app", "is slow"))
    scene.check("b", warning("web", "is slow"))
    scene.walk()
    scene.faults["a"] = ZeroDivisionError("division by zero")
    scene.faults["b"] = []
    scene.walk()
    found = {(row.check, row.subject): row.level for row in scene.rows()}
    assert found == {("a", "app"): Level.WARNING, ("a", ""): Level.ERROR}, "what it could not see is not gone"
    scene.faults["a"] = []
    scene.walk()
    assert scene.rows() == []


def test_findings_of_a_host_name_it_and_are_left_alone_by_walks_on_others(scene: Scene) -> None:
    scene.check("a", error("", "the disk is full"), warning("gt-1", "is dead"), is_local=True)
    scene.walk(host="one", is_local=True)
    scene.walk(host="one-more", is_local=True)
    names = ["one", "one gt-1", "one-more", "one-more gt-1"]
    assert sorted(row.subject for row in scene.rows()) == names
    scene.faults["a"] = []
    scene.walk(host="one", is_local=True)
    scene.walk()  # the town's own walk does not look at hosts
    assert sorted(row.subject for row in scene.rows()) == names[2:]


def test_what_nobody_looks_for_any_more_is_cleared_after_an_hour(scene: Scene) -> None:
    scene.check("a", error("", "the disk is full"), is_local=True)
    scene.walk(host="gone", is_local=True)
    scene.walk()
    assert len(scene.rows()) == 1
    scene.later(3601)
    scene.walk()
    assert scene.rows() == []


def test_very_many_findings_are_counted_and_not_all_kept(scene: Scene) -> None:
    many = [warning(f"gt-{number}", "is dead") for number in range(MOST_PER_CHECK + 20)]
    scene.check("a", *many)
    scene.walk()
    kept = {row.subject: row.message for row in scene.rows()}
    assert len(kept) == MOST_PER_CHECK + 1
    assert kept[MORE] == "and 20 more"
    scene.faults["a"] = [error("gt-x", "is dead, and this matters"), *reversed(many)]
    scene.walk()
    assert set(kept) == {row.subject for row in scene.rows()}, "what is known stays, whatever the order"
    assert next(row.level for row in scene.rows() if row.subject == MORE) is Level.ERROR


def test_a_mend_is_tried_again_after_pauses_that_double(scene: Scene) -> None:
    scene.check("a", warning("app", "is slow"), mends=True)
    assert scene.walk().mended == 1
    assert scene.walk().mended == 0
    tries = []
    for seconds in (31, 31, 31, 61):
        scene.later(seconds)
        tries.append(scene.walk().mended)
    # 30 s after the first step, 60 s after the second, 120 s after the third
    assert tries == [1, 0, 1, 0]
    assert [event.payload["done"] for event in scene.told(EventKind.FINDING_MENDED)] == ["mended app"] * 3
    assert [row.mends for row in scene.rows()] == [3]


def test_back_off_is_kept_by_what_comes_and_goes(scene: Scene) -> None:
    scene.check("a", warning("app", "is slow"), mends=True)
    for _ in range(3):
        scene.faults["a"] = [warning("app", "is slow")]
        scene.walk()
        scene.faults["a"] = []
        scene.walk()
    assert scene.mended == ["app"]
    with scene.here.read() as session:
        assert len(session.exec(select(FindingRow)).all()) == 1
    scene.later(3600)
    scene.faults["a"] = [warning("app", "is slow")]
    scene.walk()
    assert scene.mended == ["app", "app"], "an hour later it is a trouble of its own"


def test_a_step_that_is_not_safe_is_said_and_not_taken(scene: Scene) -> None:
    scene.check("a", warning("app", "is idle and dirty"), mends=True)
    scene.check("b", warning("web", "is slow"), mends=True)
    scene.refusal = NotMended("its work could not be saved")
    assert scene.walk().mended == 0
    scene.refusal = ZeroDivisionError("oops")
    scene.later(31)
    scene.walk()
    refused = [event.payload["refused"] for event in scene.told(EventKind.FINDING_MENDED)]
    assert refused == ["its work could not be saved"] * 2 + ["it was tried: ZeroDivisionError: oops"] * 2


def test_a_check_that_is_switched_off_is_left_out(scene: Scene) -> None:
    scene.check("a", warning("app", "is slow"))
    scene.check("b", warning("app", "is slow"))
    with unit_of_work.unit_of_work(scene.here.settings.database) as session:
        policy.set_value(session, "patrols.disabled", "x, a", actor="ada")
    scene.walk()
    assert [row.check for row in scene.rows()] == ["b"]


def test_a_walk_leaves_the_time_at_which_it_ended(scene: Scene) -> None:
    scene.check("a")
    with scene.here.read() as session:
        assert patrols.find_last_walk(session, Patrol.WITNESS) is None
    scene.walk()
    scene.walk(host="one", is_local=True)
    with scene.here.read() as session:
        for host in (None, "one"):
            last = patrols.find_last_walk(session, Patrol.WITNESS, host)
            assert last is not None
            assert abs(clock.now() - last) < timedelta(minutes=1)
        assert patrols.find_last_walk(session, Patrol.DEACON) is None


def test_walks_at_once_make_one_row(scene: Scene) -> None:
    scene.check("a", *(warning(f"gt-{number}", "is slow") for number in range(20)))
    together = threading.Barrier(4)

    def walk() -> patrols.WalkResult:
        together.wait(timeout=20)
        return scene.walk()

    with ThreadPoolExecutor(4) as pool:
        results = [future.result(timeout=60) for future in [pool.submit(walk) for _ in range(4)]]
    assert sum(result.raised for result in results) == 20
    assert len(scene.rows()) == 20


def test_the_log_tells_what_the_findings_are(scene: Scene) -> None:
    scene.check("a", warning("app", "has waited for 5 minutes"), warning("web", "is slow"), mends=True)
    scene.check("b", warning("gt-1", "is dead"), is_local=True)
    for faults in ([], [warning("app", "has waited for 9 minutes")], [error("app", "is broken")]):
        scene.walk()
        scene.walk(is_local=True)
        with scene.here.read() as session:
            wrong = [said for said in replay.verify(session) if said.table == "findings"]
        assert wrong == []
        scene.faults["a"] = list(faults)
