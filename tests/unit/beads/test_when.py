from datetime import UTC, datetime

import pytest

from gastown.beads import BadField, parse_when

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+2h", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
        ("3d", datetime(2026, 2, 3, 12, 30, tzinfo=UTC)),
        ("-1w", datetime(2026, 1, 24, 12, 30, tzinfo=UTC)),
        ("+1m", datetime(2026, 2, 28, 12, 30, tzinfo=UTC)),
        ("1y", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
        ("in 3 days", datetime(2026, 2, 3, 12, 30, tzinfo=UTC)),
        ("2026-03-01T09:00:00Z", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T09:00:00+02:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1).astimezone()),
        ("tomorrow", datetime(2026, 2, 1).astimezone()),
        ("next monday", datetime(2026, 2, 2).astimezone()),
        ("saturday", datetime(2026, 2, 7).astimezone()),
    ],
)
def test_times_are_read_as_people_type_them(text: str, expected: datetime) -> None:
    assert parse_when(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "+2x", "99999y", "0001-01-01", "9999-12-31", "in days"])
def test_other_texts_are_refused_with_the_options_name(text: str) -> None:
    with pytest.raises(BadField, match="invalid --due format"):
        parse_when(text, NOW, option="--due")
