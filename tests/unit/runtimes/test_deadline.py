"""When a keeper may end its session: the deadline, and the chance that workers get after a suspend."""

from pathlib import Path

import pytest

from gastown.runtimes import keeper, session_facts, session_wire


class Machine:
    """Clocks under control: `boot` counts suspended time, `awake` does not."""

    def __init__(self) -> None:
        self.boot = 1000.0
        self.awake = 1000.0

    def run(self, seconds: float) -> None:
        self.boot += seconds
        self.awake += seconds

    def suspend(self, seconds: float) -> None:
        self.boot += seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(session_facts, "boot_seconds", lambda: machine.boot)
    monkeypatch.setattr(keeper.time, "monotonic", lambda: machine.awake)
    return machine


@pytest.fixture
def session(machine: Machine, tmp_path: Path) -> keeper.Keeper:
    order = {"dir": str(tmp_path), "cwd": "/", "argv": ["x"], "env": {}, "grace_s": 600, "kill_after_s": 1}
    return keeper.Keeper(session_wire.Order(order))


def test_session_is_overdue_when_its_first_grace_is_over(machine: Machine, session: keeper.Keeper) -> None:
    machine.run(599)
    assert not session._overdue()
    machine.run(2)
    assert session._overdue()


def test_session_is_overdue_later_when_its_worker_wrote_a_deadline(machine: Machine, session: keeper.Keeper) -> None:
    machine.run(500)
    session_facts.write_deadline(session.folder, 600)
    machine.run(599)
    assert not session._overdue()
    machine.run(2)
    assert session._overdue()


def test_workers_get_a_minute_when_the_machine_was_suspended(machine: Machine, session: keeper.Keeper) -> None:
    machine.run(10)
    machine.suspend(8 * 3600)
    assert not session._overdue()
    machine.run(59)
    assert not session._overdue()
    machine.run(2)
    assert session._overdue()


def test_session_goes_on_when_a_worker_renews_after_the_suspend(machine: Machine, session: keeper.Keeper) -> None:
    machine.suspend(8 * 3600)
    assert not session._overdue()
    session_facts.write_deadline(session.folder, 600)
    machine.run(300)
    assert not session._overdue()


@pytest.mark.parametrize(
    "change",
    [
        {"dir": "relative"},
        {"cwd": None},
        {"argv": []},
        {"argv": "ls"},
        {"env": {"A": 1}},
        {"stdin": 3},
        {"grace_s": "600"},
        {"grace_s": -1},
        {"grace_s": float("nan")},
        {"kill_after_s": True},
    ],
)
def test_order_is_refused_when_it_is_malformed(change: dict[str, object]) -> None:
    order: dict[str, object] = {"dir": "/d", "cwd": "/", "argv": ["x"], "env": {}, "grace_s": 600, "kill_after_s": 1}

    with pytest.raises(ValueError, match="must be"):
        session_wire.Order({**order, **change})
