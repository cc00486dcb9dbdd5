"""What a Python program calls: `lvseg.predict` and `lvseg.load_model`, in the program's own process."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from lvseg.core.texts import shown
from lvseg.studies.analysis.result import KnownError, StudyResult

if TYPE_CHECKING:
    from lvseg.studies.analysis.loaded_model import LoadedModel

# Of one operation, as `evaluate.threads` in params.yaml: another number may change the last digits.
THREADS = 2


def predict(
    study: str | PathLike[str],
    model: "str | PathLike[str] | LoadedModel | None" = None,
    series: str | None = None,
    height_cm: float | None = None,
    weight_kg: float | None = None,
) -> StudyResult:
    """Segment the short-axis cine of one study and measure it, as the command `lvseg predict` does; nothing is written.

    All of it happens in the process of the caller. A damaged file may end it, since decoders of pixels are written in
    C: for the files of strangers there is the command, which reads them in processes of their own.

    Args:
        study: folder, zip archive or DICOMDIR that holds one study of one patient, or a NIfTI file.
        model: folder with `model.keras` and `run.json` of a training, such as `models/unet`, or what `load_model`
            returned for one: to be loaded once for many studies; None for the one that comes with the program.
        series: number, UID or part of the description of the series to take; None lets the program choose.
        height_cm: of the patient, for volumes per square metre of his body's surface; None takes what the files say.
        weight_kg: of the patient, in the same way.

    Returns:
        The study with its N masks, where each of them lies, its measurements, and the verdict on them: `failed` where
        it has no ejection fraction.

    Raises:
        UserError: the folder holds no model, or nothing can be read that may be one short-axis cine; the message says
            why, and may name patients.

    Example:
        >>> result = lvseg.predict("studies/0001.zip")
        >>> result.measurements.ef_percent, result.assessment.verdict
        (57.3, 'ok')
    """
    from lvseg.core.paths.archives import UnreadableError
    from lvseg.data.pseudonyms import study_name
    from lvseg.studies.analysis.body import stated
    from lvseg.studies.analysis.loaded_model import LoadedModel
    from lvseg.studies.cohort import inputs

    path = Path(study)
    stated_body = stated(height_cm, weight_kg)
    loaded = model if isinstance(model, LoadedModel) else load_model(model)
    try:
        first, *others = inputs.studies(path)
        if others:
            raise inputs.RefusedError(
                f"it holds {1 + len(others)} studies: name the folder of one; the command `lvseg predict` does them all"
            )
        return first.analysed(study_name(first.identity), series, loaded, stated_body)
    except (inputs.RefusedError, UnreadableError) as error:
        raise UserError(f"{shown(path)}: {error}") from None


def load_model(folder: str | PathLike[str] | None = None) -> "LoadedModel":
    """Load a model for `predict`.

    Sets TensorFlow to deterministic kernels and two threads, as the command `lvseg predict` does: the same study and
    model give the same figures. That is only possible before TensorFlow runs its first operation; a warning says so
    afterwards.

    Args:
        folder: with `model.keras` and `run.json` of a training, such as `models/unet`; None for the model that comes
            with the program.

    Raises:
        UserError: the folder holds no model, or its two files are not of one training.
    """
    from lvseg.shipped import shipped_model
    from lvseg.studies.cohort.order import model_facts

    if folder is None:
        shipped = shipped_model()
        errors = KnownError.all_of(shipped.score)
        path, facts = (
            shipped.folder,
            model_facts(shipped.folder, shipped.version, shipped.tested, errors),
        )
    else:
        path = Path(folder)
        facts = model_facts(path)  # it says what is missing before TensorFlow takes seconds to come in
    from lvseg.core import backend
    from lvseg.studies.analysis import loaded_model

    backend.prepare(THREADS, seed=None)
    return loaded_model.load_model(path, facts)
