"""Runs of trainings: recorded epoch by epoch, kept while no server answers, logged once."""
