"""Test every trained model on the same held-out patients."""

from lvseg.core.command import run


def main() -> None:
    """Score all trained models on the test patients; write reports/ and add the scores to their runs."""
    from pathlib import Path

    from lvseg import params
    from lvseg.core import backend
    from lvseg.core.files import atomic_path

    settings = params.load()
    place = backend.prepare(settings.evaluate.threads, seed=0)
    print(f"evaluate: {place}", flush=True)

    from lvseg.report.build import Sources, build
    from tracking.scores.evaluation import log_evaluation

    reports, sources = Path("reports"), Sources()
    with atomic_path(reports) as folder:
        pictures = build(folder, sources, settings)
    log_evaluation(
        models={name: sources.models / name for name in pictures},
        reports=reports,
        pictures={name: [reports / path for path in own] for name, own in pictures.items()},
    )


if __name__ == "__main__":
    run(main)
