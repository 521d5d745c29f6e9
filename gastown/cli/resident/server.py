"""The resident itself: it listens, forks a child per command, hands signals on, and tells who died of one.

Before it forks it opens no database, no Redis and no connection but its own, and starts no thread. One loop, in which
nothing waits but the poll itself.
"""

import contextlib
import fcntl
import gc
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from gastown import clock, config
from gastown.cli.resident import child, client
from gastown.config.code import Look, look_of_the_code

IDLE_S = 600.0
# More at once only get in each other's way; the rest wait in the queue of the socket, or run without us.
MOST_AT_ONCE = 32
# The socket is looked for this often: whoever removes it wants us gone.
LOOK_S = 30.0
# A client that connected and says nothing holds everybody up.
REQUEST_S = 0.25
# A client that was killed cannot ask for more than SIGTERM; a command that ignores that is not left to itself.
KILL_AFTER_S = 5.0


@dataclass
class Running:
    """A command under way."""

    pid: int
    connection: socket.socket
    channel: socket.socket
    kill_at: float = float("inf")


@dataclass
class Fork:
    """A child that waits for a command."""

    pid: int
    line: socket.socket
    is_ready: bool = False


class Resident:
    """The loop and what it knows."""

    def __init__(self, path: str, lock: int, code: Look, rehearsal: Callable[[], None]) -> None:
        self.path, self.lock, self.code = f"{path}.sock", lock, code
        self.key = client.identity()
        said = config.environment().get("GASTOWN_RESIDENT_IDLE_S", "")
        self.idle_s = float(said) if said.isdecimal() else IDLE_S
        self.running: dict[int, Running] = {}
        self.by_connection: dict[int, Running] = {}
        self.greeted: dict[int, socket.socket] = {}
        self.poll = select.poll()
        self.wake, self.woken = socket.socketpair()
        self.listener: socket.socket | None = None
        self.rehearsal = rehearsal
        self.spare: Fork | None = None
        self.given_up: set[int] = set()

    def listen(self) -> None:
        """Take the name; the lock says that nobody else has it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.inode = os.lstat(self.path).st_ino
        self.wake.setblocking(False)
        self.woken.setblocking(False)
        self.poll.register(self.wake, select.POLLIN)
        signal.set_wakeup_fd(self.woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.retire())

    def retire(self) -> None:
        """Take no more commands; the next resident may start while ours run on."""
        if self.listener is None:
            return
        with contextlib.suppress(OSError):
            if os.lstat(self.path).st_ino == self.inode:
                os.unlink(self.path)
        with contextlib.suppress(KeyError):
            self.poll.unregister(self.listener)
        self.listener.close()
        self.listener = None
        for greeted in self.greeted.values():
            self.poll.unregister(greeted)
            greeted.close()
        self.greeted.clear()
        self._drop_the_spare()
        os.close(self.lock)

    def serve(self) -> None:
        """Answer until nobody asks any more; return in the resident only, never in a child."""
        idle_since = clock.monotonic()
        while self.listener is not None or self.running:
            self._mind_the_listener()
            self._mind_the_spare()
            for number, _ in self.poll.poll(1000 * self._pause()):
                if self.listener is not None and number == self.listener.fileno():
                    self._accept(self.listener)
                elif number == self.wake.fileno():
                    with contextlib.suppress(OSError):
                        self.wake.recv(4096)
                elif self.spare is not None and number == self.spare.line.fileno():
                    self._hear_the_spare(self.spare)
                elif number in self.greeted:
                    self._receive(self.greeted.pop(number))
                elif number in self.by_connection:
                    self._listen_to(self.by_connection[number])
            self._reap()
            if self.running:
                idle_since = clock.monotonic()
            elif clock.monotonic() - idle_since >= self.idle_s or not self._has_its_name():
                self.retire()

    def _mind_the_listener(self) -> None:
        if self.listener is None:
            return
        if len(self.running) < MOST_AT_ONCE:
            self.poll.register(self.listener, select.POLLIN)
        else:
            with contextlib.suppress(KeyError):
                self.poll.unregister(self.listener)

    def _pause(self) -> float:
        now = clock.monotonic()
        return max(0.0, min(LOOK_S, self.idle_s, *(running.kill_at - now for running in self.running.values())))

    def _has_its_name(self) -> bool:
        try:
            return os.lstat(self.path).st_ino == self.inode
        except OSError:
            return False

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            if client.peer(connection)[1] != os.getuid():
                raise PermissionError
            connection.setblocking(False)
            connection.send(b"H")
        except OSError:
            connection.close()
            return
        self.greeted[connection.fileno()] = connection
        self.poll.register(connection, select.POLLIN)

    def _receive(self, connection: socket.socket) -> None:
        self.poll.unregister(connection)
        with contextlib.ExitStack() as closing:
            closing.enter_context(connection)
            try:
                asker, _ = client.peer(connection)
                parcel = child.receive(connection, REQUEST_S)
                closing.callback(parcel.close)
                if parcel.key != self.key:
                    return
                taker = self._take_fork()
                closing.callback(self.given_up.add, taker.pid)
                closing.enter_context(taker.line)
                parcel.pass_on(taker.line)
                taker.line.sendall(asker.to_bytes(4, "big"))
                # While the child takes everything over; it does not begin before it is told that its code is current.
                if self.listener is None or look_of_the_code() != self.code:
                    self.retire()
                    return
                taker.line.sendall(b"Y")
            except (OSError, ValueError):
                return
            channel = socket.socket(fileno=os.dup(parcel.fds[-1]))
            connection.setblocking(False)
            running = Running(taker.pid, connection, channel)
            self.running[taker.pid] = self.by_connection[connection.fileno()] = running
            self.poll.register(connection, select.POLLIN)
            closing.pop_all()
            taker.line.close()
            parcel.close()

    def _take_fork(self) -> Fork:
        """The fork that stands by, or a new one when that is not ready."""
        spare = self.spare
        if spare is None or not spare.is_ready:
            return self._fork(None)
        self.poll.unregister(spare.line)
        self.spare = None
        return spare

    def _mind_the_spare(self) -> None:
        if self.spare is not None or self.listener is None:
            return
        self.spare = self._fork(self.rehearsal)
        self.poll.register(self.spare.line, select.POLLIN)

    def _hear_the_spare(self, spare: Fork) -> None:
        said = spare.line.recv(1)
        if said:
            spare.is_ready = True
        else:  # it died
            self._drop_the_spare()

    def _drop_the_spare(self) -> None:
        if self.spare is not None:
            self.poll.unregister(self.spare.line)
            self.spare.line.close()
            self.given_up.add(self.spare.pid)
            self.spare = None

    def _fork(self, rehearsal: Callable[[], None] | None) -> Fork:
        ours, theirs = socket.socketpair()
        # A child that is told to end must not do what the resident does then.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                self._forget_all()
                child.stand_by(theirs, rehearsal)  # does not return
            finally:
                os._exit(70)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        theirs.close()
        return Fork(pid, ours)

    def _forget_all(self) -> None:
        """In a child: close what belongs to the resident and to other commands, whose ends must be seen."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        for held in (self.listener, self.wake, self.woken):
            if held is not None:
                held.close()
        for greeted in self.greeted.values():
            greeted.close()
        for running in self.running.values():
            running.connection.close()
            running.channel.close()
        if self.spare is not None:
            self.spare.line.close()
        if self.listener is not None:
            os.close(self.lock)

    def _listen_to(self, running: Running) -> None:
        try:
            said = running.connection.recv(64)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self.poll.unregister(running.connection)
            self.by_connection.pop(running.connection.fileno(), None)
            running.kill_at = clock.monotonic() + KILL_AFTER_S
            said = bytes((signal.SIGTERM,))
        for number in said:
            _signal_child(running.pid, number)

    def _reap(self) -> None:
        now = clock.monotonic()
        for pid in list(self.given_up):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.given_up.discard(pid)
        for running in list(self.running.values()):
            pid, status = os.waitpid(running.pid, os.WNOHANG)
            if pid == 0:
                if now >= running.kill_at:
                    _signal_child(running.pid, signal.SIGKILL)
                    running.kill_at = float("inf")
                continue
            code = os.waitstatus_to_exitcode(status)
            said = b"E%d\n" % code if code >= 0 else b"S%d\n" % -code
            with contextlib.suppress(OSError):
                running.channel.send(said, socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0))
            if self.by_connection.pop(running.connection.fileno(), None) is not None:
                self.poll.unregister(running.connection)
            running.connection.close()
            running.channel.close()
            del self.running[running.pid]


def _signal_child(pid: int, number: int) -> None:
    """Signal a child that was not waited for yet, and what it started in its group."""
    # The group of a session without a terminal would not stop for the keyboard's kind of stop.
    number = signal.SIGSTOP if number == signal.SIGTSTP else number
    if number not in {getattr(signal, name) for name in client.FORWARDED} | {signal.SIGSTOP, signal.SIGKILL}:
        return
    try:
        os.killpg(pid, number)
    except OSError:  # not in a group of its own yet
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _leave_the_starter(lock: int) -> None:
    """Become a session of our own, and let go of whatever the command that started us had open."""
    with contextlib.suppress(OSError):
        os.setsid()
    os.chdir("/")
    os.umask(0o077)
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, lock)
    os.closerange(lock + 1, min(highest, 65536))
    os.set_inheritable(lock, False)
    for name in client.INHERITED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main() -> None:
    """Run as the resident: `server LOCK PATH`."""
    lock, path = int(sys.argv[1]), sys.argv[2]
    _leave_the_starter(lock)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if client.place(client.identity()) != path or not client.is_private(os.path.dirname(path)):
        return
    code = look_of_the_code()  # before anything is imported that could change meanwhile
    from gastown.cli.resident import warm

    scratch = warm.warm(f"{path}.warm")
    resident = Resident(path, lock, code, lambda: warm.rehearse(scratch))
    gc.collect()
    gc.freeze()
    try:
        resident.listen()
        resident.serve()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
