"""The report of an evaluation: tables, plots and one page to read."""
