"""What one of the demo's beads asks for. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Edit = Mapping[str, str]
"""`file` with either `text` (the whole file) or `find` and `put`."""


@dataclass(frozen=True)
class Work:
    """One change, and what happens to it on the way."""

    key: str
    title: str
    text: str
    edits: Sequence[Edit]
    needs: tuple[str, ...] = ()
    priority: int = 2
    seconds: float = 0
    """How long the agent takes over it; 0 lets the plan draw it."""
    dies: bool = False
    """Its agent kills itself in its first run."""
    mends: Sequence[Mapping[str, object]] = ()
    """What its agent does about a red gate whose output holds `when`: more `edits`."""
    finds: str = ""
    """The title of a bead that its agent files on the way."""
    is_spare: bool = False
    """Left out when fewer beads are asked for."""


def module(path: str, text: str) -> Edit:
    """An edit that makes a file."""
    return {"file": path, "text": text}


def change(path: str, find: str, put: str) -> Edit:
    """An edit that replaces the first `find` with `put`."""
    return {"file": path, "find": find, "put": put}
