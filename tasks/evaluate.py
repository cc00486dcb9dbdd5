"""Test every trained model on the same held-out patients."""

from lvseg.core.command import run


def main() -> None:
    """Score all trained models on the test patients; write the tables in reports/ and log the scores to their runs."""
    from pathlib import Path

    from lvseg import params
    from lvseg.core import backend
    from lvseg.core.own_lines import say

    settings = params.load()
    device = backend.prepare(settings.evaluate.threads, seed=0)
    say(f"evaluate: {device}")

    from lvseg.evaluation.evaluate import evaluate
    from lvseg.evaluation.kept import SCORES
    from lvseg.evaluation.sources import Sources
    from tracking.scores.evaluation import log_scores

    reports, sources = Path("reports"), Sources()
    names = evaluate(reports, SCORES, sources, settings)
    log_scores({name: sources.models / name for name in names}, reports)


if __name__ == "__main__":
    run(main)
