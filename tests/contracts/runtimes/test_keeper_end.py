"""A session ends when it is stopped, when nobody holds it, and with all that it started; never with its worker."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gastown.runtimes import host

# A child that leaves the session and the process group, as a badly behaved agent's server would.
ESCAPED = "setsid sh -c 'echo $$ > escaped.pid; exec sleep 300' & "
STUBBORN = "setsid sh -c 'trap \"\" TERM; echo $$ > escaped.pid; while :; do sleep 1; done' & "


def is_running(pid: int) -> bool:
    return host.process_start(pid) is not None


def test_descendants_end_too_when_the_agent_exits(keepers: Any) -> None:
    process = keepers.start(ESCAPED + "while [ ! -s escaped.pid ]; do sleep 0.01; done; exit 3")
    escaped = keepers.read_pid(keepers.folder() / "escaped.pid")

    assert host.wait(process, 10)

    assert not is_running(escaped)
    ending = host.read_exit(process.dir)
    assert ending is not None
    assert ending.code == 3


def test_descendant_that_ignores_term_is_killed_when_the_agent_exits(keepers: Any) -> None:
    process = keepers.start(STUBBORN + "while [ ! -s escaped.pid ]; do sleep 0.01; done")
    escaped = keepers.read_pid(keepers.folder() / "escaped.pid")

    assert host.wait(process, 15)

    assert not is_running(escaped)


def test_group_and_descendants_end_when_the_grace_is_over(keepers: Any) -> None:
    started = time.monotonic()
    process = keepers.start(ESCAPED + "sleep 300", grace_s=0.7)
    escaped = keepers.read_pid(keepers.folder() / "escaped.pid")

    assert host.wait(process, 10)

    ending = host.read_exit(process.dir)
    assert ending is not None
    assert (ending.reason, ending.signal) == (host.ExitReason.GRACE, signal.SIGTERM)
    assert not is_running(escaped)
    assert time.monotonic() - started >= 0.7


def test_session_lives_on_when_its_deadline_is_renewed(keepers: Any) -> None:
    process = keepers.start("exec sleep 60", grace_s=1.0)
    host.touch_deadline(process.dir, 600)

    assert not host.wait(process, 2.0)

    host.touch_deadline(process.dir, -1)
    os.kill(process.keeper_pid, signal.SIGUSR1)
    assert host.wait(process, 10)
    ending = host.read_exit(process.dir)
    assert ending is not None
    assert ending.reason is host.ExitReason.GRACE


def test_deadline_of_another_boot_is_ignored(keepers: Any) -> None:
    process = keepers.start("exec sleep 60", grace_s=600)
    (process.dir / "deadline").write_text("1.0 another-boot\n")
    os.kill(process.keeper_pid, signal.SIGUSR1)

    assert not host.wait(process, 0.5)


def test_reason_and_note_are_recorded_when_the_session_is_stopped(keepers: Any) -> None:
    process = keepers.start("trap 'exit 5' TERM; touch ready; while :; do sleep 0.05; done")
    keepers.until((keepers.folder() / "ready").exists)

    assert host.stop(process, "handed over")
    assert host.wait(process, 10)

    ending = host.read_exit(process.dir)
    assert ending is not None
    assert (ending.code, ending.reason, ending.note) == (5, host.ExitReason.STOPPED, "handed over")
    assert not host.stop(process, "again")


def test_agent_is_killed_when_it_ignores_the_stop(keepers: Any) -> None:
    process = keepers.start("trap '' TERM; touch ready; while :; do sleep 0.05; done", kill_after_s=0.5)
    keepers.until((keepers.folder() / "ready").exists)

    host.stop(process)
    assert host.wait(process, 10)

    ending = host.read_exit(process.dir)
    assert ending is not None
    assert (ending.signal, ending.reason) == (signal.SIGKILL, host.ExitReason.STOPPED)


def test_session_stops_when_the_stop_file_is_there_before_a_signal_comes(keepers: Any) -> None:
    (keepers.folder() / "stop").write_text("never mind")
    process = keepers.start("exec sleep 60")

    assert host.wait(process, 10)
    ending = host.read_exit(process.dir)
    assert ending is not None
    assert ending.reason is host.ExitReason.STOPPED


def test_sessions_go_on_when_the_zygote_is_killed(keepers: Any) -> None:
    process = keepers.start("exec sleep 60")
    assert host.end_zygote(keepers.run_dir)
    keepers.until(lambda: not host.end_zygote(keepers.run_dir))

    assert host.is_alive(process)
    assert is_running(process.agent_pid)
    later = keepers.start("exec sleep 60", "run-2")  # starts a new zygote by itself

    assert is_running(later.agent_pid)
    again = keepers.start("exec sleep 60")
    assert again.existing
    assert again.agent_pid == process.agent_pid


def test_sessions_go_on_when_the_process_that_started_them_is_killed_with_its_group(keepers: Any) -> None:
    folder = keepers.folder()
    script = (
        "import sys, time; from pathlib import Path; from gastown.runtimes import host\n"
        f"folder, run = Path({str(folder)!r}), Path({str(keepers.run_dir)!r})\n"
        "spec = host.SessionSpec(folder, ['sleep', '60'], folder, {'PATH': '/usr/bin:/bin'})\n"
        "host.start(host.ensure_zygote(run), spec); print('up', flush=True); time.sleep(60)\n"
    )
    root = Path(host.__file__).parents[2]
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, start_new_session=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"up\n"
        os.killpg(worker.pid, signal.SIGKILL)

    found = host.find(folder)
    assert found is not None
    keepers.started.append(found)
    assert is_running(found.agent_pid)
    host.stop(found)
    assert host.wait(found, 10)


def test_one_zygote_serves_when_two_are_started(keepers: Any) -> None:
    path = host.ensure_zygote(keepers.run_dir)
    script = Path(host.__file__).with_name("keeper.py")

    second = subprocess.run([sys.executable, "-I", "-S", str(script), str(path)], timeout=10, check=False)

    assert second.returncode == 0
    assert keepers.ending("exit 0").code == 0


def test_session_is_settled_as_lost_when_its_keeper_was_killed(keepers: Any) -> None:
    process = keepers.start(STUBBORN + "sleep 300")
    escaped = keepers.read_pid(keepers.folder() / "escaped.pid")
    with pytest.raises(host.SessionAlive):
        host.settle(process.dir)
    os.kill(process.keeper_pid, signal.SIGKILL)
    assert host.wait(process, 5)
    assert host.find(process.dir) is None
    with pytest.raises(host.SessionLost):
        keepers.start("exec sleep 60")

    ending = host.settle(process.dir)

    assert ending is not None
    assert (ending.code, ending.signal, ending.reason) == (None, None, host.ExitReason.LOST)
    assert not is_running(process.agent_pid)
    assert not is_running(escaped)
    assert host.settle(process.dir) == ending


def test_agent_dies_with_its_keeper_when_that_is_killed(keepers: Any) -> None:
    process = keepers.start("exec sleep 60")

    os.kill(process.keeper_pid, signal.SIGKILL)

    keepers.until(lambda: not is_running(process.agent_pid))


def test_wait_returns_early_when_its_wake_descriptor_is_readable(keepers: Any) -> None:
    process = keepers.start("exec sleep 60")
    read, write = os.pipe()
    try:
        os.write(write, b"!")
        started = time.monotonic()
        assert not host.wait(process, 30, wake_fd=read)
        assert time.monotonic() - started < 5
    finally:
        os.close(read)
        os.close(write)


def test_keeper_is_small_and_quiet_when_its_agent_works(keepers: Any) -> None:
    processes = [keepers.start("exec sleep 60", f"run-{number}") for number in range(5)]

    for process in processes:
        assert private_kib(process.keeper_pid) < 3500
    before = [switches(process.keeper_pid) for process in processes]
    assert not host.wait(processes[0], 1.5)
    # One for each that was still on its way to sleep at the first count.
    assert sum(switches(process.keeper_pid) for process in processes) - sum(before) <= 5


def private_kib(pid: int) -> int:
    """Memory that only this process uses (USS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def switches(pid: int) -> int:
    """How often the process went to sleep by itself."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
