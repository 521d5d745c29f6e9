"""Running an attempt's agent: start it, watch it, ask it again when it ended without handing in, book each run once."""

import contextlib
import hashlib
import os
import secrets
import select
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlmodel import Session

from gastown import assignments, clock, config, logs, policy, runtimes
from gastown.agents import Polecat
from gastown.assignments import Assignment, AssignmentState, RunStart
from gastown.policy import Policy
from gastown.rigs import Rig
from gastown.runtimes import ExitReason, Launch, Preset, SessionExit, SessionProcess, Usage, catalog, host
from gastown.sessions import environment, paths, primer
from gastown.sessions.book import Entry
from gastown.sessions.channel import Channel
from gastown.sessions.office import Office
from gastown.sessions.take import check_disk
from gastown.sessions.verdict import describe, failure, is_refusal, measure
from gastown.sessions.worksite import Site

log = logs.get(__name__)

# How often limits are looked at; exits, commands and standings wake the loop at once.
LOOK_EVERY_S = 5.0
# Between TERM and KILL for a session that is stopped.
KILL_AFTER_S = 10.0
# A keeper that has not ended its session by then never will; its deadline, or the next boot, does.
STOP_PATIENCE_S = 45.0


class EndKind(StrEnum):
    """What the end of a session means for its attempt."""

    HANDED_IN = "handed_in"  # the attempt ended by a command of the agent
    FAILED = "failed"  # the agent ended, or had to be ended, without handing in
    STOPPED = "stopped"  # somebody took the bead off its hook
    LOST = "lost"  # the keeper died, the host went down, or nobody held the session for its grace
    SUPERSEDED = "superseded"  # the attempt was over; the session was stopped
    DETACHED = "detached"  # this worker stops; the session goes on
    LEFT = "left"  # another worker holds the attempt; the session goes on


@dataclass(frozen=True)
class Ending:
    """How a session ended, with words for people."""

    kind: EndKind
    words: str = ""


@dataclass
class Held:
    """An attempt in this worker's hands."""

    row: Assignment
    polecat: Polecat
    rig: Rig
    site: Site
    entry: Entry
    policy: Policy
    handed_in_at: float | None = None
    """When this worker first saw that the attempt had ended, by the monotonic clock."""

    @property
    def id(self) -> int:
        """The attempt's number."""
        assert self.row.id is not None
        return self.row.id


def run_session(office: Office, held: Held, *, adopt: bool) -> Ending:
    """Run the agent until its attempt is handed in, fails, or leaves this worker's hands.

    An adopted session is watched on; one that ended while nobody watched is booked and judged as if we had.
    """
    channel = Channel(paths.socket_path(office.settings, held.id), held.id, office.answer)
    try:
        folder = paths.latest_run_dir(office.settings, held.id) if adopt else None
        process = None
        if folder is not None and (folder / "keeper.json").exists():
            process = host.find(folder)
        else:
            folder = None
        while True:
            if folder is None:
                folder, process = _start(office, held)
            ending = _watch(office, held, folder, process, channel) if process is not None else None
            if ending is not None and ending.kind in (EndKind.DETACHED, EndKind.LEFT):
                return ending
            ending = _judge(office, held, folder, ending)
            if ending is not None:
                return ending
            folder = process = None
    finally:
        channel.close()


def _start(office: Office, held: Held) -> tuple[Path, SessionProcess]:
    """Start the agent's process. What a successor needs to find it is written before it exists."""
    check_disk(office.settings, held.policy)
    secret = secrets.token_urlsafe(24)
    row = held.row
    overrides = office.do(policy.presets)
    preset = catalog.get(row.preset, overrides)
    prompt, launch, is_resumed = _compose(office, held, preset)
    start = RunStart(
        hashlib.sha256(secret.encode()).hexdigest(),
        holder=office.holder,
        agent_session_id=launch.session_id or row.agent_session_id,
        is_resumed=is_resumed,
    )
    held.row = office.do(
        lambda session: assignments.note_run(session, held.id, row.fence, actor=row.polecat or "", start=start)
    )
    folder = paths.run_dir(office.settings, held.id, held.row.runs)
    scratch = folder / "tmp"
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "prompt.txt").write_text(prompt)
    stdin = folder / "stdin.txt"
    if launch.stdin is not None:
        stdin.write_text(launch.stdin)
    environment.write_commands(office.settings)
    env = environment.agent_environment(
        office.settings,
        held.row,
        worker=config.environment(),
        preset=preset,
        session_pass=secret,
        scratch=scratch,
    )
    argv: Sequence[str] = launch.argv
    if held.rig.setup_command and held.row.runs == 1:
        runtimes.find_command(preset, env["PATH"])
        argv = environment.with_setup(argv, held.rig.setup_command)
    spec = host.SessionSpec(
        dir=folder,
        argv=argv,
        cwd=held.site.path,
        env=env,
        stdin=stdin if launch.stdin is not None else None,
        grace_s=held.policy.number("lease.grace_s"),
        kill_after_s=KILL_AFTER_S,
    )
    process = host.start(office.keeper_socket, spec)
    log.info("agent %s started, pid %d", row.preset, process.agent_pid)
    return folder, process


def _compose(office: Office, held: Held, preset: Preset) -> tuple[str, Launch, bool]:
    """The prompt and the command line: a nudge into the earlier session where the runtime can, else all of it anew."""
    row = held.row
    was_here = row.booked_runs > 0  # a start that a crash cut short has left no session to resume
    if was_here and preset.resume_args and row.agent_session_id:
        return primer.NUDGE, runtimes.resume(preset, prompt=primer.NUDGE, session_id=row.agent_session_id), True
    text = office.do(lambda session: primer.render(primer.load_primer(session, row)))
    prompt = text + (f"\n{primer.NUDGE}" if was_here else "")
    return prompt, runtimes.launch(preset, prompt=prompt, session_id=str(uuid.uuid4())), False


def _watch(office: Office, held: Held, folder: Path, process: SessionProcess, channel: Channel) -> Ending | None:
    """Answer the agent's commands until its process is over (None), or until it is no longer ours to watch."""
    entry = held.entry
    entry.folder = folder
    with contextlib.suppress(
        host.KeeperUnavailable
    ):  # a full disk: it has its grace, and the next heartbeat tries again
        host.touch_deadline(folder, office.book.grace_s)
    stop: Ending | None = None
    patience = 0.0
    watched = host.pidfd(process)
    try:
        poll = select.poll()
        for descriptor in (watched, channel.fileno(), entry.wake[0]):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        while host.is_alive(process):
            if (left := _leave(office, entry)) is not None:
                return left
            if stop is None and (stop := _reason_to_stop(held, folder)) is not None:
                log.info("stopping the session: %s", stop.words)
                host.stop(process, stop.words)
                patience = clock.monotonic() + STOP_PATIENCE_S
            elif stop is not None and clock.monotonic() > patience:
                return Ending(EndKind.LOST, f"the session does not end: {stop.words}")
            ready = {descriptor for descriptor, _ in poll.poll((LOOK_EVERY_S if watched is not None else 0.2) * 1000)}
            _serve(channel, entry, ready)
    finally:
        entry.folder = None
        if watched is not None:
            os.close(watched)
    return stop


def _serve(channel: Channel, entry: Entry, ready: set[int]) -> None:
    if channel.fileno() in ready:
        channel.accept()
    if entry.wake[0] in ready:
        os.read(entry.wake[0], 4096)


def _leave(office: Office, entry: Entry) -> Ending | None:
    if office.stopping.is_set():
        return Ending(EndKind.DETACHED)
    if entry.is_lost:
        log.warning("another worker holds this attempt; letting go, the session goes on")
        return Ending(EndKind.LEFT)
    return None


def _reason_to_stop(held: Held, folder: Path) -> Ending | None:
    if held.entry.is_over:
        handed_in = _has_ended(held)
        return None if handed_in else Ending(EndKind.SUPERSEDED, "a newer attempt exists")
    if held.entry.is_asked_to_stop:
        return Ending(EndKind.STOPPED, "it was asked to stop")
    started = (folder / "prompt.txt").stat().st_mtime
    limit = held.policy.number("session.timeout_s")
    if clock.now().timestamp() - started > limit:
        return Ending(EndKind.FAILED, f"the agent ran for more than {limit:g} s")
    size_mb = sum((folder / name).stat().st_size for name in ("stdout.log", "stderr.log") if (folder / name).exists())
    limit = held.policy.number("session.output_limit_mb")
    if size_mb > limit * 1_000_000:
        return Ending(EndKind.FAILED, f"the agent wrote more than {limit:g} MB of output")
    return None


# After `gt done` an agent gets this long to end by itself.
HANDED_IN_PATIENCE_S = 60.0


def _has_ended(held: Held) -> bool:
    """Whether the agent handed in and may still be saying goodbye; past its patience it is stopped."""
    if held.handed_in_at is None:
        held.handed_in_at = clock.monotonic()
    return clock.monotonic() - held.handed_in_at < HANDED_IN_PATIENCE_S


def _judge(office: Office, held: Held, folder: Path, stopped: Ending | None) -> Ending | None:
    """Book the run that ended; say what its end means, or None when the agent is to be asked again."""
    ended = host.read_exit(folder) or host.settle(folder)
    preset = catalog.get(held.row.preset, office.do(policy.presets))
    used = measure(preset, folder)
    row = office.do(lambda session: _book(session, office, held, folder, ended, used))
    if row.state is not AssignmentState.RUNNING or row.fence != held.row.fence:
        return Ending(
            EndKind.HANDED_IN if row.fence == held.row.fence else EndKind.SUPERSEDED, stopped.words if stopped else ""
        )
    if stopped is not None:
        return stopped
    if ended is None or ended.reason in (ExitReason.LOST, ExitReason.GRACE):
        return Ending(EndKind.LOST, "the session was lost with its host, or nobody held it for its grace")
    held.row = row
    words = describe(preset, folder, ended, used)
    if row.runs <= held.policy.count("session.nudges") and not is_refusal(used):
        log.info("the agent ended without handing in (%s); asking it again", words)
        return None
    return Ending(EndKind.FAILED, f"the agent ended without `gt done` ({words})")


def _book(
    session: Session, office: Office, held: Held, folder: Path, ended: SessionExit | None, used: Usage
) -> Assignment:
    assignments.book_usage(
        session,
        held.id,
        held.row.fence,
        actor=held.row.polecat or office.holder,
        run=paths.run_number(folder),
        exit_code=ended.code if ended else None,
        exit_signal=ended.signal if ended else None,
        exit_reason=ended.reason.value if ended else "lost",
        tokens={
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cache_read_tokens": used.cache_read_tokens,
            "cache_write_tokens": used.cache_write_tokens,
        },
        cost_usd=used.cost_usd,
        model=used.model or "",
        agent_session_id=used.agent_session_id or "",
        error=failure(used),
    )
    return assignments.get(session, held.id)
