"""Train the U-Net on the training patients."""

from lvseg.core.command import run


def main() -> None:
    """Train the U-Net and record the run."""
    from lvseg import params
    from lvseg.training import unet
    from lvseg.training.stage import train_stage
    from tracking.runs.training import TrackedTraining

    train_stage(unet.RECIPE, params.load, TrackedTraining)


if __name__ == "__main__":
    run(main)
