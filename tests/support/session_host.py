"""One host of a town with one rig, whose workers supervise sessions. Real keepers, git and SQL; no Celery."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import select

from gastown import assignments, beads, config, policy, rigs, sessions
from gastown.agents import Polecat
from gastown.assignments import Assignment, HeldLease, Reason, Sign
from gastown.beads import NewBead
from gastown.db import database_time
from gastown.db.unit_of_work import transact, unit_of_work
from gastown.runtimes import host
from gastown.sessions import LeaseBook, Office
from tests.support import scratch
from tests.support.refinery_town import RIG, make_town


@dataclass
class Watch:
    """A worker's thread with one session."""

    thread: threading.Thread
    results: list[str]

    def result(self, within_s: float = 40) -> str:
        """What became of the session, once the worker is through with it."""
        self.thread.join(within_s)
        assert not self.thread.is_alive(), "the worker is not through with the session"
        return self.results[0]


@dataclass
class Host:
    """A host of a town with one rig, and the workers that it has had."""

    settings: config.Settings
    offices: list[Office]
    watches: list[Watch] = field(default_factory=list)

    def worker(self) -> Office:
        """One more worker process, as far as supervising goes."""
        holder = f"here:{os.getpid()}:{len(self.offices)}:boot"

        def renew(leases: Mapping[int, int], signs: Mapping[int, Sign]) -> list[HeldLease]:
            return transact(
                lambda session: assignments.heartbeat(session, leases, holder=holder, ttl_s=60, signs=signs)
            )

        office = Office(
            settings=self.settings,
            holder=holder,
            transact=transact,
            keeper_socket=host.ensure_zygote(config.make_run_dir(self.settings.town)),
            book=LeaseBook(renew, heartbeat_s=3600, grace_s=600),
            answer=lambda _number, _request: sessions.Answer("", "", 0),
        )
        self.offices.append(office)
        return office

    def sling(self, shell: str) -> tuple[str, int]:
        """A bead whose agent runs `shell`: its id and its attempt."""
        with unit_of_work() as session:
            policy.set_preset(session, "command", {"shell": shell}, actor="me")
            policy.set_value(session, "session.nudges", "0", actor="me")
            policy.set_value(session, "disk.floor_mb", "0", actor="me")
            bead = beads.create(session, NewBead("Do it", prefix=RIG), actor="me")
            new = assignments.NewAttempt(bead.id, RIG, "command", Reason.SLING)
            row = assignments.open_attempt(session, new, actor="me", ready=True)
            return bead.id, row.id or 0

    def watch(self, office: Office, number: int) -> Watch:
        """Have a worker supervise an attempt, aside."""
        results: list[str] = []
        thread = threading.Thread(target=lambda: results.append(sessions.supervise(office, number)), daemon=True)
        thread.start()
        self.watches.append(Watch(thread, results))
        return self.watches[-1]

    def leave(self, office: Office) -> None:
        """Have a worker stop; its sessions go on."""
        office.stopping.set()
        office.book.stir_all()

    def worktree(self) -> Path:
        """Where the one polecat works."""
        return rigs.polecats_dir(self.settings.town, RIG) / self.polecat().worktree

    def at_remote(self, branch: str, name: str) -> str | None:
        """What a file holds on a branch of the remote; None when there is none."""
        words = ["git", "show", f"refs/heads/{branch}:{name}"]
        done = subprocess.run(words, cwd=self.remote, capture_output=True, text=True, timeout=20, check=False)
        return done.stdout if done.returncode == 0 else None

    @property
    def remote(self) -> Path:
        return self.settings.town.parent / "remote.git"

    def row(self, number: int) -> Assignment:
        with unit_of_work() as session:
            return assignments.get(session, number)

    def last(self, bead_id: str) -> Assignment:
        with unit_of_work() as session:
            return assignments.history(session, bead_id)[-1]

    def polecat(self) -> Polecat:
        with unit_of_work() as session:
            return session.exec(select(Polecat)).one()

    def expire(self) -> None:
        with unit_of_work() as session:
            session.execute(update(Assignment).values(expires_at=database_time(session) - timedelta(seconds=1)))

    def process(self, number: int) -> host.SessionProcess | None:
        folder = sessions.latest_run_dir(self.settings, number)
        return host.find(folder) if folder is not None else None


@pytest.fixture
def here(database_url: str) -> Iterator[Host]:
    """Short, since it holds sockets."""
    root = scratch.make("gtf-")
    made = make_town(root / "t", database_url)
    config.use(made.settings)
    found = Host(made.settings, [])
    yield found
    for office in found.offices:
        found.leave(office)
    for watch in found.watches:
        watch.thread.join(20)  # a thread that goes on would use the next test's database
    host.end_zygote(config.run_dir(made.settings.town))
    for folder in made.settings.town.glob("sessions/*/run-*"):
        process = host.find(folder)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.keeper_pid, signal.SIGKILL)
            host.wait(process, 5)
    config.use(None)
    shutil.rmtree(root, ignore_errors=True)
