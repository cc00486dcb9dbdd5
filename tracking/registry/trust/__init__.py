"""What may be believed of a version: its files by their hashes, signed by the team, and what it says of itself."""
