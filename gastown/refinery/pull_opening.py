"""Opening a pull request, or giving an open one its next head."""

from gastown import logs
from gastown.providers import Provider, Pull
from gastown.refinery import lifecycle, pull_heads, queries
from gastown.refinery.desk import Desk, Entry, View
from gastown.refinery.landing import Move
from gastown.refinery.lifecycle import StaleSubmit
from gastown.refinery.pull_standing import KINDS, Stand

log = logs.get(__name__)


def show(  # noqa: PLR0913 - all that a pull request is made of
    desk: Desk, view: View, entry: Entry, provider: Provider, tip: str | None, tree: str, target: str
) -> Move:
    """Put the gated head on its branch, have a pull request of it, and note it. Each part finds itself done before."""
    found = pull_heads.shape(desk, view, entry, tip, target)
    if not found.is_ours:
        kind, summary = KINDS[Stand.FOREIGN]
        details: dict[str, object] = {"summary": summary, "target": target, "pull_head": tip}
        with desk.write() as session:
            fence = desk.proof.fence
            lifecycle.send_back(
                session, entry.change.request, kind=kind, details=details, actor=desk.actor, lease=fence
            )
        return Move(acted=True, returned=entry.change.request.bead_id)
    commit = pull_heads.put(view, entry, tip, found, tree=tree, target=target)
    title = f"{entry.change.request.bead_id}: {' '.join(entry.change.title.split())}"
    pull = provider.open_or_find(pull_heads.branch_of(entry), view.rig.branch, title, _body(entry))
    request, fence = entry.change.request, desk.proof.fence
    try:
        with desk.write() as session:
            lifecycle.show_pull(
                session, request, number=pull.number, url=pull.url, head_oid=commit, actor=desk.actor, lease=fence
            )
    except StaleSubmit:
        _close_unwanted(desk, entry, provider, pull)
        raise
    log.info("pull request %s of %s shows %s", pull.number, entry.change.request.bead_id, commit[:12])
    desk.pulls.forget(entry.change.request.id or 0)
    return Move(acted=True, target=target)


def _close_unwanted(desk: Desk, entry: Entry, provider: Provider, pull: Pull) -> None:
    """A request that was called off meanwhile has not noted its number; a newer head would find it by its branch."""
    with desk.write() as session:
        is_wanted = queries.find_open(session, entry.change.request.bead_id) is not None
    if not is_wanted:
        provider.close(pull.number)


def _body(entry: Entry) -> str:
    request, head = entry.change.request, entry.change.head
    return (
        f"Bead: {request.bead_id}\nRequest: {request.id}\nActor: {head.polecat}\n\n"
        "The gates of the rig are green on this head. The merge queue merges it when it is approved and its checks "
        "have passed, and keeps it up to date; closing it, or asking for changes, sends it back to its author."
    )
