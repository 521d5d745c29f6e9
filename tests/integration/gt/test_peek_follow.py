"""`gt peek --follow` on output that comes in pieces."""

import io
import time
from pathlib import Path

import pytest

from gastown.cli.context import Context
from gastown.cli.gt.agent import _follow
from gastown.runtimes import host

PIECES = [b"first li", b"ne\nsecond \xc3", b"\xbc\x1b[2J\nlast without", b" an end"]


def test_lines_are_shown_whole_when_they_were_written_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, left = tmp_path / "stdout.log", list(PIECES)

    def write(_seconds: float) -> None:
        with path.open("ab") as file:
            file.write(left.pop(0))

    monkeypatch.setattr(time, "sleep", write)
    monkeypatch.setattr(host, "read_exit", lambda _folder: None if left else object())
    context = Context("gt", io.StringIO(), io.StringIO(), io.StringIO(), is_terminal=False)

    _follow(context, path, 0, tmp_path)

    assert context.text_out().splitlines() == ["first line", "second ü\ufffd[2J", "last without an end"]
