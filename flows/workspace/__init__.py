"""Where a run works: a git worktree of its own, and the commits made of it."""
