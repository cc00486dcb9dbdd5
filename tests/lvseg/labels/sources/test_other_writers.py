"""Segmentation objects that another program wrote: dcmqi, as its users and those of its readers have them."""

import json
import subprocess
import sys
from pathlib import Path

from lvseg.imaging.structures import Structure
from lvseg.labels.sources.seg import read_seg
from tests.lvseg.labels.sources import forms

WRITER = Path(sys.executable).parent / "itkimage2segimage"


def _described() -> dict[str, object]:
    """Return what dcmqi wants to be told of a volume of labels."""
    return {
        "ContentCreatorName": "A^B", "ClinicalTrialSeriesID": "1", "ClinicalTrialTimePointID": "1",
        "SeriesDescription": "Segmentation", "SeriesNumber": "2", "InstanceNumber": "1", "BodyPartExamined": "HEART",
        "segmentAttributes": [[
            {
                "labelID": number, "SegmentDescription": code.meaning, "SegmentAlgorithmType": "MANUAL",
                "SegmentedPropertyCategoryCodeSequence": {
                    "CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure",
                },
                "SegmentedPropertyTypeCodeSequence": {
                    "CodeValue": code.value, "CodingSchemeDesignator": code.scheme_designator,
                    "CodeMeaning": code.meaning,
                },
            }
            for number, code in enumerate(forms.CODES, 1)
        ]],
    }  # fmt: skip


def test_a_volume_of_labels_that_dcmqi_made_a_segmentation_object(tmp_path: Path) -> None:
    heart = forms.heart()
    forms.write_images(tmp_path, heart)
    everything = forms.images(tmp_path)
    for path in (tmp_path / "images").glob("*-1.dcm"):  # it takes the images of one volume
        path.unlink()
    forms.write_nifti(tmp_path / "labels.nii.gz", forms.volume(heart, 0), heart.affine)
    (tmp_path / "segments.json").write_text(json.dumps(_described()))
    (tmp_path / "drawn").mkdir()
    subprocess.run(
        [
            WRITER, "--inputImageList", tmp_path / "labels.nii.gz", "--inputDICOMDirectory", tmp_path / "images",
            "--inputMetadata", tmp_path / "segments.json", "--outputDICOM", tmp_path / "drawn/seg.dcm",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    reading = read_seg(forms.items(tmp_path / "drawn")[0], everything, {})
    assert (reading.aside, reading.unmapped) == ([], {})
    found = {one.sop_uid: one for one in reading.maps}
    assert found.keys() == {forms.uid(index, 0) for index, phase in heart.lines if phase == 0}
    for index, phase in heart.lines:
        if phase == 0:
            one, truth = found[forms.uid(index, 0)], heart.truth[index, 0]
            assert {Structure.CAVITY, Structure.MYOCARDIUM} <= one.known
            assert (one.labels == truth).all()
