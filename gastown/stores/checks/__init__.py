"""What `bd doctor` looks at: the graph, the file, the folder."""
