"""Stage train-cnn: train the cnn network on the training patients."""

from lvseg.command import run


def main() -> None:
    """Train the cnn network and record the run."""
    from lvseg import params
    from lvseg.models import cnn
    from tracking.training import tracked_training

    settings = params.load()
    tracked_training(
        stage="train-cnn", name="cnn", build=cnn.build, settings=settings.train_cnn, params=settings
    )


if __name__ == "__main__":
    run(main)
