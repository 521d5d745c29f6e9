"""The gate of the demo's first rig, for a repository of any kind; run in its tree as `gate.py BASE FOLDER`.

It passes a tree when every tracked file can be read, no file that differs from commit BASE holds conflict marks, the
Python files compile (all that differ from BASE, and the others up to a limit: files that were broken at BASE already
are nobody's fault), and the unit tests in FOLDER pass. A FOLDER without a test does not pass. Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
import warnings
from pathlib import Path

# Of the Python files that nobody changed: enough to notice a tree that is not what it should be, in half a second.
MOST_UNCHANGED_BYTES = 1_000_000
LARGEST_TEXT_BYTES = 5_000_000
GIT_TIMEOUT_S = 60
NO_TESTS = 5
SUBMODULE = "160000 "
MARKS = (b"<<<<<<< ", b">>>>>>> ")


def main(base: str, folder: str) -> int:
    """Check the tree in the working folder; 0 when it may land."""
    entries = git("ls-files", "-z", "--stage")
    tracked = [entry.partition("\t")[2] for entry in entries if not entry.startswith(SUBMODULE)]
    changed = set(git("diff", "--name-only", "-z", "--no-renames", base, "--")) & set(tracked)
    if not tracked:
        return complain(["the tree is empty: nothing to check"])
    faults = [fault for path in tracked for fault in look(Path(path), is_changed=path in changed)]
    compiled = compile_all(tracked, changed, faults)
    sys.stdout.write(f"looked at {len(tracked)} files ({len(changed)} changed), compiled {compiled}\n")
    if faults:
        return complain(faults)
    return run_tests(Path(folder)) if Path(folder).is_dir() else 0


def look(path: Path, *, is_changed: bool) -> list[str]:
    """What is wrong with a file of any kind."""
    if path.is_symlink():
        return []
    if not path.is_file():
        return [f"{path}: is tracked and not there"]
    if not is_changed or path.stat().st_size > LARGEST_TEXT_BYTES:
        return []
    if any(line.startswith(MARKS) for line in path.read_bytes().splitlines()):
        return [f"{path}: holds the marks of a conflict"]
    return []


def compile_all(tracked: list[str], changed: set[str], faults: list[str]) -> int:
    """Compile what must compile; return how many files that were."""
    compiled, left = 0, MOST_UNCHANGED_BYTES
    for name in sorted(tracked, key=lambda name: name not in changed):
        path = Path(name)
        if path.suffix != ".py" or path.is_symlink() or not path.is_file():
            continue
        source = path.read_bytes()
        if name not in changed:
            left -= len(source)
            if left < 0:
                break
        fault = fault_of(source, name)
        compiled += 1
        if fault and name in changed:
            faults.append(fault)
        elif fault:
            sys.stdout.write(f"as it was before: {fault}\n")
    return compiled


def fault_of(source: bytes, name: str) -> str:
    """Why a Python file does not compile; empty when it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return f"{name}: does not compile: {error}"
    return ""


def run_tests(folder: Path) -> int:
    """Run the unit tests in the folder."""
    suite = unittest.TestLoader().discover(str(folder.resolve()))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    if not result.testsRun:
        sys.stdout.write("NO TESTS RAN\n")
        return NO_TESTS
    return 0 if result.wasSuccessful() else 1


def git(*words: str) -> list[str]:
    """The NUL-separated answer of a git command in the working folder."""
    done = subprocess.run(["git", *words], stdout=subprocess.PIPE, timeout=GIT_TIMEOUT_S, check=True)
    return [os.fsdecode(part) for part in done.stdout.split(b"\0") if part]


def complain(faults: list[str]) -> int:
    """Say what is wrong."""
    sys.stdout.write("\n".join(faults) + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
