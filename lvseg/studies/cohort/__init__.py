"""Thousands of studies: inputs, workers, and the journal of what was done."""
