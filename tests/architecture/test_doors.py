"""One door each for the environment, the clock, processes, git, Celery and the commit."""

import ast
from collections.abc import Iterator

import pytest

from tests.support.source_tree import Source, imports, program

# Run by agents' processes or forked thousands of times: they may import nothing but the standard library.
_STANDALONE = {
    "gastown/chaos/agent.py",
    "gastown/cli/resident/client.py",
    "gastown/cli/session_client.py",
    "gastown/refinery/warden.py",
    "gastown/runtimes/keeper.py",
    "gastown/runtimes/session_facts.py",
    "gastown/runtimes/session_wire.py",
    "gastown/town/demo/agent.py",
    "gastown/town/launch.py",
}


def _outside(allowed: set[str]) -> Iterator[Source]:
    return (source for source in program() if source.name not in allowed)


def _dotted(node: ast.AST) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _uses(source: Source, names: set[str]) -> list[str]:
    return [
        f"{source.name}:{node.lineno} {_dotted(node)}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and _dotted(node) in names
    ]


def test_only_config_reads_the_environment() -> None:
    allowed = {"gastown/config/settings.py", "gastown/config/stores.py", *_STANDALONE}
    allowed.add("gastown/cli/resident/child.py")  # which takes over its caller's environment
    found = [use for source in _outside(allowed) for use in _uses(source, {"os.environ", "os.getenv", "os.environb"})]
    assert not found, "\n".join(found)


def test_only_clock_knows_the_present() -> None:
    asked = {"datetime.now", "datetime.utcnow", "datetime.datetime.now", "time.time", "date.today", "time.monotonic"}
    found = [use for source in _outside({"gastown/clock.py", *_STANDALONE}) for use in _uses(source, asked)]
    assert not found, "\n".join(found)


# Who may start processes, and which.
PROCESS_DOORS = {
    "gastown/chaos/agent.py": "git and gt, as the program that plays an agent",
    "gastown/chaos/servers.py": "the PostgreSQL server of a chaos run",
    "gastown/beads/upkeep/summaries.py": "the program that writes summaries",
    "gastown/cli/bd/worktree.py": "becomes the program for mail that the store names",
    "gastown/cli/session_client.py": "git, for the state of the agent's own worktree",
    "gastown/cli/resident/client.py": "the resident",
    "gastown/cli/resident/server.py": "a child of its own for each command",
    "gastown/beads/gates/github.py": "gh, for gates that wait for GitHub",
    "gastown/git/run.py": "git",
    "gastown/providers/gh.py": "gh, for pull requests",
    "gastown/refinery/command.py": "a rig's gates",
    "gastown/refinery/warden.py": "the command of one gate",
    "gastown/runtimes/host.py": "the keepers' zygote",
    "gastown/runtimes/keeper.py": "agents",
    "gastown/town/demo/agent.py": "git, as the program that plays an agent",
    "gastown/town/demo/gate.py": "the tests of the demo's sample",
    "gastown/town/launch.py": "becomes the program that it starts",
    "gastown/town/processes.py": "becomes one of the town's processes",
    "gastown/town/supervision.py": "the embedded town's supervisor",
    "gastown/town/supervisord.py": "forks and programs, for supervisord",
}


def test_processes_are_started_at_their_doors_only() -> None:
    found = [
        f"{source.name}:{line} imports subprocess"
        for source in _outside(set(PROCESS_DOORS))
        for line, module, _ in imports(source)
        if module.split(".")[0] in {"subprocess", "multiprocessing", "pty"}
    ]
    starters = {
        "os.system",
        "os.popen",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.execv",
        "os.execve",
        "os.execvp",
    }
    found += [use for source in _outside(set(PROCESS_DOORS)) for use in _uses(source, starters)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("libraries", "doors"),
    [
        ({"celery", "kombu", "redis", "billiard", "vine"}, ("gastown/queue.py", "workers/", "beat/")),
        ({"git"}, ("gastown/git/",)),
        ({"pysqlite3", "sqlite3", "psycopg"}, ("gastown/db/engine.py", "gastown/db/postgres.py")),
        ({"alembic"}, ("gastown/migrations/", "gastown/town/schema.py")),
    ],
    ids=["celery and redis", "GitPython", "database drivers", "alembic"],
)
def test_library_has_one_door(libraries: set[str], doors: tuple[str, ...]) -> None:
    found = [
        f"{source.name}:{line} imports {module}"
        for source in program()
        if not source.name.startswith(doors)
        for line, module, _ in imports(source)
        if module.split(".")[0] in libraries
    ]
    assert not found, "\n".join(found)


def test_only_the_unit_of_work_commits() -> None:
    found = [
        f"{source.name}:{node.lineno} commits"
        for source in _outside({"gastown/db/unit_of_work.py"})
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert not found, "\n".join(found)
