"""The folder of one study, with all that is written of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.nifti.stacking import NO_OBJECT
from lvseg.studies.analysis.assessment import lacking
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs.study_record import StudyRecord, record_of, write_record


@dataclass(frozen=True)
class Outputs:
    """Which files are written beside measurements, report and movie.

    Attributes:
        all_phases: the segmentation object holds every phase; else end-diastole and end-systole.
        nifti: also the masks as NIfTI; of a source that is NIfTI they always are.
        contours: also the contours as text, in Sunnybrook's form.
        deidentified: the DICOM object says nothing of the patient.
        dates: the report says when the patient was examined, and when this was done.
    """

    all_phases: bool
    nifti: bool
    contours: bool
    deidentified: bool = False
    dates: bool = False

    def checked(self) -> "Outputs":
        """Return these outputs.

        Raises:
            UserError: they contradict each other.
        """
        if self.dates and self.deidentified:
            raise UserError("--dates and --deidentify: dates lead to the patient; leave one of them out")
        return self


def write(folder: Path, private: Path, result: StudyResult, outputs: Outputs) -> StudyRecord:
    """Write all outputs of a study, and return its record.

    Args:
        folder: of the study; it is there and empty.
        private: the same for what names the patient: the DICOM object, unless that says nothing of him.
        result: the study.
        outputs: what else is written.

    Raises:
        OSError: the disk refuses.
    """
    from lvseg.studies.outputs import contours_text, nifti
    from lvseg.studies.outputs.dicom import dicom_seg
    from lvseg.studies.outputs.page import movie, study_page

    ends = sorted(set(result.measurements.ed_and_es))
    phases = range(1, result.cine.phases + 1) if outputs.all_phases else ends
    place = (folder if outputs.deidentified else private) / "segmentation.dcm"
    missing: dict[str, str | None] = {}
    of_dicom = result.volume is None
    if of_dicom:
        missing[place.name] = dicom_seg.write(place, result, list(phases), outputs.deidentified)
    if outputs.nifti or not of_dicom:
        missing["segmentation.nii.gz"] = nifti.write(folder / "segmentation.nii.gz", result)
    result = replace(result, assessment=lacking(result.assessment, missing))
    if outputs.deidentified:
        result = replace(result, measurements=replace(result.measurements, sex=""))
    movie.write(folder / "cine.webp", result)
    film = (folder / "cine.webp").read_bytes()
    study_page.write(folder / "report.html", result, film, outputs.dates)
    if outputs.contours:
        contours_text.write(folder / "contours", result)
    record = record_of(result, missing.get(place.name) if of_dicom else NO_OBJECT)
    write_record(folder, record)
    return record
