"""The files of one study: DICOM images, or NIfTI volumes."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.dicom.image import Image
from lvseg.nifti.volume_files import VolumeFiles
from lvseg.studies.analysis.body import Body

if TYPE_CHECKING:
    from lvseg.studies.analysis.loaded_model import LoadedModel
    from lvseg.studies.analysis.result import StudyResult


@dataclass(frozen=True)
class StudyImages:
    """The images of one study, and the files beside them that hold none.

    Attributes:
        patient: his id in the files.
        uid: StudyInstanceUID; empty where the files have none.
        images: headers of all images, whatever their series.
        set_aside: files that cannot be used, with the reason for each.
    """

    patient: str
    uid: str
    images: list[Image]
    set_aside: list[SetAside]

    @property
    def identity(self) -> str:
        """What tells the study from all others, in whatever folder it lies."""
        return self.uid or self.images[0].sop_uid

    def analysed(
        self, name: str, series: str | None, model: "LoadedModel", stated_body: Body
    ) -> "StudyResult":
        """Return the study, segmented and measured; see `lvseg.studies.analysis.analyse`."""
        from lvseg.studies.analysis.analyse import analyse_study

        return analyse_study(name, self.images, self.set_aside, series, model, stated_body)


@dataclass(frozen=True)
class StudyVolumes(StudyImages):
    """The NIfTI volumes of one study, which has no images of DICOM's, and the files beside them that hold none.

    Attributes:
        files: of the patient; a hash of them is the study's UID, for nothing else tells it from all others.
    """

    files: VolumeFiles

    @classmethod
    def of(cls, files: VolumeFiles, set_aside: list[SetAside]) -> "StudyVolumes":
        """Return the study that a patient's files are."""
        whole = hashlib.sha256()
        for image in files.images:
            try:
                whole.update(image.item.read())
            except UnreadableError:  # it is set aside when it is analysed
                whole.update(image.item.label.encode())
        return cls(files.id, whole.hexdigest(), [], set_aside, files)

    def analysed(
        self, name: str, series: str | None, model: "LoadedModel", stated_body: Body
    ) -> "StudyResult":
        """Return the study, segmented and measured; see `lvseg.studies.analysis.analyse`."""
        from lvseg.studies.analysis.analyse import analyse_volumes

        return analyse_volumes(name, self.files, self.set_aside, series, model, stated_body)
