"""The shape of the graph: circles, waves, and what could never be closed."""
