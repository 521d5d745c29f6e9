"""Which prefix the beads of a new rig get. Pure."""

import re
from collections.abc import Container, Iterator

_SHORT = 4  # a name up to this long is its own prefix
_LONGEST = 12


def choose_prefix(name: str, taken: Container[str]) -> str:
    """The first letters of `name`'s words, or its beginning; longer, then numbered, while somebody has that one."""
    return next(candidate for candidate in _candidates(name) if candidate not in taken)


def _candidates(name: str) -> Iterator[str]:
    words = [word for word in re.split(r"[-_]+", name) if word]
    compact = "".join(words)[:_LONGEST]
    if len(words) > 1 and words[0][0].isalpha():
        yield "".join(word[0] for word in words)[:_LONGEST]
    yield compact if len(compact) <= _SHORT else compact[: _SHORT - 1]
    for length in range(_SHORT, len(compact) + 1):
        yield compact[:length]
    for number in range(2, 100_000):
        yield f"{compact[: _LONGEST - 5]}{number}"
