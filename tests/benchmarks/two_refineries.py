"""How often two refineries can be forced onto one rig: `python -m tests.benchmarks.two_refineries [ROUNDS] [--seed N]
[--database sqlite|postgresql|both]` prints JSON, and fails at the first round in which SQL and git disagree.

The rounds are shared among the kinds of remotes: one that takes all, one that refuses custom refs, and one that refuses
atomic pushes; and among the kinds of databases.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

from gastown import config
from gastown.town import schema
from tests.support.databases import PostgresServer
from tests.support.two_refineries import Remote, make_duel


def main() -> None:
    """Play the rounds and say how they went."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    asked = parser.parse_args()
    kinds = ("sqlite", "postgresql") if asked.database == "both" else (asked.database,)
    cases = list(itertools.product(kinds, Remote))
    server = PostgresServer() if "postgresql" in kinds else None
    for place, (kind, remote) in enumerate(cases):
        rounds = asked.rounds // len(cases) + (place < asked.rounds % len(cases))
        with tempfile.TemporaryDirectory(prefix="gt2-", dir="/tmp") as folder:
            root, began = Path(folder), time.monotonic()
            if server is not None and kind == "postgresql":
                url = server.create_database()
            else:
                url = f"sqlite:///{root / 'town.db'}"
                schema.upgrade(url)
            duel = make_duel(root / "here", url, remote, asked.seed * 100 + place)
            duel.rounds(rounds)
            config.use(None)
            took = round(time.monotonic() - began, 1)
            print(json.dumps({"database": kind, "remote": remote, "seconds": took, **duel.counts}), flush=True)


if __name__ == "__main__":
    main()
