"""Who is dead, as far as this host can tell."""

import os
import subprocess
import sys

import pytest

from gastown.sessions import is_dead_here, make_holder


def test_a_running_process_is_alive() -> None:
    assert not is_dead_here(make_holder("here", os.getpid()), "here")


def test_an_ended_process_is_dead_also_when_its_pid_is_used_again() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    holder = make_holder("here", child.pid)
    assert not is_dead_here(holder, "here")
    child.communicate()
    assert is_dead_here(holder, "here")
    _, pid, start, boot = make_holder("here", os.getpid()).split(":")
    assert is_dead_here(f"here:{pid}:{int(start) - 1}:{boot}", "here")


def test_a_holder_of_an_earlier_boot_is_dead() -> None:
    _, pid, start, _ = make_holder("here", os.getpid()).split(":")
    assert is_dead_here(f"here:{pid}:{start}:otherboo", "here")


@pytest.mark.parametrize("holder", ["far:1:1:x", "nonsense", "here:x:y:z", ""])
def test_nothing_is_said_of_other_hosts_and_of_nonsense(holder: str) -> None:
    if not holder.startswith("here"):
        assert not is_dead_here(holder, "here")
