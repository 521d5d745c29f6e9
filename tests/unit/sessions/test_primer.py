"""The text that an agent wakes up with."""

from dataclasses import replace

from gastown.assignments import Reason
from gastown.sessions import Primer, render

PRIMER = Primer(
    agent="app/polecats/nux",
    rig="app",
    branch="polecat/nux/app-1a2b@2",
    target="main",
    bead_id="app-1a2b",
    title="Mend the login",
    description="It fails on Mondays.",
    acceptance="Works on Mondays.",
    design="",
    attempt=2,
    reason=Reason.SLING,
    gates=[("test", "pytest -q")],
)


def test_it_says_who_what_and_how_it_ends() -> None:
    text = render(PRIMER)
    for part in ("app/polecats/nux", "app-1a2b: Mend the login", "Mondays", "`pytest -q`", "`gt done`", PRIMER.branch):
        assert part in text


def test_a_conflict_names_its_files_and_the_way_out() -> None:
    details = {"kind": "conflict", "summary": "it conflicts", "files": ["a.py", "b c.py"]}
    text = render(replace(PRIMER, reason=Reason.REWORK, rework=details))
    assert "- a.py" in text
    assert "- b c.py" in text
    assert "git merge origin/main" in text


def test_a_red_gate_shows_the_end_of_its_output() -> None:
    details = {"kind": "red", "summary": "red", "gate": "test", "tail": "x" * 9000 + "AssertionError: 3 != 4"}
    text = render(replace(PRIMER, reason=Reason.REWORK, rework=details))
    assert "AssertionError: 3 != 4" in text
    assert len(text) < 7000


def test_a_second_attempt_is_told_how_the_first_ended() -> None:
    assert "killed by signal 9" in render(replace(PRIMER, last_outcome="killed by signal 9"))
    assert "not the first attempt" not in render(replace(PRIMER, attempt=1))


def test_the_predecessors_note_is_passed_on() -> None:
    assert "parser done" in render(replace(PRIMER, reason=Reason.HANDOFF, notes="parser done"))
