"""Hand finished trainings to the tracking store, and keep what it cannot take."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.own_lines import say
from tracking.runs.record import Record, keep, outbox_lock, read, waiting
from tracking.runs.store import open_store, reason, shown, tracking_uri, warn

LATER = "log it later with `python -m tasks.log`"


def deliver(folder: Path) -> str:
    """Publish a kept record, say so, and take it out of the outbox; return the id of its run.

    Raises:
        Exception: the store is out of reach or refuses; the record stays.
    """
    record = read(folder)
    store = open_store(record.experiment)
    from tracking.runs.publish import publish

    run_id = publish(folder, store)
    shutil.rmtree(folder)
    say(f"{record.title}: run {run_id} in {shown(store.uri)}")
    return run_id


def record_training(
    record: Record, model: Path, training: Path, parts: Mapping[str, Path] | None = None, *, required: bool
) -> str | None:
    """Keep a finished training, publish it, and return the id of its run; None if it has to wait.

    Args:
        record: of the training.
        model: its folder `models/<name>`.
        training: its folder `training/<name>`.
        parts: folders `evaluation` and `report` to add to the run; see `tracking.runs.publish`.
        required: whether a store that is out of reach is an error.

    Raises:
        UserError: the store cannot take it and `required` is set; the record is kept all the same.
    """
    with outbox_lock():
        folder = keep(record, model, training, parts or {})
        try:
            return deliver(folder)
        except Exception as error:
            message = (
                f"{record.title} is not in the tracking store {shown(tracking_uri())} "
                f"({reason(error)}): its record is kept, {LATER}"
            )
            if required:
                raise UserError(message) from error
            warn(message)
            return None


def log_waiting() -> None:
    """Publish every kept record and say so, a line for each.

    Raises:
        UserError: some of them are still waiting.
    """
    with outbox_lock():
        records = waiting()
        failures = []
        for folder in records:
            try:
                deliver(folder)
            except Exception as error:  # a damaged record must not hold up the others
                failures.append(f"{folder.name} ({reason(error)})")
    if not records:
        say("nothing is waiting to be logged")
    if failures:
        raise UserError(f"still waiting, {shown(tracking_uri())} did not take them: {', '.join(failures)}")
