"""The resident: a process with everything imported, which forks a child per command. Docs: decision 14."""
