"""From raw files to shards, index and quality report."""
