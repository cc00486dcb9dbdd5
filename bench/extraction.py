"""Speed of the extraction against the obvious loop of a tutorial and against reading and inflating alone.

All three start from the same zip archives, which lie in the page cache after the first pass. The loop reads what
it is told are the short-axis images and keeps images and masks in memory until a patient is done, then saves them;
it chooses no series, checks nothing, and knows no flags. Each figure is the median of the repeats, run in turn.
"""

import os
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from skimage.draw import polygon
from tqdm import tqdm

from lvseg.extraction.run import Outs, extract
from lvseg.params import load
from lvseg.phantom.dataset import Size, generate

REPEATS = 3
PHANTOM = Size(patients=50, slices=10, phases=20, matrix=192)  # 10,000 frames
REAL = Path(__file__).resolve().parents[2] / "shared" / "data"


def obvious_loop(archives: Sequence[Path], out: Path) -> None:
    """Read as a tutorial would: pydicom for every image, skimage for every contour, one after the other."""
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            images: dict[str, list[np.ndarray]] = {}
            masks: dict[str, list[np.ndarray]] = {}
            for name in archive.namelist():
                if name.endswith(".dcm") and "CINELAX" not in name:
                    frame = pydicom.dcmread(BytesIO(archive.read(name)))
                    images.setdefault(Path(name).parts[-3 if "CINE" in name else -2], []).append(
                        frame.pixel_array
                    )
                    size = (frame.Rows, frame.Columns)
                elif re.search(r"[io]contour-manual.txt$", name):
                    points = np.loadtxt(BytesIO(archive.read(name)))
                    mask = np.zeros(size, np.uint8)
                    mask[polygon(points[:, 1], points[:, 0], size)] = 1
                    masks.setdefault(re.findall(r"(?:SC|PH)-[A-Z-]+\d+", name)[-1], []).append(mask)
            for patient, arrays in (*images.items(), *masks.items()):
                np.savez(out / f"{patient}.npz", np.stack(arrays))


def read_alone(archives: Sequence[Path], _out: Path) -> None:
    """Read and inflate every member, one after the other, and keep nothing."""
    for path in archives:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                archive.read(member)


def pipeline(folder: Path, workers: int) -> Callable[[Sequence[Path], Path], None]:
    """Return the extraction as `dvc repro extract` runs it, with an empty cache."""

    def run(_archives: Sequence[Path], out: Path) -> None:
        params = load()
        data = params.data.model_copy(update={"raw": str(folder)})
        os.environ["LVSEG_HOME"] = str(out / "home")
        outs = Outs(out / "shards", out / "index.csv", out / "quality")
        extract(data, params.quality, workers, "tasks.extract", outs)

    return run


def measure(folder: Path, frames: int, contoured: int) -> None:
    """Time all three ways on the archives of a folder and print a table."""
    archives = sorted(folder.glob("*.zip"))
    ways = {
        "extract, 2 workers": pipeline(folder, 2),
        "extract, 1 worker": pipeline(folder, 1),
        "(a) the obvious loop": obvious_loop,
        "(b) read and inflate": read_alone,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    read_alone(archives, folder)
    for name in tqdm(list(ways) * REPEATS, desc=folder.name, leave=False):
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            ways[name](archives, Path(out))
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    loop, limit = median["(a) the obvious loop"], median["(b) read and inflate"]
    print(f"\n{folder.name}: {frames:,} frames, {contoured:,} contoured slices, median of {REPEATS}")
    print("| | seconds | frames / s | contoured slices / s | speed against (a) | against (b) |")
    print("|---|---|---|---|---|---|")
    for name, value in median.items():
        rates = f"{frames / value:,.0f} | {contoured / value:,.0f}"
        print(f"| {name} | {value:.2f} | {rates} | {loop / value:.2f} | {limit / value:.2f} |")


def zip_phantom(folder: Path) -> tuple[int, int]:
    """Make the phantom as an archive; return short-axis frames and contoured slices."""
    with tempfile.TemporaryDirectory() as place:
        generate(Path(place) / "phantom", 7, PHANTOM, workers=2)
        files = sorted(path for path in Path(place).rglob("*") if path.is_file())
        with zipfile.ZipFile(folder / "phantom.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(place))
    contoured = sum("icontour" in path.name for path in files)
    return PHANTOM.patients * PHANTOM.slices * PHANTOM.phases, contoured


def main() -> None:
    """Run the benchmark on 10,000 phantom frames and, where they are, on the real archives."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "phantom"
        folder.mkdir()
        measure(folder, *zip_phantom(folder))
    if REAL.is_dir():
        frames = contoured = 0
        for path in sorted(REAL.glob("*.zip")):
            names = zipfile.ZipFile(path).namelist()
            frames += sum(name.endswith(".dcm") for name in names)
            contoured += sum("icontour" in name for name in names)
        measure(REAL, frames, contoured)
    else:
        print("real archives: skipped, ../shared/data is not there")
