"""`make bench N=1000 TASKS=1`: how fast the operator is, and what it costs, beside the floor."""
