"""The input fingerprint: two trainings with the same one give the same weights."""

from pathlib import Path
from typing import Any

from lvseg.core import kernels
from lvseg.core.code.closure import code_hash
from lvseg.core.hashes import canonical_json, file_hash, sha256_text, tree_hash


def training_fingerprint(
    module: str, settings: dict[str, Any], shard_folder: Path, split: Path
) -> tuple[str, dict[str, Any]]:
    """Return the input fingerprint of a training, and the inputs that it is a hash of.

    Where the environment chooses a backend or flags of XLA, they are among the inputs (`lvseg.core.kernels.told`).

    Args:
        module: the stage's module, such as `tasks.train_dense`.
        settings: every parameter that the training reads, seed and thread count among them.
        shard_folder: the folder of shards.
        split: the table of patients and parts.

    Raises:
        UserError: KERAS_BACKEND names a backend that is none of ours.
    """
    inputs = {
        "params": settings,
        "shards": tree_hash(shard_folder),
        "split": file_hash(split),
        "code": code_hash(module),
    }
    if surroundings := kernels.told():
        inputs["surroundings"] = surroundings
    return sha256_text(canonical_json(inputs)), inputs
