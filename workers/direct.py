"""Threads beside the task pool: what a doorbell would have started, where no doorbell can be waited for."""

import threading
from collections.abc import Callable, Sequence

from gastown import clock

# A supervising thread detaches its session in one short transaction; a gate's command has a moment to end.
LAST_S = 5.0
_threads: dict[str, threading.Thread] = {}
_lock = threading.Lock()


def start(name: str, act: Callable[[], object]) -> None:
    """Run `act` in a thread of its own; nothing while one of this name is alive."""
    with _lock:
        running = _threads.get(name)
        if running is not None and running.is_alive():
            return
        thread = threading.Thread(target=act, name=name, daemon=True)
        _threads[name] = thread
        thread.start()
        for finished in [key for key, value in _threads.items() if not value.is_alive()]:
            del _threads[finished]


def is_any_alive(prefixes: tuple[str, ...]) -> bool:
    """Whether a thread whose name begins with one of these runs."""
    return bool(_alive(prefixes))


def wait_for(prefixes: tuple[str, ...]) -> None:
    """Let such threads come to their end as the worker stops: the pool waits for its own only. Five seconds at most."""
    until = clock.monotonic() + LAST_S
    for thread in _alive(prefixes):
        thread.join(max(0.0, until - clock.monotonic()))


def _alive(prefixes: tuple[str, ...]) -> Sequence[threading.Thread]:
    with _lock:
        return [thread for name, thread in _threads.items() if thread.is_alive() and name.startswith(prefixes)]
