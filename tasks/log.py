"""Log what trainings kept while the tracking store was away."""

from lvseg.core.command import run


def main() -> None:
    """Log the kept records of trainings and evaluations to the tracking store."""
    from tracking.runs.delivery import log_waiting

    log_waiting()


if __name__ == "__main__":
    run(main)
