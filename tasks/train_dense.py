"""Stage train-dense: train the dense network on the training patients."""

from lvseg.command import run


def main() -> None:
    """Train the dense network and record the run."""
    from lvseg import params
    from lvseg.models import dense
    from tracking.training import tracked_training

    tracked_training(dense.RECIPE, params.load())


if __name__ == "__main__":
    run(main)
