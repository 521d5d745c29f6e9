"""A file that was taken before is not read line by line again, unless something changed; and then it always is."""

import json
from pathlib import Path

import pytest
from sqlmodel import Session

from gastown import beads
from gastown.beads.exchange import importer

OPTIONS = beads.ImportOptions()
DATA = b"".join(
    json.dumps({"id": f"app-{number}", "title": f"bead {number}", "updated_at": "2026-01-02T03:04:05Z"}).encode()
    + b"\n"
    for number in range(3)
)


def take(session: Session, folder: Path, data: bytes = DATA, options: beads.ImportOptions = OPTIONS) -> beads.Imported:
    return beads.import_file(session, data, folder, actor="ada", options=options)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each file that is read line by line."""
    times: list[int] = []
    read = importer.import_lines

    def count(*args: object, **kwargs: object) -> beads.Imported:
        times.append(1)
        return read(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(importer, "import_lines", count)
    return times


def test_the_same_bytes_are_taken_once(session: Session, tmp_path: Path, looked: list[int]) -> None:
    assert len(take(session, tmp_path).created) == 3
    session.commit()
    again = take(session, tmp_path)

    assert (again.created, again.updated, again.unchanged) == ([], [], 3)
    assert len(looked) == 1


def test_a_file_is_read_again_when_a_bead_or_the_file_or_the_way_changed(
    session: Session, tmp_path: Path, looked: list[int]
) -> None:
    take(session, tmp_path)
    session.commit()
    take(session, tmp_path, DATA.replace(b"bead 1", b"bead one"))
    take(session, tmp_path, options=beads.ImportOptions(dedup=True))
    assert len(looked) == 3
    take(session, tmp_path)
    session.commit()
    seen = len(looked)
    beads.add_comment(session, "app-1", "changed here", actor="bob")
    session.commit()
    take(session, tmp_path)

    assert len(looked) == seen + 1


def test_an_import_that_was_rolled_back_is_made_again(session: Session, tmp_path: Path) -> None:
    take(session, tmp_path)
    session.rollback()

    assert len(take(session, tmp_path).created) == 3


def test_a_file_with_refused_lines_reports_them_each_time(session: Session, tmp_path: Path) -> None:
    for _ in range(2):
        assert len(take(session, tmp_path, DATA + b"<<<<<<< ours\n").refused) == 1
        session.commit()


def test_what_is_remembered_may_be_damaged(session: Session, tmp_path: Path) -> None:
    take(session, tmp_path)
    session.commit()
    for text in ("", "[]", '{"a": 1}', "null"):
        next(tmp_path.glob("*/taken.json")).write_text(text)
        assert take(session, tmp_path).unchanged == 3
