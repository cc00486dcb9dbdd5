"""Which code computes: git, and the source files that a stage's result follows from."""
