"""Draw the page and the pictures of an evaluation."""

from lvseg.core.command import run


def main() -> None:
    """Draw pictures and write reports/index.html from what `evaluate` kept; add them to the models' runs."""
    import shutil
    import tempfile
    from pathlib import Path

    from lvseg import params
    from lvseg.core.paths.files import atomic_path
    from lvseg.evaluation.kept import SCORES
    from lvseg.evaluation.sources import Sources
    from lvseg.report.build import PAGE, PICTURES, build
    from tracking.scores.evaluation import log_report

    settings, sources, reports = params.load(), Sources(), Path("reports")
    with tempfile.TemporaryDirectory() as folder:
        pictures = build(Path(folder), reports / "metrics.json", SCORES, sources, settings)
        with atomic_path(reports / PICTURES) as unfinished:
            shutil.copytree(Path(folder) / PICTURES, unfinished)
        with atomic_path(reports / PAGE) as unfinished:
            shutil.copyfile(Path(folder) / PAGE, unfinished)
    log_report(
        models={name: sources.models / name for name in pictures},
        page=reports / PAGE,
        pictures={name: [reports / path for path in paths] for name, paths in pictures.items()},
    )


if __name__ == "__main__":
    run(main)
