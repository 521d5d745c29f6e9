"""One town that has been lived through, and copies of it to be spoilt."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gastown import config
from gastown.chaos.collect import RunFacts, collect
from gastown.chaos.evidence import Evidence
from gastown.db import dispose
from tests.support.chaos_town import live_through, make_chaos_town
from tests.support.refinery_town import RIG


@pytest.fixture(autouse=True)
def _forget_engines() -> Iterator[None]:
    yield
    config.use(None)


@dataclass(frozen=True, repr=False)
class Lived:
    """A town on SQLite after its work."""

    folder: Path
    facts: RunFacts

    def copy(self, to: Path) -> RunFacts:
        """The facts of a copy that may be spoilt."""
        shutil.copytree(self.folder, to, symlinks=True)
        place = {old: to / old.relative_to(self.folder) for old in (self.facts.journal, *self.facts.towns)}
        remote = self.facts.remotes[RIG]
        scratch = to / "scratch"
        scratch.mkdir()
        return replace(
            self.facts,
            database=f"sqlite:///{to / 'gastown.db'}",
            remotes={RIG: replace(remote, path=to / remote.path.relative_to(self.folder))},
            journal=place[self.facts.journal],
            towns=[place[town] for town in self.facts.towns],
            scratch=scratch,
        )

    def evidence(self, scratch: Path) -> Evidence:
        """What is collected of the town itself."""
        scratch.mkdir()
        return collect(replace(self.facts, scratch=scratch))


@pytest.fixture(scope="session")
def lived(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    folder = tmp_path_factory.mktemp("lived") / "here"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "gastown.db")
    town = make_chaos_town(folder, f"sqlite:///{folder / 'gastown.db'}")
    live_through(town)
    facts = town.facts(folder)
    dispose()  # so that the file is whole by itself
    return Lived(folder, facts)


@pytest.fixture
def spoilt(lived: Lived, tmp_path: Path) -> RunFacts:
    """A copy to be spoilt."""
    return lived.copy(tmp_path / "copy")
