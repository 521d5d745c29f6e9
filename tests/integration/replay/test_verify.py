"""The log gives back the rows, whatever the town lives through."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from gastown import replay
from tests.support.lives import VERBS, WHOLE, Life


def differences(session: Session) -> list[str]:
    session.flush()
    return [str(one) for one in replay.verify(session)]


def test_an_empty_town_replays_to_nothing(session: Session) -> None:
    assert differences(session) == []


def test_the_log_of_a_whole_life_replays_to_the_rows(session: Session) -> None:
    life = Life(session)
    for seed in range(6):
        life.random.seed(seed)
        for name in WHOLE:
            life.step(name)
        assert differences(session) == []
    missing = set(VERBS) - set(life.done)
    assert not missing, f"these did nothing: {missing}"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    names=st.lists(st.sampled_from([*VERBS, "sling", "claim", "claim", "submit", "board", "intend"]), max_size=60),
    seed=st.integers(0, 1000),
)
def test_the_log_of_any_life_replays_to_the_rows(shared_engine: Engine, names: list[str], seed: int) -> None:
    with shared_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            life = Life(session, seed)
            for name in names:
                life.step(name)
            assert differences(session) == []
        transaction.rollback()
