"""Running a rig's set-up command and gates in a slot that holds the tree: each to its result, never to an exception
about what the command did.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gastown import clock, logs
from gastown.refinery import command
from gastown.refinery.command import LOOK_S, Limits, Shell, Stopped
from gastown.refinery.models import Verdict
from gastown.refinery.verdicts import Ended, Ruling, no_answer, rule, rule_answer, tail
from gastown.rigs import Gate

log = logs.get(__name__)

SETUP = "setup"
"""How the set-up command is called among the gates of a run's results."""
Result = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where gates run, and what is the same for all of them."""

    shell: Shell
    told: Mapping[str, str]
    """Variables that say what is tested."""
    timeout_s: float
    """Of a gate that says none of its own."""
    log_of: Callable[[str], Path]
    given_up: Callable[[], bool]


def run_all(bench: Bench, setup_command: str, gates: Sequence[Gate]) -> list[Result]:
    """The results of the gates up to the first that did not pass; of the set-up command only where it did not end well.

    Raises `Stopped` as soon as `given_up()` says so.
    """
    if setup_command:
        # What a gate is given to reach, say, a package registry is needed when it is set up.
        named = sorted({name for gate in gates for name in gate.environment})
        setting_up = replace(bench, shell=replace(bench.shell, allowed=named))
        setup = _run(setting_up, SETUP, setup_command, Limits(bench.timeout_s), _rule_setup)
        if setup["verdict"] != Verdict.PASS:
            return [setup]
    results: list[Result] = []
    for gate in gates:
        results.append(run_gate(bench, gate))
        if results[-1]["verdict"] != Verdict.PASS:
            break
    return results


def advise(bench: Bench, gates: Sequence[Gate]) -> list[Result]:
    """The results of advisory gates: each of them runs, whatever the others came to."""
    return [{**run_gate(bench, gate), "is_advisory": True} for gate in gates]


def run_gate(bench: Bench, gate: Gate) -> Result:
    """Run one gate, or ask its external check until that has an answer."""
    limits = Limits(gate.timeout_s or bench.timeout_s, gate.memory_mb)
    allowed = replace(bench, shell=replace(bench.shell, allowed=tuple(gate.environment)))
    if gate.poll_s is None:
        return _run(allowed, gate.name, gate.command, limits, rule)
    return _wait(allowed, gate, limits)


def _run(bench: Bench, name: str, text: str, limits: Limits, judge: Callable[[Ended], Ruling]) -> Result:
    began = clock.monotonic()
    path = bench.log_of(name)
    ended = command.run(_shell(bench), text, log=path, limits=limits, given_up=bench.given_up)
    return _said(name, judge(ended), ended, clock.monotonic() - began, path)


def _wait(bench: Bench, gate: Gate, limits: Limits) -> Result:
    """Ask every `poll_s` seconds; each question may take what is left of the gate's time."""
    began = clock.monotonic()
    path = bench.log_of(gate.name)
    ruling, more = None, False
    while ruling is None:
        left = replace(limits, timeout_s=max(1.0, began + limits.timeout_s - clock.monotonic()))
        ended = command.run(_shell(bench), gate.command, log=path, limits=left, given_up=bench.given_up, more=more)
        ruling, more = rule_answer(ended), True
        if ruling is None and not _pause(gate.poll_s or 1, began + limits.timeout_s, bench.given_up):
            ruling = no_answer()
    return _said(gate.name, ruling, ended, clock.monotonic() - began, path)


def _pause(seconds: float, deadline: float, given_up: Callable[[], bool]) -> bool:
    """Wait before the next question; False where there is no time left for one."""
    until = clock.monotonic() + seconds
    if until >= deadline:
        return False
    while (left := until - clock.monotonic()) > 0:
        if given_up():
            raise Stopped
        time.sleep(min(left, LOOK_S))
    return True


def _shell(bench: Bench) -> Shell:
    return replace(bench.shell, told=bench.told)


def _rule_setup(ended: Ended) -> Ruling:
    """Setting up tests nothing, so that its words are not looked at: exit 0 or not."""
    if ended.exit_code == 0 and not ended.timed_out:
        return Ruling(Verdict.PASS, "exit 0")
    why = "did not end in its time" if ended.timed_out else f"ended with {ended.exit_code}"
    return Ruling(Verdict.INFRASTRUCTURE_ERROR, f"the set-up command {why}")


def _said(name: str, ruling: Ruling, ended: Ended, seconds: float, path: Path) -> Result:
    log.info("%s: %s (%s)", name, ruling.verdict, ruling.why)
    return result(name, ruling, ended, seconds, str(path))


def result(gate: str, ruling: Ruling, ended: Ended | None, seconds: float, path: str) -> Result:
    """What is kept of one gate's run."""
    return {
        "gate": gate,
        "verdict": ruling.verdict.value,
        "why": ruling.why,
        "exit_code": ended.exit_code if ended else None,
        "seconds": round(seconds, 3),
        "tail": tail(ended.output) if ended else "",
        "log": path,
        **({"is_silent": True} if ruling.is_silent else {}),
    }
