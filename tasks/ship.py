"""Make models/unet the model that comes with the program."""

from pathlib import Path
from typing import Annotated

import typer

from lvseg.core.command import run


def main(
    name: Annotated[str, typer.Argument(help="Of the model, such as sunnybrook-3.", metavar="NAME")],
) -> None:
    """Copy models/unet into lvseg/shipped/NAME, with a card of what it learnt from and how it was tested."""
    import json
    import shutil

    from lvseg.core.code.git import git_state
    from lvseg.core.errors import UserError
    from lvseg.core.paths.files import atomic_path, write_text
    from lvseg.core.paths.path_names import path_name
    from lvseg.params import load
    from lvseg.shipped import MOST_BYTES

    folder = Path("lvseg/shipped") / path_name(name)
    if folder.exists():
        raise UserError(
            f"{folder} is there: models that people began with stay as they are, give another name"
        )
    model = Path("models/unet")
    run_facts = json.loads((model / "run.json").read_text(encoding="utf-8"))
    metrics = json.loads(Path("reports/metrics.json").read_text(encoding="utf-8"))
    if run_facts["learnt_from"]["synthetic"]:
        raise UserError(
            "models/unet learnt from synthetic hearts: set data.raw to patients and run `make repro`"
        )
    state = git_state(Path())
    if state.commit is None or state.dirty:
        raise UserError(
            "commit code, parameters and *.dvc files first: the card names the commit that makes it again"
        )
    if (size := (model / "model.keras").stat().st_size) > MOST_BYTES:
        raise UserError(
            f"model.keras has {size:,} bytes, at most {MOST_BYTES:,} fit: lower train_unet's width"
        )
    scores = metrics["models"]["unet"]
    cine = scores["cine"]["ef_percent"]
    patients = metrics["test"]["patients"]
    places = {name: one["patients"] for name, one in scores["structures"]["cavity"]["by_collection"].items()}
    card = {
        "name": name,
        "weights_hash": run_facts["weights_hash"],
        "commit": state.commit,
        "data": {place.name: _md5(place.with_name(f"{place.name}.dvc")) for place in load().data.places},
        "learnt_from": run_facts["learnt_from"]["patients"],
        "structures": run_facts["prediction"]["structures"],
        "tested_on": places,
        "tested": (
            f"on {patients} patients it had not seen ({', '.join(sorted(places))}) its EF was {cine['mae']:.1f} points "
            f"off on average ({cine['patients']} of {patients}), bias {cine['bias']:+.1f}"
        ),
        "scores": {
            key: scores[key]
            for key in (
                "dm",
                "apd_mm",
                "good_percent",
                "dice_slice_mean",
                "dice_patient_mean",
                "cine",
                "structures",
            )
        },
        "licence": "CC0-1.0, as the data that it learnt from",
    }
    with atomic_path(folder) as unfinished:
        unfinished.mkdir()
        for file in ("model.keras", "run.json"):
            shutil.copyfile(model / file, unfinished / file)
        write_text(
            unfinished / "card.json", json.dumps(card, indent=2, sort_keys=True, allow_nan=False) + "\n"
        )
    print(f"{folder}: {size:,} bytes. {card['tested']}. Set VERSION in lvseg/shipped/__init__.py, and commit")


def _md5(dvc_file: Path) -> str:
    """Return the hash by which DVC knows some raw data."""
    import yaml

    return str(yaml.safe_load(dvc_file.read_text(encoding="utf-8"))["outs"][0]["md5"])


if __name__ == "__main__":
    run(main)
