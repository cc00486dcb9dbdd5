"""Scores of one model: on slices, by structure, and of the volumes of the whole cine."""
