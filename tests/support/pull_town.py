"""A town whose rig lands by pull requests, in front of a hosted repository with a protected main."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gastown import refinery, rigs
from gastown.refinery import StepResult
from tests.support.fake_clock import FakeClock
from tests.support.hosted import URL, Hosted
from tests.support.refinery_town import GATE, RefineryTown, make_town, run_git

LOOKED_AGAIN_S = 31.0
"""More than every pause between two looks at a pull request."""


class PullTown:
    """The town, the service that hosts its repository, and the time between them."""

    def __init__(
        self,
        root: Path,
        database_url: str,
        clock: FakeClock,
        patch: pytest.MonkeyPatch,
        gates: tuple[rigs.GateSpec, ...] = (GATE,),
    ) -> None:
        self.clock = clock
        self.hosted = Hosted(root / "service", root / "here" / "remote.git")
        self.hosted.use(patch)
        style = rigs.LandingStyle.PULL
        self.town: RefineryTown = make_town(
            root / "here", database_url, gates=gates, url=URL, landing=style, provider="gh"
        )
        self.hosted.protect()

    def later(self, rounds: int = 1) -> None:
        """Time passes, ticks look, gates run; as often as said."""
        for _ in range(rounds):
            self.clock.pass_(seconds=LOOKED_AGAIN_S)
            self.town.settle()

    def step_later(self) -> StepResult:
        """One step, after long enough to ask the provider again."""
        self.clock.pass_(seconds=LOOKED_AGAIN_S)
        return self.town.step()

    def submit(self, name: str = "b.txt", **rest: str) -> str:
        """A change that adds one file, gated until its pull request is open."""
        bead = self.town.submit({name: "two\n"}, **rest)
        self.later()
        return bead

    def move_target(self, files: dict[str, str | None]) -> str:
        """An administrator's commit on main, past queue and protection."""
        person = self.town.person
        run_git(person, "fetch", "--quiet", "origin")
        run_git(person, "checkout", "--quiet", "--detach", "origin/main")
        oid = self.town.commit(person, files, "from outside")
        self.hosted.push(person, "main", oid)
        return oid

    def reset_target(self, oid: str) -> None:
        """An administrator pushes main back to a commit."""
        run_git(self.town.remote, "update-ref", "refs/heads/main", oid)

    def waits_for(self, bead: str) -> str:
        """What `gt mq list` says that the bead's request waits for."""
        with self.town.work() as session:
            (found,) = [item for item in refinery.list_queue(session) if item.request.bead_id == bead]
            return found.waits_for


MakePullTown = Callable[..., PullTown]
