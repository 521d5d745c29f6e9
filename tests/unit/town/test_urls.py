"""Which addresses a town takes, and that no password is shown."""

import pytest

from gastown.town.urls import BadUrl, check_database, check_redis, mask


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p%40ss@h:5433/d?sslmode=require", "postgresql+psycopg://u:p%40ss@h:5433/d?sslmode=require"),
        ("postgresql+psycopg://u@/d?host=/run/pg", "postgresql+psycopg://u@/d?host=/run/pg"),
        ("sqlite:////srv/town/gastown.db", "sqlite:////srv/town/gastown.db"),
    ],
)
def test_database_urls_are_spelt_for_the_driver(given: str, kept: str) -> None:
    assert check_database(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "mysql://u:secret@h/d",
        "sqlite://",
        "sqlite:///relative.db",
        "postgresql://h",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@h/d\n",
        "postgresql://u:sec ret@h/d",
        "ext::sh -c id",
        "/srv/town.db",
        "postgresql://u:secret@[h/d",
    ],
)
def test_other_database_urls_are_refused_without_their_password(given: str) -> None:
    with pytest.raises(BadUrl) as refused:
        check_database(given)

    assert refused.value.hint
    assert "secret" not in refused.value.message + str(refused.value.hint)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "given", ["", "redis://h", "rediss://:p@h:6380/1", "unix:///run/r.sock", "redis+socket:///run/r.sock"]
)
def test_redis_urls_are_kept(given: str) -> None:
    assert check_redis(given) == given


@pytest.mark.parametrize("given", ["redis://", "http://h", "h:6379", "redis://:secret@h:x", "unix://"])
def test_other_redis_urls_are_refused(given: str) -> None:
    with pytest.raises(BadUrl) as refused:
        check_redis(given)

    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://u:secret@h/d", "postgresql://u:***@h/d"),
        ("redis://h", "redis://h"),
        ("u:secret@h", "(hidden)"),
        ("postgresql://u:secret@[h", "(unreadable)"),
    ],
)
def test_a_password_is_masked(url: str, shown: str) -> None:
    assert mask(url) == shown
