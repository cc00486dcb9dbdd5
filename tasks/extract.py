"""Read raw archives: a shard per patient and a quality report."""

from pathlib import Path

from lvseg.core.command import run


def main() -> None:
    """Read the raw data: shards, index and quality report."""
    from lvseg.data.raw_data import check_tracked
    from lvseg.extraction.run import extract
    from lvseg.params import load

    params = load()
    check_tracked(params)
    print(extract(params, "tasks.extract", Path("data/shards"), Path("data/index.csv"), Path("data/quality")))


if __name__ == "__main__":
    run(main)
