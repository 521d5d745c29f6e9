"""Trains of areas beside each other: each lands what it has tested on the target as it is, and holds up no other."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gastown import beads, git, policy, replay, rigs
from gastown.refinery import GateRun, RequestState, RunState, Verdict, gate_runs
from gastown.rigs import GateSpec
from tests.support.refinery_town import Crash, RefineryTown, make_town, run_git

from .test_crashes import Fuse

Make = Callable[..., RefineryTown]

# Green as long as no file is called bad, and not both web/clash and api/clash are there.
GATE = (
    'test -z "$(find . -name "bad*" -not -path "./.git/*")" && ! { test -f web/clash && test -f api/clash; } '
    "&& echo 1 passed"
)
AREAS = {"web": ["web/**"], "api": ["api/**", "proto/**"]}


def declare(town: RefineryTown, areas: rigs.Areas) -> None:
    with town.work() as session:
        rigs.set_areas(session, "app", areas, actor="ada")


def put(town: RefineryTown, name: str, value: str) -> None:
    with town.work() as session:
        policy.set_value(session, name, value, actor="ada")


@pytest.fixture
def town(make: Make) -> Iterator[RefineryTown]:
    """At the end of every test the log gives what the tables hold."""
    town = make(gates=(GateSpec("check", GATE, 30),))
    declare(town, AREAS)
    town.settle()
    yield town
    with town.work() as session:
        differing = [str(one) for one in replay.verify(session) if one.table in ("merge_requests", "rigs")]
    assert differing == []


def ride(town: RefineryTown, *names: str) -> list[str]:
    return [town.submit({name: f"{name}\n"}) for name in names]


def heads(town: RefineryTown, riders: Sequence[str]) -> list[int]:
    return [town.request(bead).head_id or 0 for bead in riders]


def runs_of(town: RefineryTown, riders: Sequence[str]) -> list[GateRun]:
    """The runs that test exactly these, in this order."""
    return [run for run in town.runs() if run.riders == heads(town, riders)]


def states(town: RefineryTown, riders: Sequence[str]) -> list[str]:
    return [town.request(bead).state.value for bead in riders]


def test_each_area_lands_by_its_own_train_and_the_second_is_gated_once_more(town: RefineryTown) -> None:
    before = len(town.runs())
    web, api = ride(town, "web/one", "web/two"), ride(town, "api/one", "proto/two")
    town.step()
    assert [town.request(bead).area for bead in (*web, *api)] == ["web", "web", "api", "api"]
    town.gate()
    town.step()
    assert town.landed == web

    town.settle()

    assert town.landed == [*web, *api]
    assert len({town.request(bead).landed_oid for bead in web}) == 1
    assert town.request(api[1]).area == "api"
    first, again = runs_of(town, api)
    assert again.base_oid == town.request(web[0]).landed_oid != first.base_oid
    assert len(town.runs()) == before + 3
    assert town.red() == []


def test_a_red_one_of_an_area_holds_up_no_other(town: RefineryTown) -> None:
    put(town, "refinery.runners", "2")
    bad, *web = ride(town, "web/bad", "web/one", "web/two", "web/three")
    api = ride(town, "api/one")
    town.step()
    town.gate()
    town.step()

    assert town.landed == api
    assert states(town, [bad, *web]).count("testing") == 4

    town.settle(40)
    assert town.landed == [*api, *web]
    assert states(town, [bad]) == ["returned"]
    assert town.red() == []


def test_a_search_goes_on_with_what_it_knows_when_another_train_lands(town: RefineryTown) -> None:
    """One run of what was green before; what was red is not tested as a whole again."""
    put(town, "refinery.runners", "2")
    web, api = ride(town, "web/one", "web/two", "web/bad", "web/three"), ride(town, "api/one")
    town.step()
    slow = begin(town, api)
    town.gate()  # all four are red
    town.step()
    began = begin(town, web[:2])
    end(town, slow)
    town.step()
    assert town.landed == api
    end(town, began)
    town.step()
    known, again = len(town.runs()), runs_of(town, web[:2])
    assert again[-1].base_oid == town.target() != again[0].base_oid
    town.gate()
    town.step()
    assert town.landed == [*api, *web[:2]]

    town.settle(40)
    assert town.landed == [*api, *web[:2], web[3]]
    assert states(town, [web[2]]) == ["returned"]
    assert (len(runs_of(town, web)), len(runs_of(town, web[:2]))) == (1, 2)
    assert len(town.runs()) <= known + 3  # twice the culprit, once the last one
    assert town.red() == []


def test_what_is_green_before_another_landing_lands_after_one_run_of_all_of_it(town: RefineryTown) -> None:
    web, api = ride(town, "web/one", "web/two", "web/three"), ride(town, "api/one")
    town.step()
    began = begin(town, web)
    town.gate()
    town.step()
    assert town.landed == api
    known = len(town.runs())
    assert end(town, began).state is RunState.FINISHED  # it went on all the while
    town.step()
    again = runs_of(town, web)[-1]
    assert (len(town.runs()), again.base_oid) == (known + 1, town.target())
    town.gate()
    town.step()

    assert town.landed == [*api, *web]
    assert len(town.runs()) == known + 1
    assert town.red() == []


def begin(town: RefineryTown, riders: Sequence[str]) -> int:
    """A runner takes the run of these riders, which is asked for, and is slow."""
    number = next(run.id for run in runs_of(town, riders) if run.state is RunState.REQUESTED)
    with town.work() as session:
        assert gate_runs.claim(session, number or 0, holder="slow", host="there", ttl_s=3600)
    return number or 0


def end(town: RefineryTown, number: int, verdict: Verdict = Verdict.PASS) -> GateRun:
    """It says so in the end."""
    with town.work() as session:
        return gate_runs.finish(session, number, holder="slow", verdict=verdict, results=[])


def test_two_that_clash_across_areas_are_found_by_the_second_run(town: RefineryTown) -> None:
    web, api = ride(town, "web/clash", "web/one"), ride(town, "api/one", "api/clash")

    town.settle(40)

    assert town.landed == [*web, api[0]]
    assert states(town, [api[1]]) == ["returned"]
    (rework,) = [row.rework for row in town.attempts(api[1]) if row.rework]
    assert (rework["kind"], rework["clash"]) == ("red", "shown")
    assert town.red() == []


def _overtaken_once(town: RefineryTown, slow: list[str]) -> list[str]:
    """These are found green while another train lands: they need one more run, which is asked for."""
    fast = ride(town, "web/fast")
    town.step()
    began = begin(town, slow)
    town.gate()
    town.step()
    assert town.landed[-1:] == fast
    end(town, began)
    town.step()
    return slow


def test_the_common_train_is_overtaken_once_and_then_by_nobody(town: RefineryTown) -> None:
    """However fast others are tested: they stand on it. They land after it, without another run."""
    slow = _overtaken_once(town, ride(town, "Makefile", "Readme"))
    began = begin(town, slow)
    fast = []
    for number in range(3):
        fast += ride(town, f"web/fast-{number}")
        town.step()
        town.gate()
        said = town.step().waits_for
        assert "lands after those it was tested with" in said
        assert states(town, fast) == ["testing"] * len(fast)
    runs = len(town.runs())
    end(town, began)
    town.step()

    assert town.landed[-5:] == [*slow, *fast]
    assert len(town.runs()) == runs
    assert town.red() == []


def test_three_trains_that_are_green_at_once_land_after_two_rounds(town: RefineryTown) -> None:
    put(town, "refinery.runners", "3")
    riders = ride(town, "web/one", "api/one", "api/two", "Makefile")
    for _ in range(2):
        town.step()
        town.gate()
    town.step()

    assert town.landed == riders
    assert len({town.request(bead).landed_oid for bead in riders}) == 3
    assert town.red() == []


def test_who_stands_on_whom_stays_when_the_upper_ones_are_faster(town: RefineryTown) -> None:
    put(town, "refinery.runners", "3")
    web, api, common = ride(town, "web/one"), ride(town, "api/one"), ride(town, "Makefile")
    town.step()
    town.gate()
    town.step()
    more = ride(town, "web/two")
    town.step()
    asked = [run.riders for run in town.runs()][-3:]
    assert asked == [heads(town, api), heads(town, [*api, *common]), heads(town, [*api, *common, *more])]
    began = begin(town, api)
    town.gate()
    town.step()
    runs = len(town.runs())
    end(town, began)
    town.step()

    assert town.landed == [*web, *api, *common, *more]
    assert len(town.runs()) == runs
    assert town.red() == []


def test_who_stands_on_a_train_that_turns_out_red_is_tested_without_it(town: RefineryTown) -> None:
    slow = _overtaken_once(town, ride(town, "api/clash", "api/one"))
    began = begin(town, slow)
    fast = ride(town, "web/more")
    town.step()
    assert [run.riders for run in town.runs()][-1] == heads(town, [*slow, *fast])
    end(town, began, Verdict.FAIL)  # for nothing
    town.step()
    assert runs_of(town, fast)

    town.settle(40)
    assert sorted(town.landed[-3:]) == sorted([*slow, *fast])
    assert {town.request(bead).retries for bead in (*slow, *fast)} == {0}
    assert town.red() == []


def test_what_clashes_with_those_it_stands_on_goes_back(town: RefineryTown) -> None:
    slow = _overtaken_once(town, ride(town, "api/clash", "api/one"))
    fast = ride(town, "web/one", "web/clash", "web/two")

    town.settle(40)

    assert town.landed[-4:] == [*slow, fast[0], fast[2]]
    assert states(town, [fast[1]]) == ["returned"]
    assert town.red() == []


def test_what_conflicts_with_those_who_land_next_is_tested_without_them(town: RefineryTown) -> None:
    slow = _overtaken_once(town, [town.submit({"web/x": "x\n", "api/x": "x\n"})])
    web = ride(town, "web/x")
    town.step()
    assert len(runs_of(town, web)) == 1
    town.settle(40)

    assert town.landed[-1:] == slow
    assert states(town, web) == ["returned"]
    (rework,) = [row.rework for row in town.attempts(web[0]) if row.rework]
    assert rework["kind"] == "conflict"
    assert town.red() == []


def test_what_is_in_two_areas_or_in_none_rides_the_common_train(town: RefineryTown) -> None:
    both = town.submit({"web/x": "x\n", "api/x": "x\n"})
    none = town.submit({"README": "x\n"})
    moved = town.submit({"a.txt": None, "web/a.txt": "one\n"})
    (web,) = ride(town, "web/one")
    town.step()

    assert [town.request(bead).area for bead in (both, none, moved, web)] == ["", "", "", "web"]
    town.settle()
    assert sorted(town.landed) == sorted([both, none, moved, web])
    assert town.red() == []


def test_one_that_builds_on_somebody_aboard_rides_behind_that_one(town: RefineryTown) -> None:
    (web,) = ride(town, "web/one")
    town.step()
    (api,) = ride(town, "api/one")
    with town.work() as session:
        beads.add_dependency(session, api, web, actor="ada")
    town.step()

    assert (town.request(api).area, town.request(api).riders) == ("web", heads(town, [web, api]))
    town.settle()
    assert town.landed == [web, api]
    assert town.red() == []


def test_no_train_takes_more_than_the_setting_allows(town: RefineryTown) -> None:
    put(town, "refinery.max_train", "2")
    web, api = ride(town, *(f"web/{n}" for n in range(3))), ride(town, *(f"api/{n}" for n in range(3)))

    town.step()

    assert states(town, web) == states(town, api) == ["testing", "testing", "queued"]
    town.settle(40)
    assert sorted(town.landed) == sorted([*web, *api])


def test_a_hotfix_goes_before_nobody_of_another_train(town: RefineryTown) -> None:
    put(town, "refinery.runners", "1")
    web = ride(town, "web/one")
    town.step()
    api = ride(town, "api/one")
    town.step()
    seats = [town.request(bead).seat for bead in (*web, *api)]
    urgent = town.submit({"web/urgent": "x\n"}, priority=0)
    town.step()

    assert [town.request(bead).seat for bead in (*web, *api)] == seats
    assert town.request(urgent).area == "web"
    town.settle()
    assert sorted(town.landed) == sorted([*web, *api, urgent])


def test_a_landing_that_fails_puts_nobody_of_another_train_off(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch
) -> None:

    web, api = ride(town, "web/one", "web/two"), ride(town, "api/one", "api/two")
    push = git.push_landing

    def too_late(*args: object, **more: object) -> git.PushOutcome:
        monkeypatch.setattr(git, "push_landing", push)
        town.push_to_target({"outside": "x\n"})
        return push(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "push_landing", too_late)
    town.settle(40)

    assert [bead for bead in town.landed if bead in web] == web
    assert [bead for bead in town.landed if bead in api] == api
    assert "request.requeued" not in town.kinds(api[0])
    assert town.red() == []


def test_the_trains_join_when_the_areas_are_taken_away(town: RefineryTown) -> None:
    web, api = ride(town, "web/one"), ride(town, "api/one")
    town.step()
    declare(town, {"web": [], "api": []})
    town.step()

    assert [town.request(bead).area for bead in (*web, *api)] == ["", ""]
    assert town.request(api[0]).riders == heads(town, [*web, *api])
    town.settle()
    assert town.landed == [*web, *api]
    assert town.red() == []


@pytest.mark.parametrize("landing", ["squash", "rebase"])
def test_a_rig_that_tests_every_request_keeps_one_train(make: Make, landing: str) -> None:
    town = make(gates=(GateSpec("check", GATE, 30),), landing=rigs.LandingStyle(landing))
    declare(town, AREAS)
    riders = ride(town, "web/one", "api/one", "web/two")
    town.settle()

    assert town.landed == riders
    assert {town.request(bead).area for bead in riders} == {""}


def test_a_rig_without_gates_keeps_one_train(make: Make) -> None:
    town = make(gates=())
    declare(town, AREAS)
    riders = ride(town, "web/one", "api/one")
    town.settle()
    assert town.landed == riders


@pytest.mark.parametrize("burns_at", [4, 11, 19, 28, 38])
def test_another_host_goes_on_after_a_crash(
    town: RefineryTown, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, burns_at: int
) -> None:
    """In the middle of the step that lands one train and builds the other anew."""
    web, api = ride(town, "web/one", "web/bad", "web/two"), ride(town, "api/one", "api/two")
    for bead in (*web, *api):
        head = town.attempts(bead)[-1]
        run_git(town.person, "fetch", "--quiet", str(town.work_git), head.head_oid)
        run_git(town.person, "push", "--quiet", "origin", f"{head.head_oid}:refs/heads/{head.branch}")
    town.step()
    town.gate()
    fuse = Fuse(town, burns_at)
    with fuse.around_git(monkeypatch), pytest.raises(Crash):
        town.step(work=fuse.work)
    town.expire_lease()
    (tmp_path / "elsewhere").mkdir()
    elsewhere = replace(town, root=town.root, settings=replace(town.settings, town=tmp_path / "elsewhere", host="b"))

    git.create_land(elsewhere.land, str(town.remote), "main")
    elsewhere.settle(40)

    done = {bead: town.request(bead).state for bead in (*web, *api)}
    good = {bead: RequestState.LANDED for bead in (web[0], web[2], *api)}
    assert done == {**good, web[1]: RequestState.RETURNED}
    assert all(town.kinds(bead).count("request.landed") == 1 for bead in good)
    assert town.request(web[1]).retries == 1
    assert town.red() == []


def test_a_step_that_runs_twice_asks_for_nothing_twice(town: RefineryTown) -> None:
    web, api = ride(town, "web/one"), ride(town, "api/one")
    for _ in range(3):
        town.step()
        town.step()
        town.gate()
    town.step()

    assert sorted(town.landed) == sorted([*web, *api])
    assert len(runs_of(town, web)) + len(runs_of(town, api)) == 3


@st.composite
def _days(draw: st.DrawFn) -> list[tuple[str, bool]]:
    """Changes in the order in which they are handed in: of which area, and whether it is bad."""
    return draw(
        st.lists(
            st.tuples(st.sampled_from(["web", "api", "lib"]), st.sampled_from([False, False, True])),
            min_size=2,
            max_size=5,
        )
    )


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(changes=_days(), clash=st.booleans(), late=st.integers(0, 3), runners=st.integers(1, 4))
def test_whatever_is_good_lands_and_nothing_red_does(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, bool]],
    clash: bool,
    late: int,
    runners: int,
) -> None:
    """Some are handed in while the others are tested; a pair is good apart and red together."""
    folder = tmp_path_factory.mktemp("day")
    shutil.copyfile(sqlite_template, folder / "gastown.db")
    town = make_town(folder / "here", f"sqlite:///{folder / 'gastown.db'}", gates=(GateSpec("check", GATE, 30),))
    declare(town, AREAS)
    put(town, "refinery.runners", str(runners))
    good, bad = [], []
    names = [(f"{area}/{'bad' if is_bad else 'good'}-{n}", is_bad) for n, (area, is_bad) in enumerate(changes)]
    pair = [("web/clash", False), ("api/clash", False)] if clash else []
    for place, (name, is_bad) in enumerate([*names, *pair]):
        if place == late:
            town.step()
            town.gate()
        (bad if is_bad else good).extend(ride(town, name))

    town.settle(80)

    assert town.red() == []
    returned = [bead for bead in (*good, *bad) if town.request(bead).state is RequestState.RETURNED]
    assert sorted([*town.landed, *returned]) == sorted([*good, *bad])
    clashing = good[-2:] if clash else []
    assert set(bad) <= set(returned) <= {*bad, *clashing}
    assert len(set(returned) & set(clashing)) == len(clashing) // 2
