"""The agents' `gt` and `bd`, which every session that starts makes sure of."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gastown import config
from gastown.runtimes import session_facts
from gastown.sessions import environment

AT_ONCE = 16


def test_they_are_there_when_many_sessions_start_at_once(tmp_path: Path) -> None:
    for number in range(20):
        settings = config.Settings(town=tmp_path / str(number))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            folders = set(pool.map(environment.write_commands, [settings] * AT_ONCE))

        assert folders == {environment.bin_dir(settings)}
        assert sorted(path.name for path in environment.bin_dir(settings).iterdir()) == ["bd", "gt"]
        assert all(os.access(environment.bin_dir(settings) / name, os.X_OK) for name in ("bd", "gt"))


def test_a_file_is_whole_when_threads_replace_it_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "deadline")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: session_facts.write_text(path, f"{number}\n" * 1000), range(400)))

    lines = Path(path).read_text().splitlines()
    assert len(lines) == 1000
    assert len(set(lines)) == 1
    assert os.listdir(tmp_path) == ["deadline"]


def test_one_that_was_written_for_another_interpreter_is_written_anew(tmp_path: Path) -> None:
    settings = config.Settings(town=tmp_path)
    gt = environment.write_commands(settings) / "gt"
    right = gt.read_text()
    gt.write_text("#!/bin/sh\nexec /gone/python\n")

    environment.write_commands(settings)

    assert gt.read_text() == right
    done = subprocess.run([gt, "--version"], env={}, capture_output=True, text=True, timeout=20, check=False)
    assert "gone" not in done.stderr
