"""Show what comes out: one synthetic study to its report."""

import sys
from pathlib import Path

from lvseg.core.command import run

STUDY, OUT = Path("results/demo/study"), Path("results/demo/predicted")
_SEED = 11


def main() -> None:
    """Write the DICOM files of one synthetic heart, segment them, and say where the report lies."""
    from lvseg.cli import predict
    from lvseg.core.paths.files import atomic_path
    from lvseg.phantom.dataset import Size, generate
    from lvseg.studies.cohort.inputs import inputs
    from lvseg.studies.cohort.order import Order
    from lvseg.studies.outputs.study_folder import Outputs
    from lvseg.studies.python_api import THREADS

    if not STUDY.exists():
        with atomic_path(STUDY) as folder:
            generate(folder, _SEED, Size(patients=1, slices=9, phases=16, matrix=192), workers=1)
    model, facts = predict.start_model()
    outputs = Outputs(all_phases=True, nifti=False, contours=False)
    order = Order(OUT.resolve(), model, facts, THREADS, None, outputs, with_ids=False)
    (cine,) = (STUDY / "SCD_IMAGES_01").iterdir()
    status = predict.run(inputs([cine]), order, OUT, workers=1)
    for page in sorted(OUT.glob("*/report.html")):
        print(f"open {page}")
    sys.exit(status)


if __name__ == "__main__":
    run(main)
