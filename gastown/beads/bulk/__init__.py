"""Many writes as one: plans, batches, whole graphs at once."""
