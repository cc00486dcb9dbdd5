"""Make the synthetic data set that a fresh clone runs on."""

import os
from pathlib import Path

from lvseg.core.command import run


def main() -> None:
    """Write data/phantom, a synthetic short-axis cine data set, as `phantom` in params.yaml says."""
    from lvseg.core.own_lines import say
    from lvseg.core.paths.files import atomic_path
    from lvseg.params import load
    from lvseg.phantom.dataset import Size, generate

    wanted = load().phantom
    size = Size(wanted.patients, wanted.slices, wanted.phases, wanted.matrix)
    with atomic_path(Path("data/phantom")) as folder:
        made = generate(folder, wanted.seed, size, workers=os.cpu_count() or 1)
    say(f"phantom: {made.patients} patients, {made.frames} frames, {made.contours} contours")


if __name__ == "__main__":
    run(main)
