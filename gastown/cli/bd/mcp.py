"""`bd mcp`."""

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context
from gastown.errors import Unavailable


class NoMcp(Unavailable):
    """The package that speaks the protocol is not installed."""


@command("mcp", resident=False)
@pass_context
def mcp(context: Context) -> None:
    """Serve beads to an agent without a shell (Model Context Protocol, on standard input and output).

    Needs the extra `mcp` of this package. The agent's client starts this by itself once it is configured.

    \b
    Example:
      bd -C ~/project mcp
    """
    from gastown.cli.mcp.calls import HOW_TO_INSTALL, local_runner

    try:
        from gastown.cli.mcp.server import make_server
    except ModuleNotFoundError as error:
        raise NoMcp(f"the package {error.name} is missing", hint=HOW_TO_INSTALL) from None
    context.check_ready()
    make_server(local_runner(context)).run("stdio")
