"""A trained network as a `.keras` file whose bytes follow from its weights and its code alone."""

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.paths.files import atomic_path
from lvseg.models.normalisation import PLAIN

if TYPE_CHECKING:
    import keras

_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


def save_model(model: "keras.Model", path: Path) -> None:
    """Write a functional model, atomically, for `keras.saving.load_model(path, safe_mode=True)`.

    The optimizer, the loss and the metrics stay behind: they triple the file, and without them it opens
    where this package is not installed.
    """
    bare = type(model).from_config(model.get_config(), custom_objects=PLAIN)
    for copied, trained in zip(bare.variables, model.variables, strict=True):
        copied.assign(trained)
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "model.keras"
        bare.save(dated)
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(dated) as source,
            zipfile.ZipFile(temporary, "w") as target,
        ):
            for name in sorted(source.namelist()):
                target.writestr(zipfile.ZipInfo(name, _NO_DATE), _undated(name, source.read(name)))


def _undated(name: str, content: bytes) -> bytes:
    """Return a member without what changes from one save to the next: the date, and memory addresses."""
    if name == "metadata.json":
        return json.dumps(json.loads(content) | {"date_saved": "1980-01-01@00:00:00"}).encode()
    if name == "config.json":
        numbers: dict[str, int] = {}
        return re.sub(
            r'(?<="shared_object_id": )\d+',
            lambda match: str(numbers.setdefault(match[0], len(numbers))),
            content.decode(),
        ).encode()
    return content
