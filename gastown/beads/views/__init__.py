"""Ways to look at beads: questions, trees, drawings, explanations."""
