"""Stage train-dense: train the dense network on the training patients."""

from lvseg.command import run


def main() -> None:
    """Train the dense network and record the run."""
    from lvseg import params
    from lvseg.models import dense
    from tracking.training import tracked_training

    settings = params.load()
    tracked_training(
        stage="train-dense", name="dense", build=dense.build, settings=settings.train_dense, params=settings
    )


if __name__ == "__main__":
    run(main)
