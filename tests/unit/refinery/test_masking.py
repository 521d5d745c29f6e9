"""A secret stays out of a stream wherever the stream is cut."""

import pytest

from gastown.refinery.masking import HIDDEN, Mask

TEXT = b"before hunter2-hunter2 hunter2-hunter3 after hunter2-"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_secret_is_hidden_however_the_output_is_cut(size: int) -> None:
    mask = Mask(["hunter2-hunter3", "hunter2-hunter2"])
    shown = b"".join(mask.take(TEXT[at : at + size]) for at in range(0, len(TEXT), size)) + mask.rest()
    assert shown == b"before " + HIDDEN + b" " + HIDDEN + b" after hunter2-"


def test_every_line_of_a_secret_is_hidden_and_what_is_too_short_is_not() -> None:
    mask = Mask(["-----BEGIN-----\nabcdefgh\n", "true", ""])
    assert mask.take(b"true: abcdefgh\n") + mask.rest() == b"true: " + HIDDEN + b"\n"


def test_output_is_as_it_came_when_there_is_no_secret() -> None:
    mask = Mask([])
    assert mask.take(b"anything") == b"anything"
    assert mask.rest() == b""
