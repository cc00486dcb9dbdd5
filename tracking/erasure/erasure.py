"""The erasure of one patient: planned as a whole, kept, and then done; broken off, the same command goes on."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lvseg.core.errors import UserError
from lvseg.core.paths.archives import Item
from lvseg.core.paths.files import atomic_path, write_text
from lvseg.core.paths.places import absolute, main_worktree, state_home
from lvseg.data.pseudonyms import pseudonym
from lvseg.erasure import patient as patients
from lvseg.erasure import predicted, raw_files
from lvseg.erasure.patient import Patient
from lvseg.erasure.traces import Traces
from lvseg.labels.layouts import key_of
from lvseg.privacy.contents import UnopenedError
from tracking.erasure import runs
from tracking.erasure.data import Kept, Survey
from tracking.erasure.dvc_history import Entry
from tracking.erasure.dvc_objects import Objects
from tracking.erasure.learnt import data_state, who_learnt
from tracking.provenance.dvc_command import dvc
from tracking.runs.record import read, waiting
from tracking.runs.store import Store

_UNITS = "shards"  # of .lvseg: what was extracted of a patient, a folder each
_OURS = ("outbox", "logs")  # of .lvseg: of many patients, file by file
_ELSEWHERE = (
    "workspaces",
    "dvc",
    "erase",
    "pseudonym.key",
    "checkpoints",
)  # looked at otherwise, or weights alone


@dataclass
class Plan:
    """What is to be erased.

    Attributes:
        root: of the checkout.
        raw: the places of its raw data, relative to it.
        tracked: what `dvc add` was called with: those places or folders around them.
        patient: who.
        traces: what he is recognised by.
        tables: of the raw data, those with rows of his among others'.
        data: what DVC and the worktrees hold.
        held: which of DVC's objects each of its stores has.
        state: files and folders of `.lvseg`.
        shown_in: ids of the runs whose pictures may show him.
        mlflow: places in it.
        studies: names of his studies by output folder of `predict`.
        learnt: a line for each model that knew him.
        left: what nothing here can mend.
    """

    root: Path
    raw: Sequence[Path]
    tracked: Sequence[Path]
    patient: Patient
    traces: Traces
    tables: list[Item] = field(default_factory=list)
    data: Kept = field(default_factory=Kept)
    held: dict[str, set[str]] = field(default_factory=dict)
    state: list[Path] = field(default_factory=list)
    shown_in: set[str] = field(default_factory=set)
    mlflow: list[runs.Trace] = field(default_factory=list)
    studies: dict[Path, list[str]] = field(default_factory=dict)
    learnt: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether nothing of him was found that can be erased."""
        return not any(
            (self.patient.files, self.tables, self.data.files, self.state, self.studies, *self.held.values())
        ) and all(trace.kind == "left" for trace in self.mlflow)


def plan(root: Path, raw: Sequence[Path], given: str, store: Store, results: Sequence[Path]) -> Plan:
    """Look for a patient in all that is stored; nothing is changed.

    Args:
        root: of the checkout, which is the current folder.
        raw: the places of `data.raw`.
        given: an id of his, or his pseudonym.
        store: the tracking store.
        results: folders of `lvseg predict` beside the usual ones.

    Raises:
        UserError: the raw data cannot be written anew, files of others name him, or a store keeps something back.
    """
    tracked = sorted({_tracked(root, place) for place in raw})
    kept = _kept(given)
    known = frozenset(kept.get("ids", ()))
    patient = patients.find(raw, given, known)
    made = Plan(root, raw, tracked, patient, Traces(patient.names))
    others, unopened = raw_files.others_naming(raw, patient, made.traces)
    if others:
        raise UserError(
            "these files of the raw data are not the patient's and name him, nothing was erased: remove them or the "
            "name in them, and repeat the command:\n" + "\n".join(f"  {name}" for name in others)
        )
    made.tables = raw_files.tables(raw, patient, made.traces)
    objects = Objects(root)
    survey = Survey(root, raw, objects, made.traces)
    everything = runs.every_run(store)
    made.data = survey.look({data_state(run) for run in everything})
    made.data.oids |= set(kept.get("oids", ()))
    made.held = objects.held(made.data.oids)
    made.shown_in = set(kept.get("runs", ()))
    made.shown_in |= {run.info.run_id for run in everything if survey.about_him(data_state(run))}
    made.learnt = sorted({*who_learnt(store, objects, patient), *kept.get("learnt", ())})
    made.mlflow = runs.traces_in(store, made.traces, lambda run: run.info.run_id in made.shown_in)
    made.state = list(_state(made, survey))
    for folder in predicted.output_folders(_result_folders(root, results)):
        if studies := predicted.studies_of(folder, made.traces):
            made.studies[folder] = studies
    made.left += [
        f"{trace.run_id or 'MLflow'}: {trace.place}" for trace in made.mlflow if trace.kind == "left"
    ]
    made.left += [f"the remote {name} keeps versions by itself: remove him there" for name in objects.by_hand]
    made.left += [f"{what}: not known what it holds" for what in sorted({*made.data.unopened, *unopened})]
    return made


def erase(made: Plan, store: Store) -> None:
    """Do what is planned. The plan is kept until all is done, for what it was read from goes first."""
    keep = _keep(made)
    for folder in made.studies:
        predicted.remove(folder, made.traces)
    for path in made.state:
        _mend(path, made)
    runs.remove(store, made.mlflow, made.traces)
    for path in made.data.files:
        path.unlink(missing_ok=True)
    raw_files.remove(made.raw, made.patient, made.traces)
    dvc("add", "--quiet", *map(str, made.tracked), root=made.root)
    Objects(made.root).remove(made.data.oids)
    keep.unlink()


def _tracked(root: Path, raw: Path) -> Path:
    """Return what `dvc add` was called with.

    Raises:
        UserError: a stage makes the raw data.
    """
    for path in (raw, *raw.parents):
        if path.name and (root / f"{path}.dvc").is_file():
            return path
    raise UserError(
        f"data.raw: {raw} is no data that was added with `dvc add`: what a stage makes, it would make again"
    )


def _kept(given: str) -> dict[str, list[str]]:
    """Return the plan of an erasure of the same patient that was broken off; empty without one."""
    for path in (state_home() / "erase").glob("*.json"):
        content: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        if key_of(given) in {key_of(one) for one in content["names"]}:
            return content
    return {}


def _keep(made: Plan) -> Path:
    """Keep what could not be found out again once part of it is gone."""
    path = state_home() / "erase" / f"{pseudonym(min(made.patient.ids), public=False)}.json"
    content = {
        "ids": sorted(made.patient.ids),
        "names": sorted(made.patient.names),
        "oids": sorted(made.data.oids),
        "runs": sorted(made.shown_in),
        "learnt": made.learnt,
    }
    write_text(path, json.dumps(content))
    return path


def _state(made: Plan, survey: Survey) -> Iterator[Path]:
    """Yield what `.lvseg` holds of him; what is neither ours to change nor to leave unsaid goes to `left`."""
    home, traces = state_home(), made.traces
    for folder in (home / _UNITS).glob("[!.]*"):
        if any(_named(path, traces) for path in folder.rglob("*") if path.is_file()):
            yield folder
    shown = {folder for folder in waiting() if survey.about_him(_data_of(folder))}
    for path in (path for name in _OURS for path in (home / name).rglob("*") if path.is_file()):
        if _mended(path, made, bool(shown & set(path.parents))) != path.read_bytes():
            yield path
    for path in (path for path in home.rglob("*") if path.is_file()):
        if path.relative_to(home).parts[0] not in (_UNITS, *_OURS, *_ELSEWHERE) and _named(path, traces):
            made.left.append(f"{path} names him")


def _data_of(record: Path) -> frozenset[Entry]:
    """Return the data that a record in waiting names, by DVC's hashes."""
    tags, paths = read(record).tags, {"shards": "data/shards", "split": "data/split.csv"}
    return frozenset(
        Entry(path, tags[f"lvseg.dvc.{name}"]) for name, path in paths.items() if f"lvseg.dvc.{name}" in tags
    )


def _named(path: Path, traces: Traces) -> bool:
    try:
        return traces.in_path(path.name) or traces.in_file(path, path.name)
    except UnopenedError:
        return False


def _mended(path: Path, made: Plan, shown: bool) -> bytes | None:
    try:
        return made.traces.mended(path.name, path.read_bytes(), shown)
    except UnopenedError:
        return None


def _mend(path: Path, made: Plan) -> None:
    """Remove a folder or a file of `.lvseg`; of a table his rows alone."""
    if path.is_dir():
        shutil.rmtree(path)
        return
    left = made.traces.without(path.name, path.read_bytes())
    if left is None:
        path.unlink()
        return
    with atomic_path(path) as temporary:
        temporary.write_bytes(left)


def _result_folders(root: Path, named: Sequence[Path]) -> list[Path]:
    usual = [root / "results", main_worktree() / "results"]
    if chosen := os.environ.get("LVSEG_RESULTS"):
        usual += [absolute(Path(one)) for one in chosen.split(os.pathsep)]
    return [*usual, *named]
