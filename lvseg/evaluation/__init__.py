"""Scores of models on a test set, their summaries, and the rules of promotion."""
