"""The merges of a real repository's past, made again: `python -m tests.benchmarks.replay REPOSITORY [--tip NAME]
[--merges N] [--seed S]` prints JSON.

Each second parent of the first-parent line is put on the first by the refinery's code, without a work tree, and merged
by git in one; `differing` is to be empty. Nothing is written to the repository: its objects are borrowed. Without
REPOSITORY (or the variable REPLAY_REPOSITORY) a past is made up from the seed.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.pasts import Merge, first_parent_merges, make_past
from tests.support.replay import WorkTree, replay_as_it_stood, replay_in_trains


def borrow(source: Path, folder: Path, tip: str, limit: int) -> list[Merge]:
    """A bare repository with the objects of another, and the merges of that one's past."""
    where = subprocess.run(
        ["git", "rev-parse", "--path-format=absolute", "--git-common-dir", f"{tip}^{{commit}}"],
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    common, oid = where.stdout.split("\n")[:2]
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    (folder / "objects/info/alternates").write_text(f"{common}/objects\n")
    return first_parent_merges(folder, oid, limit=limit)


def main() -> None:
    """Replay it, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("repository", nargs="?", default=os.environ.get("REPLAY_REPOSITORY"))
    parser.add_argument("--tip", default="HEAD")
    parser.add_argument("--merges", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        land = Path(folder, "land.git")
        if asked.repository:
            merges = borrow(Path(asked.repository), land, asked.tip, asked.merges)
        else:
            merges = make_past(land, merges=asked.merges, seed=asked.seed)
        tree = WorkTree(Path(folder, "tree"), land)
        told = {}
        for name, replay in (
            ("as_it_stood", lambda: replay_as_it_stood(land, tree, merges)),
            ("in_trains", lambda: replay_in_trains(land, tree, merges, riders=8)),
        ):
            began = time.monotonic()
            account = replay() if merges else None
            if account is not None:
                told[name] = {
                    "landed": account.landed,
                    "conflicts": account.conflicts,
                    "kinds": dict(account.kinds),
                    "differing": account.differing,
                    "seconds": round(time.monotonic() - began, 1),
                }
        print(json.dumps({"merges": len(merges), **told}))


if __name__ == "__main__":
    main()
