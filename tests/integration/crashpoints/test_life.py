"""From the claim to the landing: whoever dies on the way, it ends as if nobody had."""

import pytest

from tests.integration.crashpoints.conftest import Make
from tests.support.crashpoints import COMMITS, CrashTown, Share, Start, WorkerProcess, shares

COMMIT = 'echo "$GT_BRANCH" > "$GT_BEAD.txt" && git add . && git commit -qm work'
DONE = f"{COMMIT}; gt done"


def _slung(town: CrashTown) -> Start:
    """Claim, prepare, run, hand in, push, land: all that one worker does about a bead."""

    def start() -> tuple[str, object]:
        bead_id, number = town.sling()

        def live(worker: WorkerProcess) -> None:
            worker.supervise(number)
            worker.answer_all()

        return bead_id, live

    return start  # type: ignore[return-value]


@pytest.mark.parametrize("share", shares(4), ids=lambda share: f"{share.first}of{share.of}")
def test_a_bead_lands_once_when_its_worker_is_killed_anywhere(make: Make, share: Share) -> None:
    town = make(DONE)
    assert town.crash_everywhere(_slung(town), share=share) > 30


@pytest.mark.parametrize("share", shares(2), ids=lambda share: f"{share.first}of{share.of}")
def test_a_bead_lands_once_on_postgresql_when_its_worker_is_killed_at_any_commit(make: Make, share: Share) -> None:
    town = make(DONE, kind="postgresql")
    assert town.crash_everywhere(_slung(town), share=share, only=COMMITS) > 15
