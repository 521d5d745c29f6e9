"""`--watch` goes on until ctrl-C, or until nobody reads."""

import contextlib
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Runner

_BD = (sys.executable, "-c", "from gastown.cli.entry import bd; bd()")
_WITHIN_S = 60


@pytest.fixture
def watcher(bd: Runner, store: Path, project: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert bd("create", "the first").code == 0
    with subprocess.Popen([*_BD, "list", "--watch"], cwd=project, stdout=subprocess.PIPE) as process:
        yield process
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def read_until(process: subprocess.Popen[bytes], words: bytes) -> None:
    assert process.stdout is not None
    found = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while words not in found:
            assert waiting.select(_WITHIN_S), found
            piece = process.stdout.read1(65536)  # type: ignore[attr-defined]
            assert piece, found
            found += piece


def test_a_change_is_shown_and_ctrl_c_ends_it(bd: Runner, watcher: subprocess.Popen[bytes]) -> None:
    read_until(watcher, b"the first")
    bd("create", "the second")
    read_until(watcher, b"the second")
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(_WITHIN_S) == 0


def test_it_ends_when_nobody_reads(watcher: subprocess.Popen[bytes]) -> None:
    read_until(watcher, b"the first")
    assert watcher.stdout is not None
    watcher.stdout.close()
    assert watcher.wait(_WITHIN_S) == 0
