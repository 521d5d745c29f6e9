"""What a quiet town must not have left on its hosts: agents, half-made repositories, locks of killed gits."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gastown.errors import GastownError
from gastown.runtimes import host

# Objects are never locked, and there are many of them.
_SKIPPED = frozenset({"objects"})


def find_leftovers(towns: Sequence[Path]) -> tuple[str, ...]:
    """Everything that is left on these hosts, in words."""
    return tuple(word for town in towns for word in (*_agents(town), *_half_made(town), *_locks(town)))


def _agents(town: Path) -> Iterator[str]:
    for card in sorted((town / "sessions").glob("*/run-*/keeper.json")):
        with contextlib.suppress(GastownError, OSError):
            process = host.find(card.parent)
            if process is not None and host.is_alive(process):
                yield f"an agent runs in {card.parent} (pid {process.agent_pid})"


def _half_made(town: Path) -> Iterator[str]:
    """A repository appears under its name when it is complete; until then its name begins with a dot, ends with new."""
    yield from (f"{path} is half made" for path in sorted((town / "rigs").glob("*/.*.new")))


def _locks(town: Path) -> Iterator[str]:
    for repository in sorted((town / "rigs").glob("*/*.git")):
        for folder, folders, files in os.walk(repository):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            yield from (f"{folder}/{name} locks {repository.name}" for name in files if name.endswith(".lock"))
