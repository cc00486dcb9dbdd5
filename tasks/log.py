"""Log what trainings kept while the tracking store was out of reach."""

from lvseg.command import run


def main() -> None:
    """Log the kept records of trainings and evaluations to the tracking store."""
    from tracking.delivery import log_waiting

    log_waiting()


if __name__ == "__main__":
    run(main)
