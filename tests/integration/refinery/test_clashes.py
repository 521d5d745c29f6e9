"""What goes back because two changes that are good apart are red together: the rework names the other one."""

from collections.abc import Callable

import pytest

from gastown import assignments, rigs, sessions
from gastown.refinery import RequestState
from gastown.rigs import GateSpec
from tests.support.refinery_town import RIG, RefineryTown

Make = Callable[..., RefineryTown]

_CALC = "def area(width, height):\n    return width * height\n"
_USES = "from calc import area\n\nassert area(2, 3) == 6\n"
_CHECK = "for each in *_use.py; do PYTHONDONTWRITEBYTECODE=1 python3 $each || exit 1; done; echo 1 passed"


@pytest.fixture
def shop(make: Make) -> RefineryTown:
    """A module and those that call it."""
    files = {"calc.py": _CALC, "first_use.py": _USES}
    town = make(files=files, gates=(GateSpec("check", _CHECK, 30),))
    town.settle()
    return town


def _rename(town: RefineryTown) -> str:
    """Renames the function, and everywhere that it is used so far."""
    return town.submit({"calc.py": _CALC.replace("area", "surface"), "first_use.py": _USES.replace("area", "surface")})


def _rework(town: RefineryTown, bead: str) -> dict[str, object]:
    assert town.request(bead).state is RequestState.RETURNED
    return dict(next(row.rework for row in town.attempts(bead) if row.rework))


def test_a_clash_on_the_train_names_the_one_ahead_and_the_gates_words(shop: RefineryTown) -> None:
    renames = _rename(shop)
    caller = shop.submit({"second_use.py": _USES})

    shop.settle(40)

    assert shop.landed == [renames]
    rework = _rework(shop, caller)
    assert [one["bead"] for one in rework["suspects"]] == [renames]  # type: ignore[attr-defined]
    assert [one["bead"] for one in rework["ahead"]] == [renames]  # type: ignore[attr-defined]
    assert "ImportError" in str(rework["tail"])
    assert renames in str(rework["summary"])
    assert rework["clash"] == "possible"
    assert shop.red() == []


def test_a_change_that_passed_before_the_other_landed_is_shown_to_clash(shop: RefineryTown) -> None:
    caller = shop.submit({"second_use.py": _USES})
    shop.step()
    shop.gate()  # green on the target as it was
    shop.push_to_target({"outside.txt": "x\n"})  # its landing comes too late
    renames = _rename(shop)
    with shop.work() as session:
        from gastown import beads

        beads.add_dependency(session, caller, renames, actor="ada")

    shop.settle(60)

    assert shop.landed == [renames]
    rework = _rework(shop, caller)
    assert rework["clash"] == "shown"
    assert [one["bead"] for one in rework["suspects"]] == [renames]  # type: ignore[attr-defined]
    assert f"clashes with {renames}" in str(rework["summary"])


def test_what_had_landed_before_it_passed_is_not_said_to_clash(shop: RefineryTown) -> None:
    """Its branch is old: one landed before it was first tested, another one after it had passed."""
    base = shop.target()
    early = shop.submit({"early.txt": "x\n"})
    shop.settle()
    caller = shop.submit({"second_use.py": _USES}, base=base)
    shop.step()
    shop.gate()  # green on top of the early one
    shop.push_to_target({"outside.txt": "x\n"})
    renames = _rename(shop)
    with shop.work() as session:
        from gastown import beads

        beads.add_dependency(session, caller, renames, actor="ada")

    shop.settle(60)

    assert shop.landed == [early, renames]
    rework = _rework(shop, caller)
    assert rework["clash"] == "shown"
    assert [one["bead"] for one in rework["suspects"]] == [renames]  # type: ignore[attr-defined]
    assert early not in str(rework["summary"])


def test_files_that_both_change_make_the_first_suspect(shop: RefineryTown) -> None:
    other = shop.submit({"unrelated.txt": "x\n"})
    grows = shop.submit({"calc.py": _CALC + "\n\ndef twice(n):\n    return 2 * n\n", "first_use.py": _USES})
    shop.submit({"more.txt": "x\n"})
    bad = shop.submit({"calc.py": "import nothing_of_this_name\n" + _CALC})

    shop.settle(60)

    assert set(shop.landed) >= {other, grows}
    (suspect,) = _rework(shop, bad)["suspects"]  # type: ignore[misc, attr-defined]
    assert (suspect["bead"], suspect["paths"]) == (grows, ["calc.py"])


def test_a_change_that_is_red_all_alone_lays_it_to_nobody(shop: RefineryTown) -> None:
    bad = shop.submit({"second_use.py": "raise SystemExit(1)\n"})

    shop.settle(40)

    rework = _rework(shop, bad)
    assert (rework["clash"], rework["suspects"], rework["ahead"]) == ("none", [], [])


def test_the_polecat_reads_whom_it_clashes_with(shop: RefineryTown) -> None:
    renames = _rename(shop)
    caller = shop.submit({"second_use.py": _USES})
    shop.settle(40)

    with shop.work() as session:
        row = assignments.find_open(session, caller)
        assert row is not None
        assert rigs.get(session, RIG).name == row.rig
        row.polecat = f"{RIG}/polecats/nux"
        text = sessions.render(sessions.load_hook(session, row.id or 0))
        session.rollback()

    assert f"It was tested behind: {renames}" in text
    assert f"- {renames} (Change 1), landed as {shop.target()[:10]}" in text
    assert "ImportError" in text
