"""From the end of a gate's command to its verdict. Pure, and a table: only exit 0 with something tested is a pass.

What could not be run is told apart from what failed, since nobody may be blamed for it. A mistake in this direction
costs a few runs: the queue then asks the same question of the target, which is known to be good (`train.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gastown.refinery.models import Verdict

# What the shell calls itself in its complaints, so that they are not taken for those of a program under test.
SHELL_NAME = "gastown-gate"
TAIL_BYTES = 4096
# What a wait on an external check exits with while there is no answer (EX_TEMPFAIL of sysexits.h).
NOT_YET = 75

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Ended:
    """How a command ended. No exit code means that nobody saw it end, which is no verdict on anything."""

    exit_code: int | None
    output: str
    timed_out: bool = False


@dataclass(frozen=True)
class Ruling:
    """A verdict and the reason, for people."""

    verdict: Verdict
    why: str
    is_silent: bool = False
    """An external check that has not said anything: no other run tells whose doing that is."""


@dataclass(frozen=True)
class _Runner:
    """A test runner's words for "nothing to test", and for having tested something after all."""

    name: str
    zero: re.Pattern[str]
    tested: re.Pattern[str]
    zero_exit: int | None = None  # the exit code that says "no tests" even where another run tested something


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


_NEVER = re.compile(r"(?!)")

RUNNERS: tuple[_Runner, ...] = (
    _Runner(
        "pytest",
        _words(r"\bno tests (?:ran|collected)\b|\bcollected 0 items\b|^=*\s*\d+ deselected in "),
        _words(r"\b[1-9]\d* (?:passed|failed|errors?|xfailed|xpassed|skipped)\b"),
        zero_exit=5,
    ),
    _Runner("unittest", _words(r"^Ran 0 tests? in|^NO TESTS RAN\b"), _words(r"^Ran [1-9]\d* tests? in"), zero_exit=5),
    _Runner(
        "go test",
        _words(r"\[no test files\]|\[no tests to run\]|^testing: warning: no tests to run"),
        _words(r"^(?:ok|FAIL|panic:|---)(?!.*\[no tests to run\])\b"),
    ),
    _Runner(
        "cargo test",
        _words(r"^running 0 tests$|^\s*Starting 0 tests|^error: no tests to run"),
        _words(r"^running [1-9]\d* tests?$|^\s*Starting [1-9]\d* tests?|^error(?:\[|: could not compile)"),
    ),
    _Runner(
        "jest",
        _words(r"^No tests found\b|^Tests:\s+0 total"),
        _words(r"^Tests:\s.*[1-9]\d* total|^Test Suites: [1-9]\d* failed"),
    ),
    _Runner(
        "vitest", _words(r"^\s*No test (?:files?|suite) found\b"), _words(r"^\s*Tests\s+.*[1-9]\d* (?:passed|failed)")
    ),
    _Runner("mocha", _words(r"^\s*0 passing\b"), _words(r"^\s*[1-9]\d* (?:passing|failing)\b")),
    _Runner("node --test", _words(r"^(?:#|ℹ) tests 0$"), _words(r"^(?:#|ℹ) tests [1-9]")),
    _Runner(
        "deno test",
        _words(r"^error: No test modules found|^ok \| 0 passed"),
        _words(r"^(?:ok|FAILED) \| .*[1-9]\d* (?:passed|failed)"),
    ),
    _Runner("ctest", _words(r"^No tests were found"), _words(r"tests passed, \d+ tests failed out of [1-9]")),
    _Runner("bazel test", _words(r"No test targets were found"), _NEVER),
    _Runner(
        "dotnet test",
        _words(r"^No test (?:is available|matches)\b"),
        _words(r"^\s*(?:Passed|Failed)!|Total(?: tests)?:\s+[1-9]"),
    ),
    _Runner("maven", _words(r"\bNo tests to run\.?$|\bTests run: 0,"), _words(r"\bTests run: [1-9]|COMPILATION ERROR")),
    _Runner(
        "gradle",
        _words(r"^> Task :\S*[tT]est NO-SOURCE$"),
        _words(r"^> Task :\S*[tT]est(?: (?:UP-TO-DATE|FROM-CACHE|FAILED))?$"),
    ),
    _Runner(
        "rspec",
        _words(r"^0 examples, 0 failures"),
        _words(r"^[1-9]\d* examples?,|errors? occurred outside of examples"),
    ),
    _Runner("minitest", _words(r"^0 runs, 0 assertions"), _words(r"^[1-9]\d* runs,")),
    _Runner("phpunit", _words(r"^No tests executed!"), _words(r"^(?:OK \([1-9]|Tests: [1-9])")),
    _Runner("TAP", _words(r"^1\.\.0\b|^Result: NOTESTS|^Files=\d+, Tests=0,"), _words(r"^1\.\.[1-9]|Tests=[1-9]")),
    _Runner("mix test", _words(r"^There are no tests to run"), _words(r"^[1-9]\d* tests?,")),
    _Runner("swift test", _words(r"\bExecuted 0 tests\b"), _words(r"\bExecuted [1-9]\d* tests?\b")),
)

# The shell of the gate itself did not find or could not start a command: never a pass, whatever the last one said.
_SHELL = _words(rf"^{SHELL_NAME}: (?:line )?\d+: .*(?:not found|Permission denied|cannot execute|No such file)")

# With an exit code other than 0: words for "could not run" rather than "failed".
CANNOT_RUN: tuple[tuple[re.Pattern[str], str], ...] = (
    (_words(r"No space left on device|Disk quota exceeded|\bENOSPC\b"), "the disk is full"),
    (_words(r"Cannot allocate memory|JavaScript heap out of memory|^MemoryError$"), "there was not enough memory"),
    (
        _words(r"^(?:\S*/)?(?:ba|da|z|k|a)?sh: (?:line )?(?:\d+: )?.*: (?:command )?not found$"),
        "a command was not found",
    ),
    (_words(r"^g?make(?:\[\d+\])?: \*\*\* .*\bError 12[67]$"), "a command of the makefile was not found"),
    (_words(r"^g?make(?:\[\d+\])?: .*: No such file or directory$"), "a command of the makefile was not found"),
    (
        _words(r"^g?make(?:\[\d+\])?: \*\*\* No rule to make target|\*\*\* No targets specified"),
        "make has no such target",
    ),
    (_words(r"^\S*python[\d.]*(?:\.exe)?: No module named \S+$"), "a Python module to be run is not installed"),
    (_words(r"^\S*python[\d.]*: can't open file "), "there is no such script"),
    (_words(r"^(?:\S*/)?(?:ba|da|z|k|a)?sh: (?:\d+: )?(?:cannot|can't) open \S+"), "there is no such script"),
    (_words(r"^npm (?:ERR!|error) Missing script"), "package.json has no such script"),
    (_words(r"^error: no such (?:sub)?command"), "the tool has no such command"),
    (_words(r"^(?:env|xargs|nohup|timeout|/usr/bin/env): .*: No such file or directory$"), "a command was not found"),
)

# What a shell exits with for a command that a signal ended is higher.
_KILLED = 128
# Signals that come from outside the tests. Not 1: 129 is how git says that it was called wrongly.
_STOPPED = {9: "killed (out of memory?)", 15: "terminated from outside", 2: "interrupted from outside"}


def rule(ended: Ended) -> Ruling:
    """Judge one gate.

    A time-out is a failure: a hang is far more often the change's doing than the machine's, and the confirming run
    guards against the rest. A kill by the kernel (out of memory) is not.
    """
    if ended.timed_out:
        return Ruling(Verdict.FAIL, "it did not end in its time")
    if ended.exit_code is None:
        return _broken("nobody saw it end")
    output = _ANSI.sub("", ended.output).replace("\r", "")
    reason = _not_run(ended.exit_code, output)
    if reason is not None:
        return _broken(reason)
    if ended.exit_code == 0:
        return Ruling(Verdict.PASS, "exit 0")
    return Ruling(Verdict.FAIL, f"exit {ended.exit_code}")


def rule_answer(ended: Ended) -> Ruling | None:
    """Judge one question to an external check: None while there is no answer.

    Only 0 and 1 are answers. Whatever else, nobody is blamed: the network, a missing tool, a check that hangs.
    """
    if ended.timed_out or ended.exit_code is None:
        return _silent("the question to the external check did not end in its time")
    if ended.exit_code == NOT_YET:
        return None
    # Whatever the exit code: a script of several commands may go on after one that is missing, and ask nobody.
    reason = _not_run(ended.exit_code, _ANSI.sub("", ended.output).replace("\r", ""))
    if reason is not None:
        return _broken(reason) if 0 <= ended.exit_code < _KILLED else _silent(reason)
    match ended.exit_code:
        case 0:
            return Ruling(Verdict.PASS, "the external check passed (exit 0)")
        case 1:
            return Ruling(Verdict.FAIL, "the external check failed (exit 1)")
        case code:
            return _silent(f"exit {code} is no answer: 0, 1, or {NOT_YET} for not yet")


def no_answer() -> Ruling:
    """The ruling on an external check that said "not yet" until the gate's time was over."""
    return _silent("the external check gave no answer in its time")


def _broken(why: str) -> Ruling:
    return Ruling(Verdict.INFRASTRUCTURE_ERROR, why)


def _silent(why: str) -> Ruling:
    return Ruling(Verdict.INFRASTRUCTURE_ERROR, why, is_silent=True)


def _not_run(code: int, output: str) -> str | None:
    if code in (126, 127):
        return "the command was not found" if code == 127 else "the command cannot be executed"
    signal = -code if code < 0 else code - 128
    if signal in _STOPPED and (code < 0 or code > 128):
        return f"it was {_STOPPED[signal]}"
    shell = _SHELL.search(output)
    if shell is not None:
        return f"the shell could not start a command: {shell.group(0).partition(': ')[2][:200]}"
    nothing = _nothing_tested(code, output)
    if nothing is not None:
        return nothing
    if code != 0:
        return next((why for words, why in CANNOT_RUN if words.search(output)), None)
    return None


def _nothing_tested(code: int, output: str) -> str | None:
    for runner in RUNNERS:
        if runner.zero.search(output) is None:
            continue
        if runner.tested.search(output) is None or (runner.zero_exit is not None and code == runner.zero_exit):
            return f"{runner.name} found no test to run"
    return None


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of a run from those of its gates: the first that is no pass, else pass; without gates none."""
    if not verdicts:
        return Verdict.NOT_CONFIGURED
    return next((verdict for verdict in verdicts if verdict is not Verdict.PASS), Verdict.PASS)


def clean(output: str) -> str:
    """Output as people may see it: without colours and control characters."""
    return _CONTROL.sub("", _ANSI.sub("", output).replace("\r\n", "\n").replace("\r", "\n"))


def tail(output: str) -> str:
    """The end of the output for people and agents: 4 kB at most, without colours and control characters."""
    return clean(output).encode("utf-8", "replace")[-TAIL_BYTES:].decode("utf-8", "ignore").strip()
