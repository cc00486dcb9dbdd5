"""A study from DICOM to volumes as people write it with MONAI.

`python monai_predict.py FOLDER SIZE SPACING THREADS REPEATS` reads every file with pydicom, brings frames to the grid
with MONAI's transforms, asks MONAI's U-Net in batches, keeps the largest component of each frame, brings masks back,
and sums areas up. The network is not trained: that costs the same. Prints one JSON object with the seconds of each
part, the median of the repeats.
"""

import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import numpy as np
import pydicom
import torch
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    KeepLargestConnectedComponent,
    Resize,
    ResizeWithPadOrCrop,
    ScaleIntensity,
)

AT_ONCE = 16


def main(folder: Path, size: int, spacing: float, threads: int, repeats: int) -> None:
    """Take the time of each part."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = UNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=(32, 64, 128, 256, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
        norm="batch",
    ).eval()
    runs = [once(folder, size, spacing, network) for _ in range(repeats + 1)][1:]  # the first warms up
    print(json.dumps({name: median(run[name] for run in runs) for name in runs[0]}))


def once(folder: Path, size: int, spacing: float, network: torch.nn.Module) -> dict[str, float]:
    """Return the seconds of reading, of the network, and of all."""
    begin = time.perf_counter()
    files = [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
    places: dict[tuple[float, ...], list[pydicom.Dataset]] = defaultdict(list)
    for ds in files:
        places[tuple(ds.ImagePositionPatient)].append(ds)
    frames = [
        ds for place in sorted(places) for ds in sorted(places[place], key=lambda ds: float(ds.TriggerTime))
    ]
    pixels = [ds.pixel_array.astype(np.float32) for ds in frames]
    read = time.perf_counter()
    steps = [float(step) / spacing for step in frames[0].PixelSpacing]
    resampled = [round(count * step) for count, step in zip(pixels[0].shape, steps, strict=True)]
    there = Compose([ScaleIntensity(), Resize(resampled), ResizeWithPadOrCrop((size, size))])
    back = Compose([ResizeWithPadOrCrop(resampled), Resize(pixels[0].shape, mode="nearest")])
    largest = KeepLargestConnectedComponent()
    grid = torch.stack([there(image[None]) for image in pixels])
    asked = time.perf_counter()
    with torch.inference_mode():
        scores = torch.cat([network(grid[i : i + AT_ONCE]) for i in range(0, len(grid), AT_ONCE)])
    answered = time.perf_counter()
    masks = [np.asarray(back(largest((score > 0).float()))) for score in scores]
    area = float(np.prod(frames[0].PixelSpacing))
    volumes = [float(mask.sum()) * area for mask in masks]
    end = time.perf_counter()
    assert len(volumes) == len(frames)
    return {"read": read - begin, "network": answered - asked, "all": end - begin}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
