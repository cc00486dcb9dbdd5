"""Read raw archives: a shard per patient and a quality report."""

from pathlib import Path

from lvseg.core.command import run


def main() -> None:
    """Read the raw data: shards, index and quality report."""
    from lvseg.core.own_lines import say
    from lvseg.data.raw_data import check_tracked
    from lvseg.extraction.run import Outs, extract
    from lvseg.params import load

    params = load()
    check_tracked(params.data.raw)
    outs = Outs(shards=Path("data/shards"), index=Path("data/index.csv"), quality=Path("data/quality"))
    say(extract(params.data, params.quality, params.extract.workers, "tasks.extract", outs))


if __name__ == "__main__":
    run(main)
