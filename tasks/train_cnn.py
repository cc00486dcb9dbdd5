"""Train the convolutional network on the training patients."""

from lvseg.core.command import run


def main() -> None:
    """Train the cnn network and record the run."""
    from lvseg import params
    from lvseg.models import cnn
    from lvseg.training.article import article_recipe
    from lvseg.training.stage import train_stage
    from tracking.runs.training import TrackedTraining

    train_stage(article_recipe("cnn", cnn.build), params.load, TrackedTraining)


if __name__ == "__main__":
    run(main)
