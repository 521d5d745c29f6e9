"""Gates: things outside the graph that work waits for."""
