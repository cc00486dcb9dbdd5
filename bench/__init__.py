"""Benchmarks that anyone can run: each compares against a real alternative or a limit in the same run."""
