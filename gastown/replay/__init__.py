"""Replay: the state tables rebuilt from the events, to prove that the log tells all, and to show the town as it was."""

__all__: list[str] = []
