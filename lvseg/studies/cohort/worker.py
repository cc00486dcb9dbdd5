"""The process that predicts: it loads the model once and takes one input after the other."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lvseg.core.archives import UnreadableError
from lvseg.core.errors import UserError
from lvseg.core.files import atomic_path, shown
from lvseg.data.pseudonyms import study_name
from lvseg.studies.cohort import inputs
from lvseg.studies.cohort.journal import Entry, Journal
from lvseg.studies.cohort.order import Order
from lvseg.studies.outputs import study_folder


@dataclass(frozen=True)
class Line:
    """What became of one study: a line of the terminal, where patients may be named."""

    study: str
    verdict: str
    told: str


class Worker:
    """One order, its model, and the journal of its output folder."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._how = order.how()
        self._journal = Journal(order.out)

    @cached_property
    def _model(self) -> Any:
        """The model, loaded when a study needs it: TensorFlow takes seconds, a run that finds all done takes none."""
        from lvseg.core import backend
        from lvseg.studies.analysis import study

        backend.prepare(self._order.threads, seed=0)
        return study.load(self._order.model, self._order.facts)

    def predict(self, path: Path) -> list[Line]:
        """Predict the studies of one input, unless that was done, and write all that belongs to them.

        Raises:
            UserError: the output folder cannot be written.
        """
        try:
            items, _ = inputs.files(path)
            key = self._journal.key(items, self._how)
            entry = self._journal.find(path, key)
            if entry:
                return [_known(self._order.out, name) for name in entry.studies]
            found = inputs.studies(path)
        except inputs.RefusedError as error:
            return [failed(self._order, path, str(error), error.reason)]
        lines, aside = [], []
        with writing(self._order.out):
            self._journal.begin(path)
        for one in found:
            line, unused = self._study(path, one)
            lines.append(line)
            aside += [[entry.file, entry.reason] for entry in unused]
        with writing(self._order.out):
            names = [line.study for line in lines]
            self._journal.done(Entry(str(path.resolve()), key, found[0].patient, names, aside))
        return lines

    def _study(self, path: Path, found: inputs.StudyImages) -> tuple[Line, list[inputs.SetAside]]:
        """Predict one study and write its folder."""
        from lvseg.studies.analysis import study

        order = self._order
        name = study_name(found.uid or found.images[0].sop_uid, found.patient if order.with_ids else "")
        other = self._journal.claim(name, path)
        if other:
            told = f"the same study as {other}: put the files of both into one folder"
            return failed(order, path, told, "another input holds the same study"), found.aside
        try:
            result, unused = study.segmented(name, found.images, order.series, self._model)
        except UnreadableError as error:
            facts, unused = study_folder.failure(name, f"{error}.", found.aside, order.facts), []
            result = None
        aside = found.aside + unused
        with writing(order.out), atomic_path(order.out / name) as folder:
            folder.mkdir()
            if result:
                facts = study_folder.write(folder, result, aside, order.outputs)
            else:
                study_folder.write_record(folder, facts)
        return _line(facts), aside


_worker: Worker | None = None


def start(order: Order) -> None:
    """Become a worker: the first that a new process does."""
    global _worker
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _worker = Worker(order)


def predict(path: Path) -> list[Line]:
    """Let this process' worker predict one input."""
    assert _worker
    return _worker.predict(path)


def _end_with(parent: int) -> None:
    """End this process soon after its parent, however that ended: nobody would hear of what it goes on with."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the disk refuses into an error that ends the run: it would befall every study."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({error.strerror or error}): free space or name another folder with --out; "
            "the same command goes on after the studies that are done"
        ) from None


def failed(order: Order, path: Path, told: str, reason: str) -> Line:
    """Write the record of an input of which no study could be read."""
    name = f"unread-{study_name(str(path.resolve()))}"
    facts = study_folder.failure(name, reason, [], order.facts)
    with writing(order.out):
        with atomic_path(order.out / name) as folder:
            folder.mkdir()
            study_folder.write_record(folder, facts)
        Journal(order.out).failed(path, name)
    return Line(name, facts["verdict"], f"{shown(path)}: {told}")


def _known(out: Path, name: str) -> Line:
    """Return the line of a study that was done before."""
    return _line(study_folder.read_record(out / name), "(as before)")


def _line(facts: dict[str, Any], remark: str = "") -> Line:
    told = [] if facts["verdict"] == "ok" else facts["reasons"][:1]
    if facts.get("ef_percent") is not None:
        values = (facts["edv_ml"], facts["esv_ml"], facts["ef_percent"])
        told.insert(0, "EDV {:.0f} ml, ESV {:.0f} ml, EF {:.0f} %.".format(*values))
    if "cine" in facts:
        told.append("{series}: {slices} slices x {phases} phases".format(**facts["cine"]))
    return Line(facts["study"], facts["verdict"], " ".join([*told, *([remark] if remark else [])]))
