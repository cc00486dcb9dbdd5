"""Everything that a team's set-up needs, on one machine and for a moment: servers, remotes, clones, workers.

All of it lives in one temporary folder, listens on loopback, and ends with the block that asked for it.
"""
