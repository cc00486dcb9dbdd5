"""Servers and workers: their addresses and surroundings."""
