"""A town with one rig for tests of its merge queue: a real remote, real repositories, a real database, no workers."""

import atexit
import contextlib
import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlmodel import Session, select

from gastown import assignments, beads, clock, git, refinery, rigs
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState, Reason
from gastown.beads import Bead, BeadStatus, NewBead
from gastown.config import Settings
from gastown.db import get_engine
from gastown.events import Event
from gastown.queue import Doorbell
from gastown.refinery import GateRun, LandingIntent, MergeRequest, StepResult
from tests.support import scratch

RIG = "app"
GATE = rigs.GateSpec("check", "sh check.sh", 30)
GREEN = "echo '1 passed'\n"
RED = "echo 'it is broken'; exit 1\n"
FILES: dict[str, str | None] = {"check.sh": GREEN, "a.txt": "one\n"}


class Crash(BaseException):
    """Stands for SIGKILL: nothing of ours may run after it."""


def run_git(folder: Path, *args: str) -> str:
    """Run git as a person would, with nobody's settings."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    names = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *names, *args], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class RefineryTown:
    """The town, and short ways to make things happen in it."""

    root: Path
    settings: Settings
    bells: list[Doorbell] = field(default_factory=list)
    landed: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def person(self) -> Path:
        return self.root / "person"

    @property
    def land(self) -> Path:
        return rigs.land_git(self.settings.town, RIG)

    @property
    def work_git(self) -> Path:
        return rigs.work_git(self.settings.town, RIG)

    @contextlib.contextmanager
    def work(self) -> Iterator[Session]:
        """A unit of work; doorbells are kept for the test instead of being rung."""
        with Session(get_engine(self.settings.database), expire_on_commit=False) as session:
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise
            with self._lock:
                self.bells += session.info.pop("doorbells", [])

    # the repository

    def commit(self, folder: Path, files: dict[str, str | None], message: str = "change") -> str:
        """Write (None: delete) files, commit, and return the commit."""
        for name, text in files.items():
            path = folder / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        run_git(folder, "add", "--all")
        run_git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
        return run_git(folder, "rev-parse", "HEAD")

    def push_to_target(self, files: dict[str, str | None], message: str = "from outside") -> str:
        """A person's own commit on the target, past the town."""
        run_git(self.person, "fetch", "--quiet", "origin")
        run_git(self.person, "checkout", "--quiet", "-B", "main", "origin/main")
        oid = self.commit(self.person, files, message)
        run_git(self.person, "push", "--quiet", "origin", "main")
        return oid

    def target(self) -> str:
        """Where the remote's target is."""
        return run_git(self.remote, "rev-parse", "refs/heads/main")

    def in_target(self, oid: str) -> bool:
        return git.is_ancestor(self.remote, oid, self.target())

    def file_in_target(self, name: str) -> str:
        return run_git(self.remote, "show", f"main:{name}")

    # work

    def submit(
        self,
        files: dict[str, str | None],
        *more: dict[str, str | None],
        bead_id: str | None = None,
        base: str = "origin/main",
        priority: int = 2,
    ) -> str:
        """An agent's attempt: a commit, or several, on a branch of `work.git`, submitted; returns the bead."""
        number = next(self._numbers)
        with self.work() as session:
            if bead_id is None:
                bead = beads.create(
                    session, NewBead(f"Change {number}", prefix=RIG, priority=priority), actor="somebody"
                )
                bead_id = bead.id
            fence = len(assignments.history(session, bead_id))
            fence += 0 if fence and assignments.find_open(session, bead_id) else 1
        branch = f"polecat/nux/{bead_id}@{fence}"
        run_git(self.person, "fetch", "--quiet", "origin")
        run_git(self.person, "checkout", "--quiet", "--detach", base)
        head = self.commit(self.person, files, f"work on {bead_id}")
        for place, changed in enumerate(more, 2):
            head = self.commit(self.person, changed, f"work on {bead_id}, part {place}")
        run_git(self.person, "push", "--quiet", str(self.work_git), f"HEAD:refs/heads/{branch}")
        with self.work() as session:
            self._hand_in(session, bead_id, fence, branch, head, priority)
        return bead_id

    def _hand_in(self, session: Session, bead_id: str, fence: int, branch: str, head: str, priority: int) -> None:
        if session.get(Polecat, f"{RIG}/polecats/nux") is None:
            session.add(
                Polecat(address=f"{RIG}/polecats/nux", rig=RIG, name="nux", host="here", created_at=clock.now())
            )
            session.flush()
        row = assignments.find_open(session, bead_id) or Assignment(
            bead_id=bead_id,
            rig=RIG,
            preset="command",
            state=AssignmentState.WAITING,
            reason=Reason.SLING,
            fence=fence,
            created_at=clock.now(),
        )
        row.state, row.polecat, row.head_oid, row.branch = (
            AssignmentState.SUBMITTED,
            f"{RIG}/polecats/nux",
            head,
            branch,
        )
        row.base_oid = row.base_oid or run_git(self.person, "rev-parse", "HEAD~1")
        session.add(row)
        bead = session.get_one(Bead, bead_id)
        bead.status = BeadStatus.SUBMITTED.value
        bead.is_code = True
        session.add(bead)
        session.flush()
        refinery.submit(
            session,
            assignment_id=row.id or 0,
            bead_id=bead_id,
            rig=RIG,
            fence=fence,
            polecat=row.polecat,
            head_oid=head,
            branch=branch,
            priority=priority,
            actor=row.polecat,
        )

    # the queue

    def step(self, *, work: Callable[[], contextlib.AbstractContextManager[Session]] | None = None) -> StepResult:
        """One step of the rig's refinery."""
        return refinery.step(
            work or self.work,
            RIG,
            settings=self.settings,
            holder=f"test:{threading.get_ident()}",
            hooks=refinery.Hooks(lambda _session, bead_id: self.landed.append(bead_id)),
        )

    def gate(self, *, settings: Settings | None = None) -> list[refinery.GateRunResult]:
        """Run every requested gate run to its verdict."""
        with self.work() as session:
            wanted = refinery.list_requested(session)
        return [
            refinery.run_gates(self.work, number, settings=settings or self.settings, holder=f"gates:{number}")
            for number in wanted
        ]

    def settle(self, limit: int = 20) -> None:
        """Step and gate until nothing moves any more."""
        for _ in range(limit):
            self.step()
            if not self.gate():
                return
        raise AssertionError("the queue does not settle")

    def expire_lease(self) -> None:
        """What the passing of time does after the holder was killed."""
        with self.work() as session:
            lease = session.get_one(refinery_lease(), refinery.lease_name(RIG))
            lease.expires_at = None
            session.add(lease)

    # looking

    def bead(self, bead_id: str) -> Bead:
        with self.work() as session:
            return beads.get(session, bead_id)

    def request(self, bead_id: str) -> MergeRequest:
        with self.work() as session:
            return refinery.list_for_bead(session, bead_id)[-1]

    def request_head(self, bead_id: str) -> str:
        with self.work() as session:
            return refinery.list_heads(session, self.request(bead_id).id or 0)[-1].head_oid

    def attempts(self, bead_id: str) -> list[Assignment]:
        with self.work() as session:
            return list(assignments.history(session, bead_id))

    def rig(self) -> rigs.Rig:
        with self.work() as session:
            return rigs.get(session, RIG)

    def runs(self) -> list[GateRun]:
        with self.work() as session:
            return list(session.exec(select(GateRun).order_by(GateRun.id)).all())  # type: ignore[arg-type]

    def intents(self) -> list[LandingIntent]:
        with self.work() as session:
            return list(session.exec(select(LandingIntent).order_by(LandingIntent.id)).all())  # type: ignore[arg-type]

    def kinds(self, bead_id: str) -> list[str]:
        with self.work() as session:
            rows = session.exec(select(Event).where(Event.bead_id == bead_id).order_by(Event.id)).all()  # type: ignore[arg-type]
            return [row.kind.value for row in rows]

    def red(self) -> list[refinery.TargetCommit]:
        return refinery.red_first_parents(self.work, RIG, settings=self.settings)


def refinery_lease() -> type:
    from gastown.db.locks import Lease

    return Lease


def make_town(
    root: Path,
    database_url: str,
    *,
    files: dict[str, str | None] | None = None,
    gates: tuple[rigs.GateSpec, ...] = (GATE,),
    setup: str = "",
    url: str = "",
    landing: rigs.LandingStyle = rigs.LandingStyle.MERGE,
    provider: str = "",
) -> RefineryTown:
    """A town with the rig `app`, whose remote holds `files` (by default a green check).

    `url` is another address of that remote, which the caller has taught git.
    """
    town = RefineryTown(root, Settings(town=root / "town", database_url=database_url, host="here"))
    if files is None and not url:
        support = _copy(town)
    else:
        support = _make_repositories(town, files if files is not None else FILES, url)
    new = rigs.NewRig(
        name=RIG,
        prefix=RIG,
        remote_url=url or str(town.remote),
        branch="main",
        gates=gates,
        no_gates=not gates,
        setup_command=setup,
        push_atomic=support.atomic,
        push_fence=support.fence_refs,
        landing=landing,
        provider=provider,
    )
    with town.work() as session:
        rigs.add(session, new, actor="somebody")
    return town


def _make_repositories(town: RefineryTown, files: dict[str, str | None], url: str = "") -> git.PushSupport:
    town.settings.town.mkdir(parents=True)
    run_git(town.root, "init", "--quiet", "--bare", str(town.remote))
    run_git(town.root, "clone", "--quiet", str(town.remote), str(town.person))
    town.commit(town.person, files, "first")
    run_git(town.person, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    git.create_land(town.land, url or str(town.remote), "main")
    support = git.try_push(town.land, "main")
    git.create_work(town.work_git, town.land, "main")
    return support


@lru_cache(maxsize=1)
def _template() -> tuple[RefineryTown, git.PushSupport]:
    """The repositories of a town of which nothing special is asked, made once a process by two dozen commands."""
    root = scratch.begin_run()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    town = RefineryTown(root, Settings(town=root / "town", host="here"))
    return town, _make_repositories(town, FILES)


def _copy(town: RefineryTown) -> git.PushSupport:
    """The template's repositories, with the addresses of each other in this town's folder."""
    template, support = _template()
    shutil.copytree(template.root, town.root, symlinks=True, dirs_exist_ok=True)
    for name in ("config", "alternates"):
        for path in town.root.rglob(name):
            path.write_text(path.read_text().replace(str(template.root), str(town.root)))
    return support
