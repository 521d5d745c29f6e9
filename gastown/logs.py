"""Structured logging: one line a record, with the bead, rig, fence or actor that the context holds."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_context: ContextVar[dict[str, str]] = ContextVar("gastown_log_context", default={})  # noqa: B039 - never mutated


class _AddContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.context = "".join(f" {key}={value}" for key, value in _context.get().items())
        return True


def set_up(level: str) -> None:
    """Send this process's log to standard error, one line a record."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s%(context)s"))
    handler.addFilter(_AddContext())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def keep_quiet() -> None:
    """Print nothing of this process's log: a command says by itself what its caller should know."""
    logging.getLogger().addHandler(logging.NullHandler())


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """Name `values` in every record written inside."""
    token = _context.set({**_context.get(), **{key: str(value) for key, value in values.items()}})
    try:
        yield
    finally:
        _context.reset(token)


def get(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)
