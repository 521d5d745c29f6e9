"""A pour that is killed before its commit leaves nothing; one after it leaves everything."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import Session, func, select

from gastown.beads import Bead, Dependency
from gastown.db.engine import make_engine
from gastown.events import Event

POUR = """
import os, signal, sys
from gastown.db.unit_of_work import unit_of_work
from gastown.molecules import Vessel, bind, cook, parse, pour
text = 'formula = "long"\\n[[steps]]\\nid = "l"\\nloop = { count = 500, body = [{ id = "x", title = "X" }] }'
formula = parse(text.encode(), "long.formula.toml")
plan = bind(cook(formula, lambda name: formula), {})
with unit_of_work(sys.argv[1]) as session:
    pour(session, plan, Vessel("app"), actor="ada")
    session.flush()
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("moment", "wanted"), [("before", (0, 0, 0)), ("after", (501, 999, 1000))])
def test_a_killed_pour_is_all_or_nothing(database_url: str, moment: str, wanted: tuple[int, int, int]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", POUR, database_url, moment], timeout=120, cwd=Path(__file__).parents[3], check=False
    )
    assert done.returncode == -9
    engine = make_engine(database_url)
    with Session(engine) as session:
        found = tuple(
            session.exec(select(func.count()).select_from(table)).one() for table in (Bead, Dependency, Event)
        )
    engine.dispose()
    assert found == wanted
