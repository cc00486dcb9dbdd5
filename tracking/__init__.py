"""Runs, comparison and lineage: the only package that imports MLflow."""
