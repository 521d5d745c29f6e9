"""`bd mcp`: beads for agents without a shell, over the Model Context Protocol on standard input and output.

Each tool is one `bd` command line with `--json`; nothing is decided here. Inside an agent's session the command goes
to the session's worker, as a typed one does.
"""
