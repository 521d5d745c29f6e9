"""The same work in several processes at once, by pipes alone: not every machine lets users share semaphores."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any


def _report(answer: Connection, work: Callable[..., Any], words: Sequence[Any]) -> None:
    try:
        answer.send((True, work(*words)))
    except BaseException as error:
        answer.send((False, repr(error)))


def run_at_once(
    work: Callable[..., Any], calls: Sequence[Sequence[Any]], *, within_s: float, preload: Sequence[str] = ()
) -> list[Any]:
    """Call `work` with each of `calls` in a process of its own; return what each returned, in order."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    pipes = [context.Pipe(duplex=False) for _ in calls]
    started = [
        context.Process(target=_report, args=(answer, work, words))
        for (_, answer), words in zip(pipes, calls, strict=True)
    ]
    for process in started:
        process.start()
    found = []
    for reader, _ in pipes:
        assert reader.poll(within_s), f"no answer within {within_s:g} s"
        succeeded, value = reader.recv()
        assert succeeded, value
        found.append(value)
    for process in started:
        process.join(within_s)
    for pipe in pipes:
        for end in pipe:
            end.close()
    return found
