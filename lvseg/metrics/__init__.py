"""Measures: overlap, distances of surfaces, the 2009 challenge, volumes, and statistics over patients."""
