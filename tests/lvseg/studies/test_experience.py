"""A model that has never seen a patient calls no study ok, and each report says what its model learnt from."""

from dataclasses import replace
from pathlib import Path

import pytest

from lvseg.dicom.header import PHANTOM
from lvseg.studies.analysis.assessment import LOOK, OK
from lvseg.studies.analysis.loaded_model import LoadedModel
from lvseg.studies.analysis.result import StudyResult
from tests.lvseg.dicom.odd_headers import tags
from tests.lvseg.studies.hearts import Change, classic, predicted

PLAIN: Change = tags()
DRAWN: Change = tags(Manufacturer=PHANTOM[0], ManufacturerModelName=PHANTOM[1])


def by(model: LoadedModel, learnt_from: int | None, synthetic: int, folder: Path) -> StudyResult:
    facts = replace(model.facts, learnt_from=learnt_from, synthetic=synthetic)
    return predicted(folder, replace(model, facts=facts))


@pytest.mark.parametrize(
    ("learnt_from", "synthetic", "change", "doubt", "experience"),
    [
        (20, 0, PLAIN, "", "It learnt from 20 patients; how it does on others is not known here."),
        (20, 5, PLAIN, "", "It learnt from 15 patients and 5 synthetic hearts; "),
        (
            12,
            12,
            PLAIN,
            "from synthetic hearts alone",
            "It learnt from 12 synthetic hearts, from no patient; ",
        ),
        (
            12,
            12,
            DRAWN,
            "from synthetic hearts alone",
            "It learnt from 12 synthetic hearts, from no patient; ",
        ),
        (20, 0, DRAWN, "were drawn, not scanned", "It learnt from 20 patients; "),
        (None, 0, PLAIN, "does not say what it learnt from", "It does not say what it learnt from; "),
    ],
)
def test_the_verdict_knows_what_the_model_learnt_from(
    learnt_from: int | None,
    synthetic: int,
    change: Change,
    doubt: str,
    experience: str,
    model: LoadedModel,
    tmp_path: Path,
) -> None:
    result = by(model, learnt_from, synthetic, classic(tmp_path / "s", change=change))
    assert result.model.experience.startswith(experience)
    if not doubt:
        assert (result.assessment.verdict, result.assessment.reasons) == (OK, ())
        return
    assert result.assessment.verdict == LOOK
    (reason,) = result.assessment.reasons
    assert doubt in reason
