"""Two members of a convoy land in two transactions at once."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from gastown import beads, convoys
from gastown.beads import Bead, NewBead
from gastown.db.engine import make_engine


@pytest.fixture
def engine(database_url: str) -> Iterator[object]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def close_behind_every_guard(session: Session, bead_id: str) -> None:
    """As a landing leaves the row, but without the lock that closing takes: the convoy's own must do."""
    session.execute(
        update(Bead).where(col(Bead.id) == bead_id).values(status="closed", is_code=True, landed_sha="f" * 40)
    )


def test_convoy_lands_when_its_last_two_members_land_at_once(engine: object) -> None:
    with Session(engine) as session:  # type: ignore[arg-type]
        ids = [beads.create(session, NewBead(title=title, prefix="app"), actor="pat").id for title in ("a", "b")]
        convoy_id = convoys.create(session, "both", ids, actor="pat").id
        session.commit()

    has_begun, landed = threading.Event(), []

    def second() -> None:
        with Session(engine) as session:  # type: ignore[arg-type]
            has_begun.set()
            close_behind_every_guard(session, ids[1])
            landed.extend(convoys.check_landed(session, ids[1], actor="second"))
            session.commit()

    other = threading.Thread(target=second)
    with Session(engine) as session:  # type: ignore[arg-type]
        close_behind_every_guard(session, ids[0])
        landed.extend(convoys.check_landed(session, ids[0], actor="first"))
        other.start()
        assert has_begun.wait(10)
        other.join(0.3)  # it is inside its own transaction now, or held up by ours
        session.commit()
    other.join(30)
    assert not other.is_alive()
    assert len(landed) == 1
    with Session(engine) as session:  # type: ignore[arg-type]
        assert convoys.get(session, convoy_id).status is convoys.ConvoyStatus.LANDED
