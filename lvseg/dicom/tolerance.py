"""pydicom without its complaints, for as long as a file is read."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.config import disable_value_validation

_TURN = threading.RLock()


@contextmanager
def tolerant() -> Iterator[None]:
    """Let pydicom take what breaks the letter of the standard, without a word.

    Real archives do so in a thousand harmless ways (leading zeros in UIDs, dates of zeros): what matters is checked by
    the readers, and the rest is not worth a warning per file, which may repeat a patient's name. pydicom converts a
    value when it is looked at, so the block holds that as well. The settings belong to the whole process: threads take
    turns, and find them afterwards as they were.
    """
    logger = logging.getLogger("pydicom")
    with _TURN, warnings.catch_warnings(), disable_value_validation():
        warnings.filterwarnings("ignore", module="pydicom")
        level = logger.level
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
