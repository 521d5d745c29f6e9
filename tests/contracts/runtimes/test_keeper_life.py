"""A keeper starts its agent once, records how it ended, and answers who runs."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gastown.runtimes import CommandMissing, host


def test_exit_code_and_output_are_recorded_when_the_agent_ends(keepers: Any) -> None:
    ending = keepers.ending("echo out; echo err >&2; exit 7")

    assert (ending.code, ending.signal, ending.reason) == (7, None, host.ExitReason.EXITED)
    assert (keepers.folder() / "stdout.log").read_text() == "out\n"
    assert (keepers.folder() / "stderr.log").read_text() == "err\n"


def test_signal_is_recorded_when_the_agent_is_killed(keepers: Any) -> None:
    ending = keepers.ending("kill -KILL $$")

    assert (ending.code, ending.signal, ending.reason) == (None, signal.SIGKILL, host.ExitReason.EXITED)


def test_environment_is_exactly_the_given_one_when_the_agent_starts(keepers: Any) -> None:
    keepers.ending("env", env={"PATH": os.environ["PATH"], "KEY": "s3cret"})

    names = {line.partition("=")[0] for line in (keepers.folder() / "stdout.log").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "KEY", "GASTOWN_SESSION_DIR"}
    for path in keepers.folder().iterdir():
        assert path.name == "stdout.log" or b"s3cret" not in path.read_bytes()


def test_input_comes_from_the_file_when_one_is_given(keepers: Any) -> None:
    prompt = keepers.folder() / "prompt.txt"
    prompt.write_text("-n do it\n" * 50_000)

    keepers.ending("cat", stdin=prompt)

    assert (keepers.folder() / "stdout.log").read_text() == prompt.read_text()


def test_agent_inherits_no_descriptor_and_no_ignored_signal_when_it_starts(keepers: Any) -> None:
    script = (
        "import os, signal\n"
        "print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:4])\n"
        "print([s for s in (1, 2, 10, 15, 17) if signal.getsignal(s) == signal.SIG_IGN])\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
        "print(os.getsid(0) == os.getpgid(0) == os.getpid())\n"
    )
    keepers.ending("", argv=["python3", "-c", script])

    # 3 is the folder that the agent itself lists.
    assert (keepers.folder() / "stdout.log").read_text() == "[0, 1, 2, 3]\n[]\nset()\nTrue\n"


@pytest.mark.parametrize("mode", [None, 0o644])
def test_missing_command_is_refused_and_the_folder_stays_usable(keepers: Any, mode: int | None) -> None:
    program = keepers.base / "no-such-agent"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)

    with pytest.raises(CommandMissing):
        keepers.start("", argv=[str(program)])

    assert host.find(keepers.folder()) is None
    assert host.read_exit(keepers.folder()) is None
    assert keepers.ending("exit 0").code == 0


@pytest.mark.parametrize("changes", [{"cwd": Path("/no/such/folder")}, {"stdin": Path("/no/such/file")}])
def test_start_is_refused_when_a_path_is_missing(keepers: Any, changes: dict[str, Path]) -> None:
    with pytest.raises(host.SessionNotStarted):
        keepers.start("true", **changes)

    assert host.find(keepers.folder()) is None


def test_running_session_is_answered_when_the_start_is_repeated(keepers: Any) -> None:
    first = keepers.start("echo $$ >> pids; exec sleep 60")

    second = keepers.start("echo $$ >> pids; exec sleep 60")

    assert second.existing
    assert (second.agent_pid, second.agent_start) == (first.agent_pid, first.agent_start)
    assert keepers.read_pid(keepers.folder() / "pids") == first.agent_pid


def test_one_agent_runs_when_many_start_the_same_folder_at_once(keepers: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    host.ensure_zygote(keepers.run_dir)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: keepers.start("echo $$ >> pids; exec sleep 60"), range(8)))

    assert len({process.agent_pid for process in found}) == 1
    assert [process.existing for process in found].count(False) == 1
    assert keepers.read_pid(keepers.folder() / "pids") == found[0].agent_pid


def test_second_run_is_refused_when_the_session_has_ended(keepers: Any) -> None:
    keepers.ending("exit 0")

    with pytest.raises(host.SessionEnded):
        keepers.start("exit 0")


def test_session_is_found_by_its_folder_when_another_worker_looks(keepers: Any) -> None:
    started = keepers.start("exec sleep 60")

    found = host.find(started.dir)

    assert found is not None
    assert (found.keeper_pid, found.agent_pid) == (started.keeper_pid, started.agent_pid)
    assert host.process_start(found.agent_pid) == found.agent_start


@pytest.mark.parametrize("key", ["keeper_start", "boot_id"])
def test_session_is_not_found_when_its_pid_belongs_to_somebody_else(keepers: Any, key: str) -> None:
    process = keepers.start("exec sleep 60")
    card = json.loads((process.dir / "keeper.json").read_text())
    card[key] = 1 if key == "keeper_start" else "another-boot"
    other = keepers.folder("other")
    (other / "keeper.json").write_text(json.dumps(card))

    assert host.find(other) is None
    stranger = host.SessionProcess(other, process.keeper_pid, 1, process.agent_pid, 1, process.boot_id)
    assert not host.stop(stranger, "wrong one")
    assert host.is_alive(process)


def test_zygote_refuses_and_lives_on_when_a_request_is_no_request(keepers: Any) -> None:
    import socket

    path = host.ensure_zygote(keepers.run_dir)
    for data in (
        b"",
        b"no json\n",
        b"[]\n",
        b'{"op":"start","dir":"relative"}\n',
        b'{"op":"halt"}\n',
        b"x" * 5_000_000,
    ):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
            except OSError:  # hung up on us before all was sent
                answer = b'{"ok": false}\n'
            assert json.loads(answer)["ok"] is False

    assert keepers.ending("exit 0").code == 0


def test_socket_is_private_when_the_zygote_listens(keepers: Any) -> None:
    path = host.ensure_zygote(keepers.run_dir)

    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_exit_is_still_recorded_when_the_folder_cannot_grow(keepers: Any) -> None:
    process = keepers.start("exec sleep 60")

    reserved = (process.dir / "exit.json.new").stat()

    assert reserved.st_blocks * 512 >= reserved.st_size >= 1024
    host.stop(process)
    assert host.wait(process, 10)
    ending = host.read_exit(process.dir)
    assert ending is not None
    assert ending.reason is host.ExitReason.STOPPED
