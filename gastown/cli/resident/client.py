"""What a person's `bd` or `gt` does first: hand the command to this user's resident, which has everything imported.

Standard library only, and little of it: this is what every command costs. `socket` and `json` would double it.

When the resident greets (`H`), the request goes out in one piece: arguments, environment, umask, and as descriptors
the terminal and the working folder. A child of the resident takes it and says `R`; only when it is told `G`, on a
channel that it alone reads, does it begin. Until then this process may give up and run the command itself; from then
on it never does.
"""

import os
import sys
import time
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

try:
    import _signal as signal  # type: ignore[import-not-found]
    import _socket as socket
except ImportError:  # a platform without them runs every command directly
    socket = None  # type: ignore[assignment]

# A resident that is stopped, or a machine that is busy: after this long the command runs without it.
PATIENCE_S = 1.0
# A resident that ends as soon as it starts must not be started by every command.
START_PAUSE_S = 2.0
# A unix socket's path has 107 bytes on Linux and 103 on macOS.
_LONGEST_PATH = 100
REQUEST_LIMIT = 8_000_000
# Commands that start processes which outlive them, become one, or take over the terminal; held against the commands'
# own declarations by a test.
DIRECT = {
    "bd": frozenset({"create-form", "edit", "mail", "mcp"}),
    "gt": frozenset(
        {
            "chaos",
            "demo",
            "down",
            "install",
            "metrics",
            "resident status",
            "resident stop",
            "gate run",
            "rig add",
            "run",
            "shutdown",
            "up",
            "db upgrade",
        }
    ),
}
FORWARDED = ("SIGHUP", "SIGINT", "SIGTERM", "SIGTSTP", "SIGCONT", "SIGWINCH")
INHERITED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGALRM")
# What decides how an interpreter and its libraries behave from their start on.
_DECISIVE = ("PYTHON", "LD_", "DYLD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "SQLALCHEMY_", "PYDANTIC_", "PSYCOPG_")
_KEPT = ("HOME", "PATH", "TMPDIR", "XDG_RUNTIME_DIR", "GASTOWN_RESIDENT_IDLE_S")
_START = "import sys; sys.path[:] = sys.argv[3:]; from gastown.cli.resident.server import main; main()"


def is_inside() -> bool:
    """Whether this process belongs to an agent's session, which has a worker of its own to ask."""
    return bool(os.environ.get("GT_SESSION_SOCKET"))


def is_wanted(program: str, argv: list[str]) -> bool:
    """Whether the resident may run this command; otherwise it is neither asked nor started."""
    if socket is None or os.environ.get("GASTOWN_RESIDENT") == "off" or os.getuid() != os.geteuid():
        return False
    if None in (sys.stdin, sys.stdout, sys.stderr) or sys.orig_argv[1:2] != sys.argv[:1]:
        return False  # a closed stream, or options of the interpreter, of which the resident knows nothing
    words = [word for word in argv if not word.startswith("-")]
    direct = DIRECT[program]
    if not direct.isdisjoint(words) or not direct.isdisjoint(map(" ".join, pairwise(words))):
        return False
    # Descriptors beyond the three are not handed over, nor is there a controlling terminal.
    return not any("/fd/" in word or "/dev/tty" in word for word in argv)


def identity() -> bytes:
    """What a resident is for: this user, interpreter, code, and what of the machine this process can see."""
    parts = [str(os.getuid()), sys.executable, sys.version, __file__, *sys.path]
    root = os.stat("/")
    parts.append(f"{root.st_dev}:{root.st_ino}")
    for kind in ("mnt", "user", "pid", "net"):
        try:
            parts.append(os.readlink(f"/proc/self/ns/{kind}"))
        except OSError:
            parts.append("")
    parts += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(_DECISIVE))
    return os.fsencode("\n".join(parts))


def place(key: bytes) -> str:
    """The path of the socket, without its ending; empty where no folder's path is short enough."""
    # A name only: the resident compares the whole of `key`. Python's own hash differs from process to process.
    name = f"resident-{int.from_bytes(key, 'big') % 0xFFFF_FFFF_FFFF_FFC5:016x}"
    path = f"{folder()}/{name}"
    return path if len(os.fsencode(path)) + 5 <= _LONGEST_PATH else ""


def folder() -> str:
    """The private folder for this user's residents."""
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if own.startswith("/") and len(own) < 50 and os.path.isdir(own):
        return f"{own}/gastown"
    temporary = os.environ.get("TMPDIR", "")
    return f"{temporary if temporary.startswith('/') else '/tmp'}/gastown-{os.getuid()}"  # noqa: S108 - see is_private


def is_private(path: str) -> bool:
    """Whether `path` is a folder, not a link to one, of this user, into which nobody else can look."""
    found = os.lstat(path)
    return (found.st_mode & 0o170077) == 0o040000 and found.st_uid == os.getuid()


def peer(connection: "socket.socket") -> tuple[int, int]:
    """The process and the user at the other end; the process is 0 where the platform does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return 0, os.getuid()  # the folder's owner is all that is known, and was looked at
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(found[:4], sys.byteorder), int.from_bytes(found[4:8], sys.byteorder)


def connect(path: str, patience_s: float = PATIENCE_S) -> "socket.socket":
    """A connection to the resident at `path`; OSError where there is none of this user."""
    if not is_private(os.path.dirname(path)):
        raise PermissionError(path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(patience_s)
        connection.connect(path)
        if peer(connection)[1] != os.getuid():
            raise PermissionError(path)
    except OSError:
        connection.close()
        raise
    return connection


def run(program: str, argv: list[str]) -> None:
    """Have the resident run the command and leave with its exit status; return where it must be run here."""
    key = identity()
    path = place(key)
    if not path or signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return
    ends: list[socket.socket] = []
    try:
        has_begun = _hand_over(f"{path}.sock", _request(key, program, argv), ends)
    except (OSError, ValueError):
        has_begun = False
    if has_begun:
        _leave(ends[1])  # from here on nothing leads back to running the command here
    for end in ends:  # the resident and its child learn from this that they are not wanted
        end.close()


def _hand_over(path: str, request: bytes, ends: "list[socket.socket]") -> bool:
    """Whether a child has the command and begins; `ends` become the connection to the resident and the channel."""
    deadline = time.monotonic() + PATIENCE_S
    connection = connect(path)
    ends.append(connection)
    # One that is stopped must not be sent the streams: whoever reads our output would wait for their end.
    if connection.recv(1) != b"H":
        return False
    channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ends.append(channel)
    try:
        _send(connection, theirs.fileno(), request)
    finally:
        theirs.close()
    channel.settimeout(max(deadline - time.monotonic(), 0.01))
    said = channel.recv(16)
    if said[:1] != b"R":
        return False
    before = _forward_signals(connection, int(said[1:]))
    try:
        channel.settimeout(None)
        channel.send(b"G")
    except OSError:  # the child is gone and has not begun
        for number, handler in before:
            signal.signal(number, handler)
        return False
    return True


def _request(key: bytes, program: str, argv: list[str]) -> bytes:
    umask = os.umask(0o077)
    os.umask(umask)
    ignored = ",".join(name for name in INHERITED if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN)
    words = [os.fsencode(word) for word in (program, ignored, str(umask), str(len(argv)), sys.argv[0], *argv)]
    body = b"\0".join([key, *words, *(name + b"=" + value for name, value in os.environb.items())])
    if len(body) > REQUEST_LIMIT:
        raise ValueError
    return len(body).to_bytes(4, "big") + body


def _send(connection: "socket.socket", channel: int, request: bytes) -> None:
    here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
    try:
        passed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2, here, channel))
        sent = connection.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    finally:
        os.close(here)
    connection.sendall(request[sent:])


def _forward_signals(connection: "socket.socket", child: int) -> "list[tuple[int, object]]":
    """Send on what this process is sent; return the handlers that were there before."""

    def forward(number: int, _frame: object) -> None:
        try:
            connection.send(bytes((number,)))
        except OSError:
            # The resident is gone. Who holds the other end of the channel is the child, which has not ended.
            os.kill(child, number)
        if number == signal.SIGTSTP:
            os.kill(os.getpid(), signal.SIGSTOP)

    before = []
    for number in (getattr(signal, name) for name in FORWARDED):
        handler = signal.getsignal(number)
        if handler != signal.SIG_IGN:
            signal.signal(number, forward)
            before.append((number, handler))
    return before


def _leave(channel: "socket.socket") -> "NoReturn":
    """Wait for the command's end and end the same way."""
    try:
        said = channel.recv(16).partition(b"\n")[0]  # both the child and the resident may tell
    except OSError:
        said = b""
    if said[:1] == b"S":
        number = int(said[1:])
        if number != signal.SIGKILL:  # which is never handled otherwise
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    if said[:1] != b"E":
        os.write(2, b"Error: the command was ended from outside before it could say how it went.\n")
        os.write(2, b"Hint: Look what it has done (`bd show`, `gt status`) before you run it again.\n")
        os._exit(1)
    os._exit(int(said[1:]))


def start() -> None:
    """Start a resident for the next command, unless one runs or starts; what stands in the way is nobody's error."""
    import fcntl

    path = place(identity())
    try:
        if not path:
            return
        top = os.path.dirname(path)
        os.makedirs(top, mode=0o700, exist_ok=True)
        if not is_private(top):
            return
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_size and 0 <= time.time() - os.fstat(lock).st_mtime < START_PAUSE_S:
            return
        os.pwrite(lock, b"started\n", 0)
        os.set_inheritable(lock, True)  # the lock passes to the resident without a moment between
        _spawn([sys.executable, "-c", _START, str(lock), path, *sys.path])
    except OSError:
        return


def _spawn(words: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_DECISIVE)}
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    os.posix_spawn(words[0], words, environment, file_actions=nowhere)
