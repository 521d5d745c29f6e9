"""Keep agent processes alive apart from the worker that asked for them; standard library only.

Run as `python -I -S keeper.py SOCKET [--detach]`. That process is the *zygote*: it listens on the socket and forks one
*keeper* per session. A keeper starts its agent, writes down how it ended, and stops it when nobody holds the session
any more. It imports nothing else of gastown, so that it stays small and an upgrade of the library disturbs no session.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from socket import AF_UNIX, socket

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from gastown.runtimes import session_facts as facts
    from gastown.runtimes import session_wire as wire
else:  # run as an isolated script, which has neither its own folder nor gastown on its path
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    import session_facts as facts
    import session_wire as wire

EXEC_SECONDS = 30.0  # a command on a dead network mount must not hold the answer for ever
CHECK_SECONDS = 30.0  # looks at the stop file and the deadline this often, even without a signal
LEFTOVER_SECONDS = 2.0  # what an agent left behind gets this long between TERM and KILL
GIVE_UP_SECONDS = 15.0  # a process that ignores KILL for this long (stuck in the kernel) is left to the kernel
RESUME_SECONDS = 60.0  # after a suspend, workers get this long to renew before a passed deadline counts
AGENT_OOM_SCORE = "500"  # above every worker's: an agent goes, not who looks after thirty of them
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1}

if facts.LINUX:
    # Loaded once here: after the fork its pages are shared, which a load in each keeper would not be.
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, argument: int | bytes) -> None:
    """Ask the Linux kernel for a process attribute; elsewhere do nothing."""
    if facts.LINUX:
        value = ctypes.c_char_p(argument) if isinstance(argument, bytes) else ctypes.c_ulong(argument)
        _libc.prctl(option, value, 0, 0, 0)


def hold_to(limits: dict[str, int]) -> None:
    """Bound what this process and its children may use; let the kernel end them first when memory runs out."""
    kinds = {"memory_mb": resource.RLIMIT_AS, "processes": resource.RLIMIT_NPROC, "file_mb": resource.RLIMIT_FSIZE}
    for name, kind in kinds.items():
        if name in limits:
            wanted, most = limits[name] * (1 << 20 if name.endswith("_mb") else 1), resource.getrlimit(kind)[1]
            bound = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
            resource.setrlimit(kind, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(AGENT_OOM_SCORE)


def become_agent(order: wire.Order, keeper: int, gate: int, report: int) -> None:
    """Turn this fork into the agent once the gate opens; say through `report` what failed, and never return."""
    stage = "setup"
    try:
        os.setsid()
        # A keeper that is killed outright takes its agent along: an agent that nobody watches must not go on.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        hold_to(order.limits)
        stage = "stdin"
        os.dup2(os.open(order.stdin, os.O_RDONLY), 0)
        stage = "log"
        for number, name in ((1, "stdout.log"), (2, "stderr.log")):
            path = os.path.join(order.folder, name)
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), number)
        stage = "cwd"
        os.chdir(order.cwd)
        for name in ("SIGHUP", "SIGINT", "SIGPIPE", "SIGXFSZ", "SIGTERM", "SIGUSR1", "SIGCHLD"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.read(gate, 1) == b"+" and os.getppid() == keeper:
            stage = "command"
            os.write(report, b"+")
            os.execvpe(order.argv[0], order.argv, order.env)  # noqa: S606 - no shell is the point
    except (OSError, ValueError) as error:
        os.write(report, f"{getattr(error, 'errno', None) or errno.EINVAL} {stage}".encode())
    finally:
        os._exit(127)


class Keeper:
    """One session: the agent, its facts.descendants, and the files of the session folder."""

    def __init__(self, order: wire.Order) -> None:
        self.order = order
        self.folder = order.folder
        self.agent = 0
        self.status: int | None = None
        self.reason = "exited"
        self.kill_at = 0.0  # monotonic; 0 while nobody asked the session to end
        self.deadline = facts.boot_seconds() + order.grace_s
        self.spared = 0.0
        self.asleep = facts.boot_seconds() - time.monotonic()

    def start(self) -> dict[str, object]:
        """Start the agent and answer who runs; the agent execs only after keeper.json can be found by a successor."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        prctl(PR_SET_NAME, b"gt-keeper")
        gate, opener = os.pipe()
        report, reporter = os.pipe()
        keeper = os.getpid()
        self.agent = os.fork()
        if not self.agent:
            os.close(opener)
            become_agent(self.order, keeper, gate, reporter)
        os.close(gate)
        os.close(reporter)
        card: dict[str, object] = {"ok": True, "keeper_pid": keeper, "keeper_start": facts.process_start(keeper)}
        card["agent_pid"], card["agent_start"] = self.agent, (facts.read_stat(self.agent) or ("", 0, 0))[2]
        card["boot_id"] = facts.boot_id()
        try:
            facts.reserve_exit(self.folder)
            facts.write_text(os.path.join(self.folder, "keeper.json"), json.dumps(card))
            with contextlib.suppress(BrokenPipeError):
                os.write(opener, b"+")
        finally:
            os.close(opener)
        said = self._await_exec(report)
        os.close(report)
        self.order.env.clear()
        return card if said == b"+" else self._undo(said.removeprefix(b"+"))

    def _await_exec(self, report: int) -> bytes:
        """Collect what the fork says until exec closes its end; a lone `+` means that exec was reached."""
        said, until = b"", time.monotonic() + EXEC_SECONDS
        while select.select([report], [], [], max(0.0, until - time.monotonic()))[0]:
            part = os.read(report, 200)
            said += part
            if not part:
                return said
        return f"{errno.ETIMEDOUT} command".encode()

    def _undo(self, said: bytes) -> dict[str, object]:
        """Take back a start that never reached the command, so that the folder may be started again."""
        os.kill(self.agent, signal.SIGKILL)
        for name in ("keeper.json", "exit.json.new"):
            os.unlink(os.path.join(self.folder, name))
        number, _, stage = said.decode().partition(" ")
        code = int(number or errno.ECHILD)
        return {"ok": False, "error": stage or "died", "errno": code, "detail": os.strerror(code)}

    def watch(self) -> None:
        """Stay until the agent is gone, end what it left behind, and write exit.json."""
        while self.status is None and not self._hopeless():
            self._look()
            if self.status is None and wait_signal(self._pause()) == signal.SIGTERM:
                self._end("stopped")
        ended_at = time.time()
        self._sweep()
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        ending: dict[str, object] = {
            "code": code if code is not None and code >= 0 else None,
            "signal": -code if code is not None and code < 0 else None,
            "reason": self.reason,
            "ended_at": ended_at,
            "note": self._note() if self.reason == "stopped" else "",
        }
        facts.write_exit(self.folder, ending)

    def _look(self) -> None:
        self._reap()
        if self.status is not None:
            return
        if self.kill_at:
            if time.monotonic() >= self.kill_at:
                self._signal_all(signal.SIGKILL)
        elif os.path.exists(os.path.join(self.folder, "stop")):
            self._end("stopped")
        elif self._overdue():
            self._end("grace")

    def _overdue(self) -> bool:
        self.deadline = facts.read_deadline(self.folder) or self.deadline
        now = facts.boot_seconds()
        asleep = now - time.monotonic()
        if asleep > self.asleep + 1.0:
            # The machine was suspended: its workers slept too, and deserve a chance to renew before anything dies.
            self.asleep = asleep
            self.spared = now + min(RESUME_SECONDS, self.order.grace_s)
        return now >= max(self.deadline, self.spared)

    def _pause(self) -> float:
        if self.kill_at:
            left = self.kill_at - time.monotonic()
            return min(left, 1.0) if left > 0 else 0.2
        return max(0.01, min(CHECK_SECONDS, max(self.deadline, self.spared) - facts.boot_seconds()))

    def _end(self, reason: str) -> None:
        if not self.kill_at:
            self.reason = reason
            self.kill_at = time.monotonic() + self.order.kill_after_s
            self._signal_all(signal.SIGTERM)

    def _hopeless(self) -> bool:
        return bool(self.kill_at) and time.monotonic() > self.kill_at + GIVE_UP_SECONDS

    def _reap(self) -> bool:
        """Collect dead children, and say whether there are others.

        As the subreaper this process inherits every orphan of the session: while anything of it lives, it has a child.
        The kernel's word is needed, since who reads /proc may miss what forks and exits meanwhile.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.agent:
                self.status = status

    def _signal_all(self, number: int) -> None:
        if number == signal.SIGKILL:
            # One by one, what forks without end would always be ahead of us.
            for group in facts.groups_below(os.getpid()) - {os.getpgid(0)}:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)
        pids = facts.descendants(os.getpid())
        for pid in pids if facts.LINUX else [-self.agent]:  # without /proc, the agent's process group must do
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _sweep(self) -> None:
        """End what the agent left running: TERM, a short wait, then KILL until nothing is left or the time is up."""
        kill_at = time.monotonic() + LEFTOVER_SECONDS
        self._signal_all(signal.SIGTERM)
        while self._reap() and time.monotonic() < kill_at + GIVE_UP_SECONDS:
            if time.monotonic() >= kill_at:
                self._signal_all(signal.SIGKILL)
            wait_signal(0.05)

    def _note(self) -> str:
        try:
            with open(os.path.join(self.folder, "stop"), encoding="utf-8", errors="replace") as file:
                return file.read(200)
        except OSError:
            return ""


def wait_signal(seconds: float) -> int | None:
    """Sleep until a watched signal is pending or the time is up; answer its number."""
    if hasattr(signal, "sigtimedwait"):
        info = signal.sigtimedwait(WATCHED, seconds)
        return info.si_signo if info else None
    until = time.monotonic() + seconds
    while not (pending := signal.sigpending() & WATCHED) and time.monotonic() < until:
        time.sleep(0.2)
    return signal.sigwait(pending) if pending else None


def claim(folder: str) -> tuple[int | None, dict[str, object]]:
    """Take the session's lock; without it, the answer for the client, who may have asked before."""
    until = time.monotonic() + wire.REQUEST_SECONDS
    card = os.path.join(folder, "keeper.json")
    while (lock := facts.lock_file(os.path.join(folder, "keeper.lock"))) is None:
        running = facts.read_json(card)
        if running is not None:
            return None, {**running, "existing": True}
        if time.monotonic() > until:
            return None, {"ok": False, "error": "busy"}
        time.sleep(0.01)
    has_ended = os.path.exists(os.path.join(folder, "exit.json"))
    if not has_ended and not os.path.exists(card):
        return lock, {}
    os.close(lock)
    # Without an exit, a keeper was killed here or the machine went down. Running twice is the greater harm.
    return None, {"ok": False, "error": "ended" if has_ended else "lost"}


def serve_one(connection: socket, zygote: int) -> None:
    """Answer one request in a process of its own, and stay as the keeper when it was a start."""
    lock: int | None = None
    keeper: Keeper | None = None
    answer: dict[str, object] = {"ok": True, "pid": zygote, "start": facts.process_start(zygote)}
    try:
        request = wire.read_request(connection)
        if request.get("op") == "start":
            order = wire.Order(request)
            lock, answer = claim(order.folder)
            if lock is not None and order.lock is not None and facts.lock_file(order.lock) is None:
                os.close(lock)
                lock, answer = None, {"ok": False, "error": "busy", "detail": "another run of the attempt goes on"}
            if lock is not None:
                keeper = Keeper(order)
                answer = keeper.start()
        elif request.get("op") != "ping":
            raise ValueError("op must be start or ping")
    except (OSError, ValueError) as error:
        answer = {"ok": False, "error": "refused", "errno": getattr(error, "errno", None), "detail": str(error)}
    if lock is not None and not answer["ok"]:
        os.close(lock)
    wire.reply(connection, answer)
    if keeper is not None and answer["ok"]:
        keeper.watch()


def detach(connection: socket, close: tuple[int, ...]) -> None:
    """Fork twice, so that the keeper belongs to nobody here; it must not hold the zygote's lock and socket."""
    zygote = os.getpid()
    middle = os.fork()
    if middle:
        os.waitpid(middle, 0)
        return
    try:
        os.setsid()
        for fd in close:
            os.close(fd)
        if not os.fork():
            serve_one(connection, zygote)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def serve(path: str, ready: int) -> int:
    """Be the zygote of `path` until a signal ends it; close `ready` once it listens, return at once if another does."""
    lock = facts.lock_file(path + ".lock")
    if lock is None:
        return 0
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    prctl(PR_SET_NAME, b"gt-zygote")
    if os.path.lexists(path):
        os.unlink(path)
    mask = os.umask(0o177)
    listener = socket(AF_UNIX)
    listener.bind(path)
    os.umask(mask)
    listener.listen(128)
    os.close(ready)
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        connection = listener.accept()[0]
        try:
            if wire.is_own_user(connection):
                detach(connection, (listener.fileno(), lock))
        except OSError as error:
            wire.reply(connection, {"ok": False, "error": "refused", "errno": error.errno, "detail": str(error)})
        connection.close()


def main(arguments: list[str]) -> int | str:
    """Serve the named socket, in the background with --detach."""
    if not arguments or arguments[1:] not in ([], ["--detach"]):
        return "usage: keeper.py SOCKET [--detach]"
    path = os.path.abspath(arguments[0])
    os.chdir("/")
    os.closerange(3, 4096)
    wait, ready = os.pipe()
    if arguments[1:] and os.fork():
        os.close(ready)
        os.read(wait, 1)  # ends when the fork listens, or has gone because another one does
        return 0
    os.close(wait)
    with contextlib.suppress(PermissionError):  # already a leader, as under a service manager
        os.setsid()
    return serve(path, ready)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
