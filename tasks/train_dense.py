"""Train the dense network on the training patients."""

from lvseg.core.command import run


def main() -> None:
    """Train the dense network and record the run."""
    from lvseg import params
    from lvseg.models import dense
    from lvseg.training.article import article_recipe
    from lvseg.training.stage import train_stage
    from tracking.runs.training import TrackedTraining

    train_stage(article_recipe("dense", dense.build), params.load, TrackedTraining)


if __name__ == "__main__":
    run(main)
