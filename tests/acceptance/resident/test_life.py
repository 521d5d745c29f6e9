"""The resident's own life: when it starts, whom it serves, when it ends, and what happens when it ends badly."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gastown.cli.resident import client
from tests.acceptance.resident.conftest import WITHIN_S, Place, wait_for

IMPATIENT_S = client.PATIENCE_S + 10  # and the command itself, on a busy machine


def test_first_uses_at_once_leave_one_resident(place: Place) -> None:
    started = [place.start("version", stdout=subprocess.DEVNULL) for _ in range(6)]
    assert [process.wait(WITHIN_S) for process in started] == [0] * 6
    resident = place.warm_up()
    wait_for(lambda: len(place.processes()) <= 2, "one resident, and the child that stands by")
    assert place.residents() == [resident]


def test_it_keeps_nothing_of_its_starter(place: Place) -> None:
    read, write = os.pipe()
    assert place.run("version", env={"SECRET": "x"}, pass_fds=(write,)).returncode == 0
    os.close(write)
    resident = wait_for(place.residents, "a resident")[0]
    assert os.read(read, 1) == b""  # nobody holds the other end
    os.close(read)
    assert b"SECRET" not in Path(f"/proc/{resident}/environ").read_bytes()
    assert os.readlink(f"/proc/{resident}/cwd") == "/"
    assert os.getsid(resident) == resident
    assert not [name for name in _opened(resident) if name.endswith((".db", "-wal"))]


def _opened(pid: int) -> list[str]:
    """What the process has open; a descriptor that it closes while we look is none."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(entry))
    return found


@pytest.mark.parametrize("more", [{"GASTOWN_RESIDENT": "off"}, {"GT_SESSION_SOCKET": "/nonexistent", "DISPLAY": ""}])
def test_it_is_neither_started_nor_reached(place: Place, more: dict[str, str]) -> None:
    if "GT_SESSION_SOCKET" in more:
        process = place.start("list", env=more, stderr=subprocess.DEVNULL)
        wait_for(lambda: process.poll() is not None or _sleeps(process.pid), "a wait for the session's worker")
        process.kill()
        process.wait(WITHIN_S)
    else:
        assert place.run("list", env=more).returncode == 0
    assert not (place.run_dir / "gastown").exists()
    assert place.processes() == []


def _sleeps(pid: int) -> bool:
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() or Path(f"/proc/{pid}/wchan").read_text() == "0"


def test_it_ends_when_idle(place: Place) -> None:
    place.env["GASTOWN_RESIDENT_IDLE_S"] = "1"
    place.warm_up()
    wait_for(lambda: not place.processes(), "the end of everything that it started")
    assert place.sockets() == []
    assert not list((place.run_dir / "gastown").glob("*.warm"))


def test_it_is_seen_and_stopped(place: Place) -> None:
    resident = place.warm_up()
    shown = json.loads(place.run("gt", "resident", "status", "--json").stdout)
    assert [one["pid"] for one in shown] == [resident]
    assert shown[0]["memory_kb"] > 1000
    assert place.run("gt", "resident", "stop").returncode == 0
    wait_for(lambda: not place.processes(), "its end")
    assert place.run("gt", "resident", "status").stdout == "No resident runs.\n"


def test_changed_code_is_never_served(place: Place) -> None:
    resident = place.warm_up()
    file = place.install.source / "gastown" / "cli" / "bd" / "about.py"
    before = file.read_text()
    try:
        file.write_text(before + "\n# changed\n")
        assert place.run("version").returncode == 0
        wait_for(lambda: resident not in place.processes(), "the end of the old one")
        time.sleep(client.START_PAUSE_S)
        assert place.warm_up() != resident
    finally:
        file.write_text(before)


def test_fifty_at_once(place: Place) -> None:
    resident = place.warm_up()
    started = [place.start("create", f"bead {number}", "--silent", stdout=subprocess.PIPE) for number in range(50)]
    ids = [process.communicate(timeout=WITHIN_S)[0].decode().strip() for process in started]
    assert [process.returncode for process in started] == [0] * 50
    assert len(set(ids)) == 50
    assert len(json.loads(place.run("list", "-n", "0", "--json").stdout)) == 50
    assert place.residents() == [resident]
    wait_for(lambda: not _zombies(resident), "no children that nobody waited for")


def _zombies(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] == "Z" and int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def test_a_resident_that_is_stopped_costs_a_moment_and_nothing_happens_twice(place: Place) -> None:
    resident = place.warm_up()
    os.kill(resident, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert place.run("create", "once").returncode == 0
        assert time.monotonic() - began < IMPATIENT_S
    finally:
        os.kill(resident, signal.SIGCONT)
    place.run_warm(resident, "list")
    assert len(json.loads(place.run("list", "--json").stdout)) == 1


def test_a_command_outlives_its_resident(place: Place) -> None:
    resident = place.warm_up()
    process = place.start(
        "create", "once", "--body-file", "-", "--silent", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    wait_for(lambda: _began(place, resident), "a command under way")
    os.kill(resident, signal.SIGKILL)
    out, _ = process.communicate(b"text", WITHIN_S)
    assert process.returncode == 0
    assert out.startswith(b"app-")
    assert len(json.loads(place.run("list", "--json").stdout)) == 1
    assert place.residents() != [resident]


def _began(place: Place, resident: int) -> list[int]:
    """Children that read from a pipe, as a command does that waits for its text."""
    found = []
    for pid in place.processes():
        try:
            if pid != resident and "pipe" in os.readlink(f"/proc/{pid}/fd/0") and _waits_for_a_pipe(pid):
                found.append(pid)
        except OSError:
            continue
    return found


def _waits_for_a_pipe(pid: int) -> bool:
    return "pipe_read" in Path(f"/proc/{pid}/wchan").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGINT])
def test_a_signal_to_the_client_reaches_the_command(place: Place, number: signal.Signals) -> None:
    resident = place.warm_up()
    statuses = []
    for env in ({"GASTOWN_RESIDENT": "off"}, {}):
        process = place.start("create", "x", "--body-file", "-", env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        if env:
            wait_for(partial(_waits_for_a_pipe, process.pid), "a command that reads")
        else:
            wait_for(lambda: _began(place, resident), "a command under way")
        process.send_signal(number)
        statuses.append(process.wait(WITHIN_S))
        assert process.stdin is not None
        assert process.stderr is not None
        wait_for(lambda: not _began(place, resident), "the end of the child")
        process.stdin.close()
        process.stderr.close()
    assert statuses[0] == statuses[1]
    assert place.residents() == [resident]


def test_a_command_that_is_killed_says_so(place: Place) -> None:
    resident = place.warm_up()
    process = place.start("create", "x", "--body-file", "-", stdin=subprocess.PIPE)
    child = wait_for(lambda: _began(place, resident), "a command under way")[0]
    os.kill(child, signal.SIGKILL)
    assert process.wait(WITHIN_S) == -signal.SIGKILL
    assert process.stdin is not None
    process.stdin.close()
    assert place.run_warm(resident, "list").stdout == "No issues found.\n"


def test_the_keyboards_stop_stops_the_command_and_it_goes_on(place: Place) -> None:
    resident = place.warm_up()
    process = place.start("create", "x", "--body-file", "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    child = wait_for(lambda: _began(place, resident), "a command under way")[0]
    process.send_signal(signal.SIGTSTP)
    wait_for(lambda: _state(process.pid) == "T" and _state(child) == "T", "both stopped")
    process.send_signal(signal.SIGCONT)
    wait_for(lambda: _state(child) != "T", "the command under way again")
    process.communicate(b"text", WITHIN_S)
    assert process.returncode == 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_socket_that_nobody_serves_is_replaced(place: Place) -> None:
    resident = place.warm_up()
    os.kill(resident, signal.SIGKILL)
    wait_for(lambda: resident not in place.processes(), "its end")
    assert len(place.sockets()) == 1
    time.sleep(client.START_PAUSE_S)
    assert place.warm_up() != resident


def test_a_folder_that_is_not_private_is_not_used(place: Place, tmp_path: Path) -> None:
    folder = place.run_dir / "gastown"
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)
    assert place.run("list").returncode == 0
    assert list(folder.iterdir()) == []
    folder.rmdir()
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    folder.symlink_to(real)
    assert place.run("list").returncode == 0
    assert list(real.iterdir()) == []
    assert place.processes() == []


_LISTEN = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
os.setgid(65534); os.setuid(65534)
listener.listen()
print("listening", flush=True)
connection, _ = listener.accept()
print(len(connection.recv(100000)), flush=True)
"""


def test_somebody_elses_socket_gets_nothing(place: Place) -> None:
    if os.getuid() != 0:
        pytest.skip("needs two users")
    resident = place.warm_up()
    path = place.sockets()[0]
    os.kill(resident, signal.SIGSTOP)  # so that its name stays taken, and nobody starts another
    path.unlink()
    other = subprocess.Popen([sys.executable, "-c", _LISTEN, str(path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "listening\n"
    done = place.run("create", "once", env={"SECRET": "x"})
    assert done.returncode == 0
    assert other.stdout.readline() == "0\n"
    other.stdout.close()
    assert other.wait(WITHIN_S) == 0
    assert len(json.loads(place.direct("list", "--json").stdout)) == 1


def test_nonsense_from_this_user_harms_nobody(place: Place) -> None:
    resident = place.warm_up()
    for said in (b"", b"x", b"\0\0\0\5abcde", b"\xff\xff\xff\xff", b"\0\0\0\0"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place.sockets()[0]))
            connection.sendall(said)
    assert place.run_warm(resident, "list").returncode == 0


@pytest.mark.parametrize("broken", ["XDG_RUNTIME_DIR", "long"])
def test_a_place_where_no_socket_can_be(place: Place, tmp_path: Path, broken: str) -> None:
    far = tmp_path / ("d" * 120)
    far.mkdir()
    env = {"XDG_RUNTIME_DIR": "", "TMPDIR": str(far if broken == "long" else tmp_path / "none")}
    done = place.run("create", "once", env=env)
    assert done.returncode == 0, done.stderr
    assert place.processes() == []
