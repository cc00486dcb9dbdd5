"""`train_dense` and `train_cnn` in params.yaml: the article's networks."""

from typing import Annotated

from pydantic import Field

from lvseg.core.section import Count, Section, Seed


class TrainParams(Section):
    """One training of one network."""

    epochs: Count
    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    image_size: Annotated[int, Field(ge=16, le=1024, multiple_of=16)]
    seed: Seed
    threads: Annotated[int, Field(ge=1, le=256)]
    as_published: bool
