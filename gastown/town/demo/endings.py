"""The end of the demo: the gates once more on what landed, and no process left."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from sqlmodel import Session

from gastown import clock, config, logs, refinery, rigs
from gastown.errors import GastownError
from gastown.refinery import Verdict
from gastown.runtimes import host
from gastown.town import services
from gastown.town.demo.summary import GREEN, Landed

log = logs.get(__name__)

GATE_TIMEOUT_S = 60.0
# Agents that say goodbye get this long; those that are asked to save their work get the longer one.
GOODBYE_S = 5.0
SAVING_S = 20
_LOOK_S = 0.1


def recheck(
    settings: config.Settings,
    read: Callable[[], AbstractContextManager[Session]],
    commits: Sequence[Landed],
    *,
    until: float,
) -> dict[str, bool]:
    """Run each rig's gates anew on its commits, for `until` seconds at most; those not reached are left out."""
    deadline = clock.monotonic() + until
    with read() as session:
        named = {commit.rig for commit in commits}
        rig_of = {name: (rigs.get(session, name), rigs.list_gates(session, name)) for name in named}

    def is_late() -> bool:
        return clock.monotonic() > deadline

    def check(commit: Landed) -> tuple[str, bool] | None:
        if is_late():
            return None
        rig, gates = rig_of[commit.rig]
        try:
            verdict = refinery.recheck(settings, rig, gates, commit.oid, timeout_s=GATE_TIMEOUT_S, given_up=is_late)
        except (GastownError, OSError, refinery.Stopped) as error:
            log.info("gates not run again on %s: %s", commit.oid, error)
            return None
        return None if verdict is Verdict.INFRASTRUCTURE_ERROR else (commit.oid, verdict in GREEN)

    with ThreadPoolExecutor(settings.gate_runners) as pool:
        return dict(found for found in pool.map(check, commits) if found is not None)


def take_down(settings: config.Settings, stop_sessions: Callable[[int], object], *, patient: bool) -> None:
    """End agents and services; `patient` means that the agents are done and only say goodbye.

    Call it from the main thread: ctrl-C is ignored meanwhile, or it would leave processes behind.
    """
    with _undisturbed():
        _take_down(settings, stop_sessions, patient=patient)


def _take_down(settings: config.Settings, stop_sessions: Callable[[int], object], *, patient: bool) -> None:
    if not patient and services.list_services(settings):
        with contextlib.suppress(GastownError):
            stop_sessions(SAVING_S)
    _await_goodbyes(settings)
    services.down(settings, say=lambda _text: None)
    for process in _sessions(settings):
        host.stop(process, "the demo has ended")
    _await_goodbyes(settings)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _sessions(settings: config.Settings) -> list[host.SessionProcess]:
    folders = (settings.town / "sessions").glob("*/run-*/keeper.json")
    found = []
    for path in folders:
        with contextlib.suppress(GastownError, OSError):
            process = host.find(path.parent)
            if process is not None and host.is_alive(process):
                found.append(process)
    return found


def _await_goodbyes(settings: config.Settings) -> None:
    pause = threading.Event()
    deadline = clock.monotonic() + GOODBYE_S
    while _sessions(settings) and clock.monotonic() < deadline:
        pause.wait(_LOOK_S)
