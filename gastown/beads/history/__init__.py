"""What became of a bead and when, from the event rows alone."""
