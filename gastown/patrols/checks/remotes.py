"""The rigs' remotes answer and have the target branch."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from gastown import git, rigs
from gastown.errors import GastownError
from gastown.patrols.findings import Category, Check, Fault, Here, error

_AT_ONCE = 8


def look(here: Here) -> Iterable[Fault]:
    """Ask each remote, several at once; git's door limits the time."""
    with here.read() as session:
        found = list(rigs.list_all(session))
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for faults in pool.map(lambda rig: list(_ask(rig)), found):
            yield from faults


def _ask(rig: rigs.Rig) -> Iterator[Fault]:
    try:
        git.probe(rig.remote_url, rig.branch)
    except GastownError as failure:
        yield error(rig.name, failure.message, failure.hint or "")


CHECK = Check("remotes", look, "every rig's remote answers", category=Category.RIG, needs_network=True)
