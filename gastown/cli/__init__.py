"""The command line: `gt` for the town, `bd` for its beads. Commands parse, call one function and render."""
