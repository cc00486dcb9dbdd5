"""Prefect: the graph of dvc.yaml run stage by stage, on a schedule, on one machine or many.

Nothing is reported to Prefect's makers, no proxy hides our servers, and what a run writes is its owner's alone, whoever
started it: this is set before Prefect is imported anywhere below this package.
"""

import os

from lvseg.core.environment import reach_loopback

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
reach_loopback(os.environ)
os.umask(0o077)
