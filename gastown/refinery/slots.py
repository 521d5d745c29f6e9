"""Slots: the folders in which gates run, a few a rig and host. Whoever holds a slot's lock owns all that is in it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gastown import clock, config, git, rigs
from gastown.errors import Refused, Unavailable
from gastown.refinery.command import Shell, Stopped, sweep
from gastown.refinery.homes import make_home

# The worker has as many threads for gates as there are slots: a wait means that a killed worker's lock still ends.
WAIT_S = 30.0
_LOOK_S = 0.2


class NoSlot(Unavailable):
    """Every slot is taken by another process."""


@dataclass(frozen=True)
class Slot:
    """One slot, held."""

    tree: Path
    home: Path
    temp: Path

    def shell(self) -> Shell:
        """Where and as what this slot's commands run."""
        return Shell(folder=self.tree, home=self.home, temp=self.temp, slot=self.tree, environment=config.environment())

    def check_out(self, land: Path, commit: str, *, fresh: bool) -> None:
        """Put the tree at `commit` with nothing else in it, ignored files neither; `fresh` makes the folder anew too.

        What an earlier tree's build left behind could let a red one pass; caches belong into HOME, which stays.
        """
        if fresh:
            git.remove_gate(self.tree)
        try:
            self._check_out(land, commit)
        except git.GitFailed:
            git.remove_gate(self.tree)  # files that an earlier gate made unremovable, or a broken index
            self._check_out(land, commit)

    def _check_out(self, land: Path, commit: str) -> None:
        git.checkout_gate(self.tree, land, commit, keep_ignored=False)


@contextmanager
def take(town: Path, rig: str, *, count: int, given_up: Callable[[], bool]) -> Iterator[Slot]:
    """Hold one of the rig's `count` slots, with nothing of its last user running; `NoSlot` after half a minute."""
    with _take(town, rig, [str(number) for number in range(count)], given_up) as slot:
        yield slot


@contextmanager
def take_spare(town: Path, rig: str, *, given_up: Callable[[], bool]) -> Iterator[Slot]:
    """Hold the slot that no worker counts on, for a person; `NoSlot` while another has it."""
    with _take(town, rig, ["spare"], given_up) as slot:
        yield slot


@contextmanager
def _take(town: Path, rig: str, names: Sequence[str], given_up: Callable[[], bool]) -> Iterator[Slot]:
    folder = rigs.gates_dir(town, rig)
    folder.mkdir(parents=True, exist_ok=True)
    deadline = clock.monotonic() + WAIT_S
    number = 0
    while True:
        try:
            last = number == len(names) - 1
            with git.exclusive(folder / f"{names[number]}.slot", timeout_s=_LOOK_S if last else 0):
                tree = folder / names[number]
                sweep(tree)
                temp = _private_folder(tree)
                home = make_home(folder / f"{names[number]}.home", folder / "home")
                try:
                    yield Slot(tree, home, temp)
                finally:
                    shutil.rmtree(temp, ignore_errors=True)
                return
        except git.RepositoryBusy:
            number = (number + 1) % len(names)
        if given_up():
            raise Stopped
        if clock.monotonic() > deadline:
            raise NoSlot(f"all {len(names)} gate slots of rig {rig} are taken on this host")


def _private_folder(tree: Path) -> Path:
    """A fresh folder for temporary files: its path is short, since tests make sockets there."""
    digest = hashlib.sha256(os.fsencode(tree)).hexdigest()[:10]
    path = Path(tempfile.gettempdir()) / f"gate-{os.getuid()}-{digest}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise Refused(f"{path} belongs to somebody else", hint="Set TMPDIR to a folder of your own.")
    return path
