"""nnU-Net v2 by its own plans, in two dimensions, on the CPU: `python nnunet_2d.py SLICES.npz MASKS.npz SECONDS...`.

Runs in an environment of its own, which has no other package of this repository. It gets the slices as a data set of
nnU-Net's own form, plans and preprocesses them, and learns with its trainer; only the clock is ours: as many steps as
fit, over which its learning rate falls. Prediction is nnU-Net's, mirrored views included. Writes MASKS.npz as
`monai_unet.py` does and prints one JSON object.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

TRIAL = 2  # steps that say how long one takes, after one that warms up
EPOCHS = 100  # at most: nnU-Net's learning rate falls from one to the next
NAME, NUMBER = "Dataset001_Slices", 1
DISTANCE_MM = 8.0  # of slices that are alone in their volumes


def main(slices: Path, masks: Path, marks: list[float]) -> None:
    """Train for as long as the last of `marks` says, in seconds; keep what it draws at each."""
    given = np.load(slices)
    with tempfile.TemporaryDirectory() as home:
        # nnU-Net reads them when it is imported.
        os.environ |= {f"nnUNet_{name}": f"{home}/{name}" for name in ("raw", "preprocessed", "results")}
        os.environ |= {"nnUNet_n_proc_DA": str(int(given["threads"])), "nnUNet_compile": "f"}
        write_dataset(Path(home) / "raw" / NAME, given)
        sys.stdout, kept = sys.stderr, sys.stdout  # nnU-Net says much; the last line is ours
        try:
            answer, drawn = train(Path(home), given, marks)
        finally:
            sys.stdout = kept
    np.savez_compressed(masks, masks=np.packbits(drawn))
    print(json.dumps(answer))


def write_dataset(folder: Path, given: Any) -> None:
    """Write the slices as nnU-Net wants them: a volume of one slice each, its distance far above the pixels' size."""
    import SimpleITK

    spacing = float(given["spacing"])
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    for number, (image, mask) in enumerate(zip(given["images"], given["masks"], strict=True)):
        for array, path in (
            (image, f"imagesTr/slice_{number:04d}_0000.nii.gz"),
            (mask, f"labelsTr/slice_{number:04d}.nii.gz"),
        ):
            volume = SimpleITK.GetImageFromArray(array[np.newaxis])
            volume.SetSpacing((spacing, spacing, DISTANCE_MM))
            SimpleITK.WriteImage(volume, str(folder / path))
    description = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "cavity": 1},
        "numTraining": len(given["images"]),
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def train(home: Path, given: Any, marks: list[float]) -> tuple[dict[str, Any], np.ndarray]:
    """Return what is printed, and the masks (marks, n, s, s) that it draws on the test slices."""
    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    threads = int(given["threads"])
    extract_fingerprints([NUMBER], num_processes=threads)
    plans_name = plan_experiments([NUMBER])
    preprocess([NUMBER], plans_name, configurations=("2d",), num_processes=(threads,))
    torch.set_num_threads(threads)
    torch.manual_seed(int(given["seed"]))
    prepared = home / "preprocessed" / NAME
    plans = json.loads((prepared / f"{plans_name}.json").read_text())
    description = json.loads((prepared / "dataset.json").read_text())

    def trainer(steps: int) -> Any:
        plan = json.loads(json.dumps(plans)) | {"continue_training": False}
        one = nnUNetTrainer(plan, "2d", "all", description, torch.device("cpu"))
        one.num_epochs = min(EPOCHS, steps)
        one.disable_checkpointing = True
        one.on_train_start()
        return one

    def step(one: Any) -> float:
        began = time.perf_counter()
        one.train_step(next(one.dataloader_train))
        return time.perf_counter() - began

    trial = trainer(1)
    trial.on_train_epoch_start()
    each = [step(trial) for _ in range(1 + TRIAL)][1:]
    steps = max(int(marks[-1] / (sum(each) / TRIAL)), 1)
    one = trainer(steps)
    spent, done, drawn = 0.0, 0, []
    for mark in marks:
        while spent < mark and done < steps:
            epoch = done * one.num_epochs // steps
            if done == 0 or epoch != one.current_epoch:
                one.current_epoch = epoch
                one.on_train_epoch_start()
            spent += step(one)
            done += 1
        drawn.append(predicted(one, given))
    batch = one.batch_size
    answer = {
        "images_per_second": batch * done / spent,
        "steps": done,
        "batch": batch,
        "patch": list(one.configuration_manager.patch_size),
    }
    return answer, np.stack(drawn)


def predicted(trainer: Any, given: Any) -> np.ndarray:
    """Return the masks (n, s, s) that the network draws on the test slices now."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor = nnUNetPredictor(
        device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False
    )
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    spacing = float(given["spacing"])
    volume = np.asarray(given["test_images"])[np.newaxis]  # channel, slices, rows, columns
    masks = predictor.predict_single_npy_array(volume, {"spacing": [DISTANCE_MM, spacing, spacing]})
    trainer.set_deep_supervision_enabled(trainer.enable_deep_supervision)
    return np.asarray(masks) > 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [float(mark) for mark in sys.argv[3:]])
