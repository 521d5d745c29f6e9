"""The server of an agent's session: `bd mcp` becomes this there."""

import sys

from gastown.cli.mcp.calls import HOW_TO_INSTALL, session_runner


def main() -> int:
    """Serve until the agent's client goes away."""
    try:
        from gastown.cli.mcp.server import make_server
    except ModuleNotFoundError as error:
        sys.stderr.write(f"Error: the package {error.name} is missing\nHint: {HOW_TO_INSTALL}\n")
        return 6
    make_server(session_runner()).run("stdio")
    return 0


if __name__ == "__main__":
    sys.exit(main())
