"""What a candidate costs: `python -m tests.benchmarks.candidates [--files N] [--riders N] [--rounds N]` prints JSON.

A train of riders, each with one changed file, is put on a target of many files by the refinery's own code: `put_on_ms`
is the merge and the commit alone, `brought_ms` with the fetch of the heads from `work.git`, for each rider. The bar is
12 ms a request on 20,000 files. `processes` counts the git commands that a whole train started.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from gastown import git
from gastown.git import layout
from gastown.refinery.candidate import Repository, ground, put_on
from gastown.refinery.lifecycle import Candidate
from tests.support.pasts import TEXT, Files, Past, write
from tests.support.replay import WHEN, change


def make(folder: Path, files: int, riders: int) -> tuple[str, list[str]]:
    """A bare repository with a target and the branches that start there; returns their commits."""
    past = Past()
    tree: Files = {b"d%d/e%d/f%d" % (n % 40, n % 400, n): (TEXT, b"file %d\n" % n) for n in range(files)}
    tree[b".gitattributes"] = (TEXT, b"CHANGES merge=union\n")
    target = past.commit(tree)
    heads = []
    for rider in range(riders):
        place = rider * (files // riders)
        name = b"d%d/e%d/f%d" % (place % 40, place % 400, place)
        heads.append(past.commit({**tree, name: (TEXT, b"changed %d\n" % rider)}, target))
    oids = write(folder, past)
    subprocess.run(["git", "repack", "-adq"], cwd=folder, check=True)
    return oids[target.mark], [oids[head.mark] for head in heads]


def board(repository: Repository, target: str, heads: list[str]) -> tuple[float, float]:
    """Bring the heads and build their candidates; the milliseconds for each rider, with the bringing and without."""
    changes = [change(number, head) for number, head in enumerate(heads, 1)]
    began = time.perf_counter()
    repository.bring_all(each.head for each in changes)
    brought = time.perf_counter()
    below = ground(repository, target, WHEN)
    with repository.workbench() as merger:
        for each in changes:
            repository.bring(each.head.head_oid, each.head.branch)
            made = put_on(merger, below, each.head, WHEN)
            assert isinstance(made, Candidate), made
            below = made
    ended = time.perf_counter()
    return 1000 * (ended - began) / len(heads), 1000 * (ended - brought) / len(heads)


def count_processes(folder: Path, board_once: object) -> int:
    """How many git commands a call starts."""
    shim = folder / "bin"
    shim.mkdir()
    real, log = shutil.which("git"), folder / "started"
    (shim / "git").write_text(f'#!/bin/sh\necho x >> {log}\nexec {real} "$@"\n')
    (shim / "git").chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{shim}:{path}"
    try:
        assert callable(board_once)
        board_once()
    finally:
        os.environ["PATH"] = path
    return len(log.read_text().splitlines())


def main() -> None:
    """Build the repository, then trains of it, each time with heads that are new to `land.git`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--riders", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        work = folder / "work.git"
        target, heads = make(work, asked.files, asked.riders)
        layout.make_view(work)
        took = []
        for number in range(asked.rounds + 1):
            land = folder / f"land{number}.git"
            subprocess.run(["git", "init", "--quiet", "--bare", str(land)], check=True)
            subprocess.run(["git", "fetch", "--quiet", str(work), f"{target}:refs/heads/main"], cwd=land, check=True)
            repository = Repository(land, work, "", "main")
            if number < asked.rounds:
                took.append(board(repository, target, heads))
            else:
                started = count_processes(folder, lambda: board(repository, target, heads))  # noqa: B023
        whole, alone = zip(*took, strict=True)
        print(
            json.dumps(
                {
                    "files": asked.files,
                    "riders": asked.riders,
                    "git": ".".join(map(str, git.version())),
                    "put_on_ms": round(statistics.median(alone), 2),
                    "put_on_ms_worst": round(max(alone), 2),
                    "brought_ms": round(statistics.median(whole), 2),
                    "processes": started,
                }
            )
        )


if __name__ == "__main__":
    main()
