"""Which places are written to as they are, and which get a new file in their stead."""

import os
from pathlib import Path

import pytest

from gastown.beads.exchange import replacing


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/fd/1", "/dev/null", "/proc/self/fd/1"])
def test_a_redirected_output_is_never_replaced(place: str) -> None:
    assert replacing.is_stream(Path(place))


def test_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert replacing.is_stream(tmp_path / "pipe")


@pytest.mark.parametrize("place", ["/dev/shm/project/issues.jsonl", "/devices/issues.jsonl", "issues.jsonl"])
def test_a_file_is_replaced_wherever_it_lies(place: str) -> None:
    assert not replacing.is_stream(Path(place))


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "issues.jsonl").touch()

    assert not replacing.is_stream(tmp_path / "issues.jsonl")
