"""Stage train-cnn: train the cnn network on the training patients."""

from lvseg.command import run


def main() -> None:
    """Train the cnn network and record the run."""
    from lvseg import params
    from lvseg.models import cnn
    from tracking.training import tracked_training

    tracked_training(cnn.RECIPE, params.load())


if __name__ == "__main__":
    run(main)
