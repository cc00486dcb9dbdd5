"""Thousands of studies.

`cohort` runs them in worker processes: `inputs` says what lies behind a path, `order` how everything is to be done,
`worker` does one input after the other, and `journal` remembers what was done.
"""
