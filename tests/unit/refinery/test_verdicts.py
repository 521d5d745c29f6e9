"""What the end of a gate's command means. The outputs are those of the real programs."""

import pytest

from gastown.refinery.models import Verdict
from gastown.refinery.verdicts import Ended, overall, rule, rule_answer, tail

PASS, FAIL, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.INFRASTRUCTURE_ERROR

NOTHING_TESTED = [
    ("pytest, nothing found", 5, "\nno tests ran in 0.00s\n"),
    ("pytest -v", 5, "collected 0 items\n\n============ no tests ran in 0.01s ============\n"),
    ("pytest, wrong path", 4, "ERROR: file or directory not found: tests\n\nno tests ran in 0.00s\n"),
    ("pytest, all deselected", 5, "collected 3 items / 3 deselected\n\n======= 3 deselected in 0.01s =======\n"),
    ("pytest, masked exit", 0, "collected 0 items\n\nno tests ran in 0.01s\n"),
    ("pytest, coloured", 5, "\x1b[33mno tests ran\x1b[0m\x1b[33m in 0.00s\x1b[0m\n"),
    ("pytest twice, second empty", 5, "3 passed in 0.1s\n\nno tests ran in 0.00s\n"),
    ("unittest before 3.12", 0, "\n-----\nRan 0 tests in 0.000s\n\nOK\n"),
    ("unittest from 3.12", 5, "\n-----\nRan 0 tests in 0.000s\n\nNO TESTS RAN\n"),
    ("go, no test files", 0, "?   \tx\t[no test files]\n?   \ty\t[no test files]\n"),
    ("go, no test matches", 0, "?   \tx\t[no test files]\nok  \tx/t\t0.002s [no tests to run]\n"),
    ("cargo", 0, "running 0 tests\n\ntest result: ok. 0 passed; 0 failed\n\n   Doc-tests c\n\nrunning 0 tests\n"),
    ("jest", 1, "No tests found, exiting with code 1\nRun with `--passWithNoTests` to exit with code 0\n"),
    ("jest --passWithNoTests", 0, "No tests found, exiting with code 0\n"),
    ("vitest", 1, "\nNo test files found, exiting with code 1\n"),
    ("mocha", 0, "\n\n  0 passing (2ms)\n\n"),
    ("node --test", 0, "TAP version 13\n1..0\n# tests 0\n# pass 0\n"),
    ("ctest", 0, "Test project /x\nNo tests were found!!!\n"),
    ("deno", 1, "error: No test modules found\n"),
    ("maven", 0, "[INFO] No tests to run.\n[INFO] BUILD SUCCESS\n"),
    ("gradle", 0, "> Task :compileTestJava NO-SOURCE\n> Task :test NO-SOURCE\n\nBUILD SUCCESSFUL in 1s\n"),
    ("rspec", 0, "No examples found.\n\nFinished in 0.0003 seconds\n0 examples, 0 failures\n"),
    ("phpunit", 0, "PHPUnit 10.5\n\nNo tests executed!\n"),
    ("prove", 0, "Files=1, Tests=0,  0 wallclock secs\nResult: NOTESTS\n"),
    ("mix", 0, "There are no tests to run\n"),
    ("swift", 0, "Executed 0 tests, with 0 failures (0 unexpected)\n"),
    ("dotnet", 0, "No test is available in /x/y.dll.\n"),
]

CANNOT_RUN = [
    ("dash", 127, "gastown-gate: 1: nosuch: not found\n"),
    ("dash, and goes on", 0, "gastown-gate: 1: nosuch: not found\ndone\n"),
    ("bash, and goes on", 0, "gastown-gate: line 1: nosuch: command not found\ndone\n"),
    ("not executable", 126, "gastown-gate: 1: ./x: Permission denied\n"),
    ("make, command missing", 2, "make: nosuch: No such file or directory\nmake: *** [Makefile:2: test] Error 127\n"),
    ("make, no such target", 2, "make: *** No rule to make target 'nope'.  Stop.\n"),
    ("python -m of what is not there", 1, "/usr/bin/python3: No module named pytest\n"),
    ("python, no such script", 2, "python3: can't open file '/x/nofile.py': [Errno 2] No such file or directory\n"),
    ("sh, no such script", 2, "sh: 0: cannot open nofile.sh: No such file\n"),
    ("npm, no such script", 1, 'npm error Missing script: "test"\n'),
    ("npm, tool missing", 1, "> x@1.0.0 test\n> jest\n\nsh: 1: jest: not found\n"),
    ("cargo, no such tool", 101, "error: no such command: `nextest`\n"),
    ("disk full", 1, "OSError: [Errno 28] No space left on device\n"),
    ("killed by the kernel", 137, "Killed\n"),
    ("process killed", -9, ""),
    ("stopped by somebody", 143, "Terminated\n"),
]

PASSES = [
    ("says nothing", 0, ""),
    ("pytest", 0, "....\n4 passed in 0.02s\n"),
    ("pytest, all skipped", 0, "sss\n3 skipped in 0.02s\n"),
    ("pytest, some deselected", 0, "1 passed, 5 deselected in 0.02s\n"),
    ("go, some packages without tests", 0, "?   \tx\t[no test files]\nok  \tx/t\t0.009s\n"),
    ("cargo, no doc-tests", 0, "running 3 tests\n...\n\n   Doc-tests c\n\nrunning 0 tests\n"),
    ("gradle, one project without", 0, "> Task :a:test NO-SOURCE\n> Task :b:test\n\nBUILD SUCCESSFUL\n"),
    ("mocha", 0, "  3 passing (2ms)\n"),
    ("maven, one module without", 0, "[INFO] No tests to run.\n[INFO] Tests run: 4, Failures: 0\n"),
    ("a program under test complains", 0, "sh: 1: jest: not found\n4 passed in 0.02s\n"),
]

FAILS = [
    ("plain", 1, ""),
    ("pytest", 1, "1 failed, 3 passed in 0.02s\n"),
    ("pytest, import error", 2, "collected 0 items / 1 error\n\n=== 1 error in 0.05s ===\n"),
    ("go, does not build", 1, "?   \tx\t[no test files]\nFAIL\tx/t [build failed]\nFAIL\n"),
    ("go, a test fails", 1, "--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tx/t\t0.002s\n"),
    ("cargo, does not build", 101, "error[E0425]: cannot find value\nerror: could not compile `c`\n"),
    ("mocha", 2, "  0 passing (2ms)\n  3 failing\n"),
    ("rspec, load error", 1, "0 examples, 0 failures, 1 error occurred outside of examples\n"),
    ("crash of the program", 139, "Segmentation fault\n"),
    ("abort of the program", -6, ""),
    ("git was called wrongly", 129, "usage: git diff\n"),
]


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        *(pytest.param(code, output, INFRA, id=name) for name, code, output in NOTHING_TESTED),
        *(pytest.param(code, output, INFRA, id=name) for name, code, output in CANNOT_RUN),
        *(pytest.param(code, output, PASS, id=f"pass: {name}") for name, code, output in PASSES),
        *(pytest.param(code, output, FAIL, id=f"fail: {name}") for name, code, output in FAILS),
    ],
)
def test_verdict_follows_when_a_command_ended(code: int, output: str, verdict: Verdict) -> None:
    assert rule(Ended(code, output)).verdict is verdict, rule(Ended(code, output)).why


def test_no_verdict_is_given_when_nobody_saw_the_end() -> None:
    assert rule(Ended(None, "4 passed in 0.02s")).verdict is INFRA


def test_hang_counts_as_failure_when_the_time_is_over() -> None:
    assert rule(Ended(None, "no tests ran", timed_out=True)).verdict is FAIL


def test_tail_is_short_and_harmless_when_output_holds_control_characters() -> None:
    shown = tail("x" * 9000 + "\x1b[31mred\x1b[0m \x07\x00bell\r\nlast \u202egnp.exe\n")
    assert shown.endswith("red bell\nlast gnp.exe")
    assert len(shown.encode()) <= 4096
    assert not any(ord(letter) < 32 and letter != "\n" for letter in shown)


def test_tail_is_text_when_it_is_cut_inside_a_letter() -> None:
    assert set(tail("ä" * 5000 + "b")) <= {"ä", "b"}


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [([], Verdict.NOT_CONFIGURED), ([PASS, PASS], PASS), ([PASS, FAIL], FAIL), ([INFRA], INFRA)],
)
def test_run_has_the_first_verdict_that_is_no_pass(verdicts: list[Verdict], whole: Verdict) -> None:
    assert overall(verdicts) is whole


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (0, "", PASS),
        (1, "the build is red\n", FAIL),
        (0, "gastown-gate: 1: gh: not found\n", INFRA),
        (0, "\x1b[1mgastown-gate: 1: gh: not found\x1b[0m\n", INFRA),
        (1, "gastown-gate: 2: gh: not found\n", INFRA),
        (2, "could not resolve host\n", INFRA),
        (127, "gastown-gate: 1: gh: not found\n", INFRA),
        (-9, "", INFRA),
        (None, "", INFRA),
    ],
)
def test_only_0_and_1_are_answers_of_an_external_check(code: int | None, output: str, verdict: Verdict) -> None:
    ruling = rule_answer(Ended(code, output))
    assert ruling is not None
    assert ruling.verdict is verdict


@pytest.mark.parametrize(
    ("code", "output", "is_silent"),
    [
        (6, "could not resolve host\n", True),
        (-9, "", True),
        (137, "Killed\n", True),
        (None, "", True),
        (127, "gastown-gate: 1: gh: not found\n", False),
        (0, "gastown-gate: 1: gh: not found\n", False),
        (1, "the build is red\n", False),
    ],
)
def test_an_external_check_is_silent_unless_it_answers_or_cannot_even_ask(
    code: int | None, output: str, is_silent: bool
) -> None:
    ruling = rule_answer(Ended(code, output))
    assert ruling is not None
    assert ruling.is_silent is is_silent


def test_external_check_is_asked_again_when_it_says_not_yet() -> None:
    assert rule_answer(Ended(75, "pending\n")) is None
