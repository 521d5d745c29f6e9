"""Running an attempt's agent: start it, watch it, ask it again when it ended without handing in, book each run once."""

import contextlib
import hashlib
import os
import secrets
import select
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session

from gastown import assignments, clock, config, logs, policy, rigs, runtimes
from gastown.assignments import Assignment, AssignmentState, Desired, RunStart
from gastown.db import DatabaseAway
from gastown.rigs import Rig
from gastown.runtimes import ExitReason, Launch, Preset, SessionExit, SessionProcess, Usage, catalog, host, strays
from gastown.sessions import environment, paths, primer, saving
from gastown.sessions.book import Entry
from gastown.sessions.channel import Answer, Channel
from gastown.sessions.freeze import is_frozen
from gastown.sessions.held import Ending, EndKind, Held
from gastown.sessions.office import Office
from gastown.sessions.take import check_disk
from gastown.sessions.verdict import describe, failure, is_refusal, measure

log = logs.get(__name__)

# How often limits are looked at; exits, commands and standings wake the loop at once.
LOOK_EVERY_S = 5.0
# Between TERM and KILL for a session that is stopped.
KILL_AFTER_S = 10.0
# Runs that a crash kept from starting cost an agent none of its chances, but nobody gets chances without end.
MOST_UNSTARTED = 3
# Between two looks whether a stopped rig goes on.
FROZEN_PAUSE_S = 2.0
# A keeper that has not ended its session by then never will; its deadline, or the next boot, does.
STOP_PATIENCE_S = 45.0


def run_session(office: Office, held: Held, *, adopt: bool) -> Ending:
    """Run the agent until its attempt is handed in, fails, or leaves this worker's hands.

    An adopted session is watched on; one that ended while nobody watched is booked and judged as if we had.
    """
    channel = Channel(paths.socket_path(office.settings, held.id), held.id, partial(_answer, office, held.entry))
    try:
        folder, process = _find(office, held) if adopt else (None, None)
        while True:
            if folder is None:
                if (ending := _await_thaw(office, held)) is not None:
                    return ending
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


def _answer(office: Office, entry: Entry, number: int, request: dict[str, Any]) -> Answer:
    """Answer a command of the agent's; one that lost sight of the lease lets it wait for whoever has that."""
    entry.note_life()
    if not office.book.may_act(entry):
        return Answer("", "Error: the worker cannot reach the town's database now.\n", 6, is_away=True)
    return office.answer(number, request)


def _find(office: Office, held: Held) -> tuple[Path | None, SessionProcess | None]:
    """The newest run of an adopted attempt, and its process if it still runs; no folder when it has to be started."""
    folder = paths.latest_run_dir(office.settings, held.id)
    if folder is not None and (folder / "keeper.json").exists() and paths.run_number(folder) >= held.row.runs:
        return folder, host.find(folder)
    # Noted and never started, or its folder was deleted: an agent that runs all the same gets no second beside it.
    ended = strays.end_all_below(paths.session_dir(office.settings, held.id))
    if ended:
        log.warning("ended %d processes of this attempt whose run is not on record", ended)
    return None, None


def _await_thaw(office: Office, held: Held) -> Ending | None:
    """Wait while the rig is stopped; how the wait ended when that is not with a start (None)."""
    is_said = False
    while True:
        why = office.do(lambda session: rigs.find_freeze(session, session.get_one(Rig, held.rig.name)))
        if why is None:
            return None
        if (left := _leave(office, held.entry)) is not None:
            return left
        if held.entry.is_over:
            return Ending(EndKind.SUPERSEDED, "the attempt is over")
        if held.entry.is_asked_to_stop:
            return Ending(EndKind.STOPPED, "it was asked to stop")
        if not is_said:
            log.warning("the agent is not started: %s", why)
            is_said = True
        held.entry.note_life()
        if select.select([held.entry.wake[0]], [], [], FROZEN_PAUSE_S)[0]:
            os.read(held.entry.wake[0], 4096)


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
    if held.rig.setup_command and paths.count_unstarted(folder) == held.row.runs - 1:
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
        lock=paths.session_dir(office.settings, held.id) / "agent.lock",
        limits=_limits(held),
    )
    process = host.start(office.keeper_socket, spec)
    log.info("agent %s started, pid %d", row.preset, process.agent_pid)
    return folder, process


def _compose(office: Office, held: Held, preset: Preset) -> tuple[str, Launch, bool]:
    """The prompt and the command line: a nudge into the earlier session where the runtime can, else all of it anew."""
    row = held.row
    was_here = row.booked_runs > 0  # a start that a crash cut short has left no session to resume
    nudge = primer.restarted(row.outcome) if row.desired is Desired.RESTART else primer.NUDGE
    if was_here and preset.resume_args and row.agent_session_id:
        return nudge, runtimes.resume(preset, prompt=nudge, session_id=row.agent_session_id), True
    text = office.do(lambda session: primer.render(primer.load_primer(session, row)))
    prompt = text + (f"\n{nudge}" if was_here else "")
    return prompt, runtimes.launch(preset, prompt=prompt, session_id=str(uuid.uuid4())), False


def _limits(held: Held) -> dict[str, int]:
    """What the agent may use of the machine, as far as the town's settings say."""
    return {name: held.policy.count(f"session.{name}") for name in host.LIMITS if held.policy.count(f"session.{name}")}


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
            _mend(channel, poll)
            if stop is None and (stop := _look(office, held, folder)) is not None:
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


def _look(office: Office, held: Held, folder: Path) -> Ending | None:
    """Have the work saved when it is time; why the session is to be stopped now, if it is."""
    saving.save_when_due(office, held)
    reason = _reason_to_stop(held, folder)
    if reason is not None and reason.kind is EndKind.RESTART and not _wants_restart(office, held):
        return None
    return reason


def _wants_restart(office: Office, held: Held) -> bool:
    """Whether it is still to be started again; what the last heartbeat brought may be older than the last start."""
    with contextlib.suppress(DatabaseAway):
        row = office.do(lambda session: assignments.get(session, held.id))
        return row.desired is Desired.RESTART
    return False


def _mend(channel: Channel, poll: select.poll) -> None:
    before = channel.fileno()
    if channel.mend():
        log.warning("the socket of the session was gone; it is served anew")
        poll.unregister(before)
        poll.register(channel.fileno(), select.POLLIN)


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
    if held.entry.is_asked_to_restart:
        return Ending(EndKind.RESTART, "it was asked to start again")
    return _find_damage(held, folder) or _find_excess(held, folder)


def _find_damage(held: Held, folder: Path) -> Ending | None:
    """What somebody deleted under the running agent: nothing that it does from now on could be kept."""
    if not held.site.path.is_dir():
        return Ending(EndKind.LOST, "its worktree was deleted while it ran")
    if not (folder / "prompt.txt").exists():
        return Ending(EndKind.LOST, "the folder of its session was deleted while it ran")
    return None


def _find_excess(held: Held, folder: Path) -> Ending | None:
    """Which limit the agent has passed; by the way, whether it gave a sign of life."""
    try:
        started = (folder / "prompt.txt").stat().st_mtime
        logs_of_run = [folder / name for name in ("stdout.log", "stderr.log")]
        size = sum(path.stat().st_size for path in logs_of_run if path.exists())
    except FileNotFoundError:
        return None  # deleted just now: the next look says so
    frozen = is_frozen(folder)
    if size != held.output_size or frozen:
        if held.output_size >= 0:
            held.entry.note_life()
        held.output_size = size
    limit = held.policy.number("session.timeout_s")
    if not frozen and clock.now().timestamp() - started > limit:
        return Ending(EndKind.FAILED, f"the agent ran for more than {limit:g} s")
    limit = held.policy.number("session.output_limit_mb")
    if size > limit * 1_000_000:
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
    ended = host.read_exit(folder) or (host.settle(folder) if folder.is_dir() else None)
    preset = catalog.get(held.row.preset, office.do(policy.presets))
    used = measure(preset, folder)
    row = office.do(lambda session: _book(session, office, held, folder, ended, used))
    if row.state is not AssignmentState.RUNNING or row.fence != held.row.fence:
        return Ending(
            EndKind.HANDED_IN if row.fence == held.row.fence else EndKind.SUPERSEDED, stopped.words if stopped else ""
        )
    if _is_restart(row, stopped):
        held.row = row
        log.warning("starting the agent again: %s", row.outcome)
        saving.save_now(office, held, why="it is started again")
        return None
    if stopped is not None:
        return stopped if stopped.kind is not EndKind.RESTART else Ending(EndKind.STOPPED, "it was asked to stop")
    if ended is None or ended.reason in (ExitReason.LOST, ExitReason.GRACE):
        return Ending(EndKind.LOST, "the session was lost with its host, or nobody held it for its grace")
    held.row = row
    words = describe(preset, folder, ended, used)
    asked = row.runs - row.restarts - min(paths.count_unstarted(folder), MOST_UNSTARTED)
    if asked <= held.policy.count("session.nudges") and not is_refusal(used):
        log.info("the agent ended without handing in (%s); asking it again", words)
        return None
    return Ending(EndKind.FAILED, f"the agent ended without `gt done` ({words})")


def _is_restart(row: Assignment, stopped: Ending | None) -> bool:
    """Whether the run's end is no end of the attempt, also when the agent ended by itself before it was ended."""
    if stopped is None:
        return row.desired is Desired.RESTART
    return stopped.kind is EndKind.RESTART and row.desired in (Desired.RUN, Desired.RESTART)


def _book(
    session: Session, office: Office, held: Held, folder: Path, ended: SessionExit | None, used: Usage
) -> Assignment:
    book = partial(assignments.book_usage, session, held.id, held.row.fence, actor=held.row.polecat or office.holder)
    # Not before: as long as nothing is booked there is no session to resume.
    for number in paths.list_unstarted(folder):
        book(run=number, exit_reason=ExitReason.UNSTARTED.value)
    book(
        run=paths.run_number(folder),
        exit_code=ended.code if ended else None,
        exit_signal=ended.signal if ended else None,
        exit_reason=ended.reason.value if ended else ExitReason.LOST.value,
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
