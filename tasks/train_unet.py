"""Stage train-unet: train the U-Net on the training patients."""

from lvseg.command import run


def main() -> None:
    """Train the U-Net and record the run."""
    from lvseg import params
    from lvseg.models import unet
    from tracking.training import tracked_training

    tracked_training(unet.RECIPE, params.load())


if __name__ == "__main__":
    run(main)
