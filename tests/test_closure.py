"""What a change of code or parameters makes stale: nothing that only observes a training makes it run again."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project import Project

TRAININGS = {"cnn", "dense", "unet"}
# By what is changed: files, as patterns, or values of params.yaml; and the networks that must be trained again.
CHANGES: dict[str, tuple[list[str] | dict[str, dict[str, object]], set[str]]] = {
    "nothing": ([], set()),
    "how runs are recorded": (["tracking/**/*.py"], set()),
    "how new studies are read and measured": (["lvseg/studies/**/*.py"], set()),
    "the look of pages": (["lvseg/**/*.html"], set()),
    "what a training tells of its progress": (["lvseg/training/progress.py"], set()),
    "flows": (["flows/**/*.py"], set()),
    "parameters of other stages": (
        {
            "evaluate": {"batch_size": 3},
            "report": {"overlays": 2},
            "promotion": {"margin": 0.01},
            "tracking": {"experiment": "another"},
        },
        set(),
    ),
    "a parameter of one training": ({"train_dense": {"epochs": 2}}, {"dense"}),
    "the network and the loss of the U-Net": (["lvseg/models/unet.py"], {"unet"}),
    "the augmentation": (["lvseg/training/augmentation.py"], {"unet"}),
    "what both networks of the article share": (["lvseg/models/article.py"], {"cnn", "dense"}),
    "the loop of all trainings": (["lvseg/training/loop.py"], TRAININGS),
    "the locked versions": (["requirements/runtime.lock"], TRAININGS),
}
# Makes each change in turn, asks DVC and the trainings, and takes it back.
LOOK = """
import json, sys
from pathlib import Path

import yaml
from dvc.repo import Repo
from lvseg import params
from lvseg.training import stage
from lvseg.training.recipe import Recipe

settings = {
    "cnn": lambda now: now.train_cnn,
    "dense": lambda now: now.train_dense,
    "unet": lambda now: now.train_unet.chosen(),
}
recipes = [Recipe(name, of, *[None] * 4) for name, of in settings.items()]

def found():
    with Repo() as repo:
        stale = [name.removeprefix("train-") for name in repo.status() if name.startswith("train-")]
    now = params.load()
    return {"stale": sorted(stale), "prints": {one.name: stage._fingerprint(one, now)[0] for one in recipes}}

answers = {}
for name, change in json.load(sys.stdin).items():
    changed = ["params.yaml"] if isinstance(change, dict) else [p for glob in change for p in Path().glob(glob)]
    before = {Path(path): Path(path).read_text() for path in changed}
    assert bool(before) == bool(change), f"no file is called {change}"
    for path, text in before.items():
        if isinstance(change, dict):
            values = yaml.safe_load(text)
            for section, own in change.items():
                values[section] |= own
            path.write_text(yaml.safe_dump(values, sort_keys=False))
        else:
            path.write_text(text + ("<!-- changed -->" if path.suffix == ".html" else "# changed") + "\\n")
    answers[name] = found()
    for path, text in before.items():
        path.write_text(text)
print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Answer:
    """What a change makes stale, as DVC says and by the input fingerprints of the trainings."""

    dvc: set[str]
    fingerprints: set[str]


@pytest.fixture(scope="module")
def answers(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """Return what each change makes stale."""
    copy = trained.copy(tmp_path_factory.mktemp("closure"))
    changes = {name: change for name, (change, _) in CHANGES.items()}
    told = json.loads(copy.python("-c", LOOK, input=json.dumps(changes)).splitlines()[-1])
    of_run = {
        path.parent.name: json.loads(path.read_text())["fingerprint"]
        for path in Path(copy.root / "models").glob("*/run.json")
    }
    assert of_run.keys() == TRAININGS
    return {
        name: Answer(
            dvc=set(answer["stale"]),
            fingerprints={model for model, value in answer["prints"].items() if value != of_run[model]},
        )
        for name, answer in told.items()
    }


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_stale_what_it_can_change_and_nothing_else(
    change: str, answers: dict[str, Answer]
) -> None:
    _, stale = CHANGES[change]
    assert answers[change] == Answer(dvc=stale, fingerprints=stale)
