"""The supervisor's program: supervisord, from which workers and the clock are forked with everything imported.

Run as `python -P supervisord.py -n -c FILE`, by path, so that Redis need not wait for the imports of `gastown.town`.
Five processes would else import the same modules each, a second of a processor at every start, and keep them in memory
five times. A fork is in all else what `launch.py` makes of a process. Where the code on the disk is no longer what was
imported, and on other systems than Linux, `launch.py` runs instead, in an interpreter of its own (decision 0031).
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import setproctitle
from supervisor import supervisord
from supervisor.options import ProcessConfig, ServerOptions
from supervisor.process import Subprocess
from supervisor.states import SupervisorStates

from gastown import config
from gastown.config.code import Look, look_of_the_code

# What workers and the clock import of ours and others', themselves excepted: these read the town's settings.
_IMPORTED = (
    "billiard.popen_fork",
    "billiard.synchronize",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.routes",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.bin.beat",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "celery.events.receiver",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "ctypes",
    "gastown.cli.app",
    "gastown.db.unit_of_work",
    "gastown.tables",
    "gastown.town.launch",
    "gastown.town.reconciling",
    "kombu.transport.redis",
    "psycopg",
    "pysqlite3.dbapi2",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2})


class Mould:
    """This interpreter once it has imported what the town's processes share: they are forked from it."""

    def __init__(self) -> None:
        self._is_made = False
        self._code: Look | None = None

    def make(self) -> None:
        """Import it all, once. Raises what an import raises: every process is then left to find out by itself."""
        if self._is_made or sys.platform != "linux":
            return
        self._is_made = True
        code = look_of_the_code()  # before anything is imported that could change meanwhile
        gc.disable()  # nothing that is imported becomes garbage
        for module in _IMPORTED:
            importlib.import_module(module)
        importlib.import_module("sqlalchemy.orm").configure_mappers()
        gc.freeze()
        gc.enable()
        if threading.active_count() == 1:  # what another thread holds would be held for ever in a fork
            self._code = code

    def fits(self) -> bool:
        """Whether what was imported is what is on the disk."""
        return self._code is not None and self._code == look_of_the_code()


class Alarm:
    """What a signal makes readable, as supervisord's loop wants it."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        for end in (self.ours, self.theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(self.theirs.fileno(), warn_on_full_buffer=False)

    def by_number(self) -> dict[int, "Alarm"]:
        """Under its file's number."""
        return {self.ours.fileno(): self}

    def readable(self) -> bool:
        """It always waits for a signal."""
        return True

    def writable(self) -> bool:
        """It says nothing."""
        return False

    def handle_read_event(self) -> None:
        """The loop is awake: no more is needed."""
        with contextlib.suppress(BlockingIOError):
            self.ours.recv(4096)

    def handle_error(self) -> None:
        """Nothing is lost with it but a second."""


class Options(ServerOptions):  # type: ignore[misc]
    """supervisord's options and its ways to the system."""

    def __init__(self) -> None:
        super().__init__()
        self.mould = Mould()

    def processes_from_section(self, parser: Any, section: str, group_name: str, klass: Any = None) -> Any:
        """As supervisord does, with processes of our kind."""
        return super().processes_from_section(parser, section, group_name, Config if klass is ProcessConfig else klass)

    def setsignals(self) -> None:
        """Listen to signals, and be woken by them: a poll goes on after one, and ends would be seen a second late."""
        super().setsignals()
        self.get_socket_map().update(Alarm().by_number())

    def fork(self) -> int:
        """Fork; a child that is told to end must not do what the supervisor does then."""
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """In the child: become the process, from the mould where that may be."""
        name = argv[-1]
        if _order(name)["by_fork"]:
            if self.mould.fits():
                become(name, env)
            self.write(
                2, f"{name} begins with imports of its own: the supervisor has none, or others than are on disk\n"
            )
        super().execve(filename, argv, env)


class Config(ProcessConfig):  # type: ignore[misc]
    """A program of the supervisor's file."""

    def make_process(self, group: Any = None) -> Any:
        """What runs it."""
        process = Process(self)
        process.group = group
        return process


class Process(Subprocess):  # type: ignore[misc]
    """A process that the supervisor keeps alive."""

    def spawn(self) -> Any:
        """Start it. The imports wait for the first process that needs them, so that Redis is up when they are done."""
        options = self.config.options
        try:
            if _order(self.config.name)["by_fork"]:
                options.mould.make()
        except Exception as error:  # those who need it will say more, in logs of their own
            options.logger.critical(f"cannot import what workers need: {error!r}")
        return super().spawn()

    def finish(self, pid: int, sts: int) -> None:
        """It has ended: start it again now, where it shall be; supervisord would wait out its next poll, a second."""
        super().finish(pid, sts)
        self.transition()


def _order(name: str) -> dict[str, Any]:
    path = os.path.join(config.environment()["GASTOWN_SERVICES"], "processes.json")
    with open(path, encoding="utf-8") as file:
        order = json.load(file)[name]
    assert isinstance(order, dict)
    return order


def become(name: str, environment: Mapping[str, str]) -> NoReturn:
    """In a fork: be the process of this name, which is `python -m MODULE ...`, and end with it."""
    code = 1
    try:
        code = _run(name, environment)
    except SystemExit as stop:
        code = _code_of(stop)
    except BaseException:  # as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        _end(code)


def _run(name: str, environment: Mapping[str, str]) -> int:
    from gastown.town import launch

    signal.signal(signal.SIGINT, signal.default_int_handler)
    setproctitle.setproctitle(f"gt {name}")  # until Celery says more
    order = launch.take_place(name, environment)
    if order is None:
        return launch.LOCKED
    module, *sys.argv = order["argv"][2:]
    sys.argv.insert(0, module)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _code_of(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    sys.stderr.write(f"{stop.code}\n")
    return 1


def _end(code: int) -> NoReturn:
    """End as the interpreter would; going up through supervisord's own frames would end in its clearing up."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as multiprocessing has it done
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    finally:
        os._exit(code & 0xFF)


def main() -> None:
    """What supervisord's own main function does, with options of our kind; begins anew when it gets SIGHUP."""
    options = Options()
    options.realize(None, doc=supervisord.__doc__)
    options.first, options.test = True, False
    supervisord.go(options)
    options.close_httpservers()
    options.close_logger()
    if options.mood == SupervisorStates.RESTARTING:
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - no shell; what it has imported may be out of date


if __name__ == "__main__":
    main()
