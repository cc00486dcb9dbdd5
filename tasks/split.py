"""Divide the patients into training, validation and test."""

from pathlib import Path

from lvseg.core.command import run


def main() -> None:
    """Divide the patients into train, validation and test."""
    from collections import Counter

    from lvseg.core.own_lines import say
    from lvseg.core.plural import counted
    from lvseg.data.parts.split import read_patients, split, write_split
    from lvseg.params import load

    params = load()
    patients = read_patients(Path("data/index.csv"))
    parts = split(patients, params.split)
    write_split(Path("data/split.csv"), patients, parts)
    counts = Counter(parts.values())
    said = [f"{part} {counted(counts[part], 'patient')}" for part in ("train", "validation", "test")]
    if left := len(patients) - len(parts):
        said.append(f"in no part {counted(left, 'patient')}")
    say(", ".join(said))


if __name__ == "__main__":
    run(main)
