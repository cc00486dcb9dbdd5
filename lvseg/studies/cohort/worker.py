"""The process that predicts: it loads the model once and takes one input after the other."""

import os
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import SetAside, UnreadableError
from lvseg.core.paths.files import atomic_path
from lvseg.core.texts import shown
from lvseg.data.pseudonyms import study_name
from lvseg.studies.analysis.assessment import NO_FILE, OK, Verdict
from lvseg.studies.cohort import inputs
from lvseg.studies.cohort.journal import FOLDER, Journal, JournalEntry
from lvseg.studies.cohort.order import Order
from lvseg.studies.cohort.study_files import StudyImages
from lvseg.studies.outputs import study_folder
from lvseg.studies.outputs.study_record import StudyRecord, read_record, record_of_failure, write_record

if TYPE_CHECKING:
    from lvseg.studies.analysis.loaded_model import LoadedModel

_PARENT_CHECK_S = 1  # seconds for which an orphan may go on


@dataclass(frozen=True)
class Outcome:
    """What became of one study, as the terminal shows it.

    Attributes:
        study: its name in the outputs.
        verdict: on it.
        words: the measurements or the reason; they may name a patient, for they are not stored.
        complete: whether every file that was asked for is there.
    """

    study: str
    verdict: Verdict
    words: str
    complete: bool = True


class Worker:
    """One order, its model, and the journal of its output folder."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._order_identity = order.identity()
        self._journal = Journal(order.out)

    @cached_property
    def _model(self) -> "LoadedModel":
        """The model, loaded when a study needs it: TensorFlow takes seconds, a run that finds all done takes none."""
        from lvseg.core import backend
        from lvseg.studies.analysis.loaded_model import load_model

        backend.prepare(self._order.threads, seed=None)
        return load_model(self._order.model, self._order.facts)

    def predict(self, path: Path) -> list[Outcome]:
        """Predict the studies of one input, unless that was done, and write all that belongs to them.

        Raises:
            UserError: the output folder cannot be written.
        """
        try:
            items, _ = inputs.files(path)
            key = self._journal.key(items, self._order_identity)
            entry = self._journal.find(path, key)
            if entry:
                return [_known(self._order.out, name) for name in entry.studies]
            studies = inputs.studies(path)
        except inputs.RefusedError as error:
            return [failed(self._order, path, str(error) + self._one_by_one(error.folder), error.reason)]
        outcomes, set_aside = [], []
        with writing(self._order.out):
            self._journal.begin(path)
        for study in studies:
            outcome, unused = self._study(path, study)
            outcomes.append(outcome)
            set_aside += [[file.file, file.reason] for file in unused]
        with writing(self._order.out):
            names = [outcome.study for outcome in outcomes]
            entry = JournalEntry(str(path.resolve()), key, studies[0].patient, names, set_aside)
            self._journal.done(entry)
        return outcomes

    def _one_by_one(self, folder: Path | None) -> str:
        """Return the command that takes each study of a folder, behind a reason; "" without such a folder."""
        if folder is None:
            return ""
        command = f"lvseg predict --out {shlex.quote(str(self._order.out))} {shlex.quote(str(folder))}/*"
        return f"; `{shown(command)}` takes one after the other"

    def _study(self, path: Path, study: StudyImages) -> tuple[Outcome, list[SetAside]]:
        """Predict one study of an input and write its folder; return also the files that were not used."""
        order = self._order
        name = study_name(study.identity, study.patient if order.with_ids else "")
        other = self._journal.claim(name, path)
        if other:
            words = f"the same study as {other}: put the files of both into one folder"
            return failed(order, path, words, "another input holds the same study"), study.set_aside
        try:
            result = study.analysed(name, order.series, self._model, order.body)
        except UnreadableError as error:
            record = record_of_failure(name, f"{error}.", study.set_aside, order.facts)
            result = None
        private = order.out / FOLDER / name
        with writing(order.out), atomic_path(order.out / name) as folder, atomic_path(private) as named:
            folder.mkdir()
            named.mkdir()
            if result:
                record = study_folder.write(folder, named, result, order.outputs)
            else:
                write_record(folder, record)
        with suppress(OSError):  # it holds something
            private.rmdir()
        return _outcome(record), list(result.set_aside) if result else study.set_aside


_worker: Worker | None = None


def start(order: Order) -> None:
    """Become a worker: the first that a new process does."""
    global _worker
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _worker = Worker(order)


def predict(path: Path) -> list[Outcome]:
    """Let this process' worker predict one input; see `Worker.predict`."""
    assert _worker
    return _worker.predict(path)


def _end_with(parent: int) -> None:
    """End this process soon after its parent, however that ended: nobody would hear of what it goes on with."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `UserError`, which ends the run: it would befall every study."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({error.strerror or error}): free space or name another folder with --out; "
            "the same command goes on after the studies that are done"
        ) from None


def failed(order: Order, path: Path, message: str, reason: str) -> Outcome:
    """Write the record of an input of which no study could be read.

    Args:
        order: that the input is part of.
        path: of the input.
        message: why, for the terminal; it may name patients.
        reason: the same for the record, without patients.

    Raises:
        UserError: the output folder cannot be written.
    """
    name = f"unread-{study_name(str(path.resolve()))}"
    record = record_of_failure(name, reason, [], order.facts)
    with writing(order.out):
        with atomic_path(order.out / name) as folder:
            folder.mkdir()
            write_record(folder, record)
        Journal(order.out).failed(path, name)
    return Outcome(name, record["verdict"], message)


def _known(out: Path, name: str) -> Outcome:
    """Return the outcome of a study that was done before."""
    return _outcome(read_record(out / name), "(as before)")


def _outcome(record: StudyRecord, remark: str = "") -> Outcome:
    """Return what the terminal shows of a study's record, with a remark behind it."""
    lacking = [reason for reason in record["reasons"] if reason.startswith(NO_FILE)]
    words = list(dict.fromkeys([*record["reasons"][:1], *lacking])) if record["verdict"] != OK else []
    if record.get("ef_percent") is not None:
        words.insert(0, "EDV {edv_ml:.0f} ml, ESV {esv_ml:.0f} ml, EF {ef_percent:.0f} %.".format(**record))
    if record.get("mass_g") is not None:
        words.append("LV mass {mass_g:.0f} g.".format(**record))
    if record.get("rv_ef_percent") is not None:
        words.append("RV EDV {rv_edv_ml:.0f} ml, EF {rv_ef_percent:.0f} %.".format(**record))
    if "cine" in record:
        words.append("{series}: {slices} slices x {phases} phases".format(**record["cine"]))
    said = " ".join([*words, *([remark] if remark else [])])
    return Outcome(record["study"], record["verdict"], said, complete=not lacking)
