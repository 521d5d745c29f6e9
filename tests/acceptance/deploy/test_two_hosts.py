"""Two hosts that reach the same PostgreSQL, Redis and remote, and not each other, share the work of one rig."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from gastown.beads import Bead
from gastown.db import unit_of_work as work
from gastown.db.engine import dispose
from gastown.town import note_worker
from tests.support import networks, scratch
from tests.support.databases import PostgresServer
from tests.support.networks import GIT_PORT, POSTGRES_PORT, REDIS_PORT, SERVICES, Networks
from tests.support.towns import Town, make_town, wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.netns, pytest.mark.timeout(300)]

BEADS = 6
AGENT = 'sleep 2; echo "$GT_BEAD" > "$GT_BEAD.txt"; git add .; git commit -qm "Work on $GT_BEAD"; gt done'


def git(folder: Path, *words: str) -> str:
    settings = ("-c", "user.name=tester", "-c", "user.email=tester@localhost", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *settings, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=30
    ).stdout


@pytest.fixture
def repositories() -> Iterator[Path]:
    """A folder with the bare repository that all hosts push to."""
    with tempfile.TemporaryDirectory(prefix="gt-git-", dir=scratch.root()) as name:
        folder = Path(name)
        git(folder, "init", "-q", "seed")
        (folder / "seed" / "README.md").write_text("# Seed\n")
        git(folder / "seed", "add", ".")
        git(folder / "seed", "commit", "-qm", "Begin")
        git(folder, "clone", "-q", "--bare", "seed", "app.git")
        yield folder


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database, as it is reached outside of the networks."""
    url = postgres_server.create_database(empty=True)
    yield url
    dispose()
    postgres_server.drop_database(url)


@pytest.fixture
def hosts(postgres_server: PostgresServer, database: str, redis_url: str, repositories: Path) -> Iterator[list[Town]]:
    """Two hosts of one town: the first one founds it, the second one joins."""
    reason = networks.why_not()
    if reason:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    name = database.partition("@/")[2].partition("?")[0]
    made: list[Town] = []
    net = Networks()
    try:
        enter = [net.add_host(), net.add_host()]
        socket = postgres_server.folder / ".s.PGSQL.5432"
        net.serve(socket, Path(redis_url.removeprefix("unix://")), repositories)
        where = ("--database", f"postgresql://gastown@{SERVICES}:{POSTGRES_PORT}/{name}")
        where = (*where, "--redis", f"redis://{SERVICES}:{REDIS_PORT}/1", "--slots", "2")
        for host, through in zip(("alpha", "beta"), enter, strict=True):
            made.append(make_town("--host", host, *where, through=through))
        yield made
    finally:
        for town in made:
            town.close()
        net.close()


def test_two_hosts_share_the_work_of_a_rig(hosts: list[Town], repositories: Path, database: str) -> None:
    alpha, beta = hosts
    alpha.gt("up")
    beta.gt("up", "--only", "sessions,gates")
    assert {(row["host"], row["role"]) for row in alpha.gt_json("status")["workers"] if row["present"]} == {
        *(("alpha", role) for role in ("sessions", "refinery", "gates", "town")),
        *(("beta", role) for role in ("sessions", "gates")),
    }
    alpha.gt("config", "set", "agents.shell.shell", AGENT)
    alpha.gt(
        *("rig", "add", "app", f"git://{SERVICES}:{GIT_PORT}/app.git", "--gate", "test=test -e README.md"),
        *("--agent", "shell"),
    )
    beads = [str(alpha.bd_json("create", f"Bead {number}", "--rig", "app")["id"]) for number in range(BEADS)]

    beta.gt("sling", *beads, "app")  # from either host

    def all_settled() -> bool:
        # Asked of the database itself: a command enters a network, and costs as much as the work that it waits for.
        with work.reading(database) as session:
            return set(session.exec(select(Bead.status)).all()) <= {"closed", "escalated"}

    wait_until(all_settled, "every bead is settled", within_s=150, pause_s=0.5)
    form = "--format=%(trailers:key=Bead,valueonly)"
    landed = git(repositories / "app.git", "log", "--first-parent", form, "main").split()
    files = git(repositories / "app.git", "ls-tree", "--name-only", "main").split()
    assert {f"{bead}.txt" for bead in beads} <= set(files)
    assert sorted(landed) == sorted(beads)
    attempts = [row for bead in beads for row in _attempts(alpha, bead)]
    assert {host for host, _, _ in attempts} == {"alpha", "beta"}
    assert len(attempts) == BEADS, attempts

    assert beta.gt_json("down")["stopped"]
    assert {row["host"] for row in alpha.gt_json("status")["workers"]} == {"alpha"}


def _attempts(town: Town, bead: str) -> list[tuple[str | None, str, str]]:
    story = town.gt_json("log", bead)
    return [(row["host"], row["state"], row["outcome"]) for row in story["attempts"]]


def test_a_host_is_refused_that_does_not_name_the_towns_redis(hosts: list[Town]) -> None:
    alpha = hosts[0]
    database = alpha.settings.database_url

    said = alpha.gt("install", str(alpha.home / "third"), "--database", database, status=2)

    assert "--redis" in said
    assert not (alpha.home / "third").exists()


def test_a_host_is_refused_under_the_name_of_another_machine(hosts: list[Town], database: str) -> None:
    """The other machine's worker is a row, since both hosts of this test share one boot of one kernel."""
    alpha, beta = hosts
    with work.unit_of_work(database) as session:
        note_worker(session, alpha.settings, "alpha:7:8:another-boot", role="sessions", queues=["host.alpha"])

    said = alpha.gt("up", "--only", "beat", status=5)

    assert "host name alpha" in said
    beta.gt("up", "--only", "beat")
