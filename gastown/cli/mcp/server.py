"""The tools, and the server that offers them."""

from typing import Annotated, Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from gastown import __version__
from gastown.cli.mcp.calls import CommandFailed, Runner, ask, brief, full

_INSTRUCTIONS = """\
Beads is the issue graph of this project. Find work with `ready`, take it with `claim` (of many callers one gets it),
say what must wait with `dep`, file what you find on the way with `create`, and finish with `close`. A bead that was
slung to you for code closes by itself when its work lands."""

BeadId = Annotated[str, Field(description="A bead's id, or a part of it that fits one bead only.")]
Priority = Annotated[int | None, Field(ge=0, le=4, description="0 is the most urgent, 4 the least.")]
Text = Annotated[str | None, Field(description="Left as it is when not given.")]


class Tools:
    """One method a tool; its docstring is what the model reads."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def _ask(self, *argv: str | None, **options: object) -> object:
        # A positional that begins with a dash would be read as an option: everything after -- is text.
        flags: list[str] = []
        for name, value in options.items():
            if value is True:
                flags.append(f"--{name.replace('_', '-')}")
            elif value is not None and value is not False:
                flags.append(f"--{name.replace('_', '-')}={value}")
        words = [word for word in argv[1:] if word is not None]
        head = str(argv[0]).split()
        try:
            return ask(self._run, [*head, "--json", *flags, *(["--", *words] if words else [])])
        except CommandFailed as error:
            raise ToolError(error.message) from None

    def ready(
        self,
        limit: Annotated[int, Field(ge=1, le=500)] = 20,
        priority: Priority = None,
        assignee: Text = None,
        label: Text = None,
        type: Text = None,
        parent: Text = None,
    ) -> str:
        """List the beads that can be started now, most urgent first: open, unblocked, their time come."""
        return brief(
            self._ask("ready", limit=limit, priority=priority, assignee=assignee, label=label, type=type, parent=parent)
        )

    def list_(  # noqa: PLR0913 - one parameter a field
        self,
        status: Annotated[str | None, Field(description="A status, several with commas, or `all`.")] = None,
        limit: Annotated[int, Field(ge=1, le=500)] = 20,
        priority: Priority = None,
        assignee: Text = None,
        label: Text = None,
        type: Text = None,
        parent: Text = None,
    ) -> str:
        """List beads; done ones are hidden unless a status asks for them."""
        found = self._ask(
            "list",
            status=status,
            limit=limit,
            priority=priority,
            assignee=assignee,
            label=label,
            type=type,
            parent=parent,
        )
        return brief(found)

    def search(self, text: str, limit: Annotated[int, Field(ge=1, le=500)] = 20) -> str:
        """Find text in titles, descriptions and ids."""
        return brief(self._ask("search", text, limit=limit))

    def show(self, id: BeadId) -> str:
        """Show one bead in full: every field, dependencies, dependents, comments."""
        return full(self._ask("show", id))

    def blocked(self, parent: Text = None) -> str:
        """List what must wait, and for what."""
        return brief(self._ask("blocked", parent=parent))

    def create(  # noqa: PLR0913 - one parameter a field
        self,
        title: str,
        description: Text = None,
        type: Text = None,
        priority: Priority = None,
        labels: Annotated[str | None, Field(description="Several with commas.")] = None,
        parent: Text = None,
        deps: Annotated[
            str | None, Field(description="What it waits for or comes from: ID, or TYPE:ID; several with commas.")
        ] = None,
        assignee: Text = None,
        acceptance: Text = None,
        design: Text = None,
    ) -> str:
        """File a bead: title in one line, description with what is to be done and how to see that it is."""
        made = self._ask(
            "create",
            title=title,
            description=description,
            type=type,
            priority=priority,
            labels=labels,
            parent=parent,
            deps=deps,
            assignee=assignee,
            acceptance=acceptance,
            design=design,
        )
        return full(made)

    def claim(
        self, id: Annotated[str | None, Field(description="Without it: the most urgent ready one.")] = None
    ) -> str:
        """Take a bead: it is yours and in progress. Of many callers one gets it."""
        return full(self._ask("update", id, claim=True) if id else self._ask("ready", claim=True))

    def update(  # noqa: PLR0913 - one parameter a field
        self,
        id: BeadId,
        status: Text = None,
        title: Text = None,
        description: Text = None,
        priority: Priority = None,
        assignee: Text = None,
        notes: Text = None,
        append_notes: Text = None,
        design: Text = None,
        acceptance: Text = None,
        add_label: Text = None,
        remove_label: Text = None,
        parent: Text = None,
    ) -> str:
        """Change fields of a bead; what is not given stays."""
        changed = self._ask(
            "update",
            id,
            status=status,
            title=title,
            description=description,
            priority=priority,
            assignee=assignee,
            notes=notes,
            append_notes=append_notes,
            design=design,
            acceptance=acceptance,
            add_label=add_label,
            remove_label=remove_label,
            parent=parent,
        )
        return full(changed)

    def comment(self, id: BeadId, text: str) -> str:
        """Add a remark to a bead."""
        return full(self._ask("comment", id, text))

    def close(self, ids: Annotated[list[str], Field(min_length=1, max_length=100)], reason: str) -> str:
        """Close beads, with what was done. One that was slung for code closes by its landing instead."""
        return brief(self._ask("close", *ids, reason=reason))

    def reopen(self, ids: Annotated[list[str], Field(min_length=1, max_length=100)], reason: str = "") -> str:
        """Make closed beads open again."""
        return full(self._ask("reopen", *ids, reason=reason or None))

    def dep(
        self,
        action: Literal["add", "remove", "list", "tree"],
        id: BeadId,
        depends_on: Annotated[str | None, Field(description="What `id` waits for (add, remove).")] = None,
        type: Annotated[str | None, Field(description="The kind of an added dependency; default: blocks.")] = None,
    ) -> str:
        """Dependencies: `add` makes a bead wait for another, `remove` ends that, `list` and `tree` show them."""
        if action in ("add", "remove") and not depends_on:
            raise ToolError(f"{action} wants depends_on")
        other = depends_on if action in ("add", "remove") else None
        return full(self._ask(f"dep {action}", id, other, type=type if action == "add" else None))

    def stats(self) -> str:
        """Show the store at a glance: how many beads are open, ready, blocked, closed."""
        return full(self._ask("status"))

    def context(self) -> str:
        """Say which store this is, and what its earlier users left to remember."""
        return full({"store": self._ask("where"), "memories": self._ask("memories")})

    def remember(self, text: str, key: Text = None) -> str:
        """Keep a note for whoever works here next."""
        return full(self._ask("remember", text, key=key))


NAMES = (
    *("ready", "list_", "search", "show", "blocked", "create", "claim", "update", "comment", "close", "reopen", "dep"),
    *("stats", "context", "remember"),
)


def make_server(run: Runner) -> MCPServer[None]:
    """A server with every tool; it is started with `run("stdio")` and ends with its input."""
    server: MCPServer[None] = MCPServer("beads", version=__version__, instructions=_INSTRUCTIONS, log_level="ERROR")
    tools = Tools(run)
    for name in NAMES:
        server.add_tool(getattr(tools, name), name=name.rstrip("_"), structured_output=False)
    return server
