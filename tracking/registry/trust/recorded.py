"""What a version or a run says of itself, checked before it names a folder, a commit, a stage or an address.

Whoever may write to the tracking store may write anything there.
"""

import re
from collections.abc import Mapping

from lvseg.core.errors import UserError

_SHA256, _WORD, _DVC = r"[0-9a-f]{64}", r"[a-z][a-z0-9_-]*", r"[0-9a-f]{32}(\.dir)?"
_FORMS = {
    "weights_hash": _SHA256,
    "git_commit": rf"[0-9a-f]{{40}}|{_SHA256}|none",
    "stage": _WORD,
    "model": _WORD,
    "model_uri": r"models:/m-[0-9a-f]{32}",
    "dvc.raw": rf"{_DVC}(,{_DVC})*",  # of each place
    "dvc.shards": _DVC,
    "dvc.split": _DVC,
}


def recorded(tags: Mapping[str, str], name: str, default: str | None = None) -> str:
    """Return the value of the tag `lvseg.<name>`.

    Args:
        tags: of a version or a run, with their whole names.
        name: one of those that have a form here.
        default: returned where the tag is missing; None: it must be there.

    Raises:
        UserError: it is missing, or nothing that this program writes.
    """
    value = tags.get(f"lvseg.{name}")
    if value is None and default is not None:
        return default
    if value is None or not re.fullmatch(_FORMS[name], value):
        raise UserError(
            f"the tracking store says lvseg.{name} = {value!r}, which no training writes: somebody has changed it; "
            "bring back a backup of the store, or name another version"
        )
    return value
