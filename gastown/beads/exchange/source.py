"""Reading an exchange file line by line: its size costs no memory, and any line can be read again."""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from gastown.beads.jsonl import LINE_LIMIT
from gastown.errors import Conflict

_BOM = b"\xef\xbb\xbf"  # some editors put it before the first line
_SPOOLED = 8 * 1024 * 1024  # bytes of a stream that are held in memory before they go to a temporary file


class FileChanged(Conflict):
    """Somebody wrote to the file while it was being read."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One line that is not blank: its number from 1, where it begins, and its bytes (None: too long to be read)."""

    number: int
    offset: int
    data: bytes | None


def lines(file: BinaryIO) -> Iterator[Raw]:
    """Every line that is not blank. A line above the limit is passed over unread."""
    file.seek(0)
    number = offset = 0
    while piece := file.readline(LINE_LIMIT + 1):
        number += 1
        start, offset = offset, offset + len(piece)
        if len(piece) > LINE_LIMIT and not piece.endswith(b"\n"):
            offset += _pass_over(file)
            yield Raw(number, start, None)
            continue
        data = (piece.removeprefix(_BOM) if number == 1 else piece).strip()
        if data:
            yield Raw(number, start, data)


def line_at(file: BinaryIO, offset: int) -> bytes:
    """The line that begins at `offset`."""
    file.seek(offset)
    data = file.readline(LINE_LIMIT + 1)
    return (data.removeprefix(_BOM) if offset == 0 else data).strip()


def _pass_over(file: BinaryIO) -> int:
    """Go on to the next line; return how many bytes that took."""
    passed = 0
    while piece := file.readline(LINE_LIMIT):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


@contextmanager
def seekable(source: bytes | BinaryIO) -> Iterator[BinaryIO]:
    """A file that can be read twice: the source itself, or a temporary copy of a stream."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif source.seekable():
        yield source
    else:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as copy:
            shutil.copyfileobj(source, copy, 1024 * 1024)
            yield copy  # type: ignore[misc]
