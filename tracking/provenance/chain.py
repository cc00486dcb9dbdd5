"""The chain from a version of the registered model back to code, data and parameters, link by link."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.core.code.git import git
from lvseg.core.errors import UserError
from lvseg.core.hashes import canonical_json, sha256_text, weights_hash
from lvseg.core.paths.places import ROOT
from tracking.provenance.raw_data import held, raw_data
from tracking.registry.living_run import SAME, own_run, required_run
from tracking.registry.trust.recorded import recorded
from tracking.registry.version_tags import tags_of
from tracking.runs.store import Store, reason
from tracking.scores.results import PATIENTS, summary_of

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

OK, MISSING, NOTED = "ok", "MISSING", "-"
_FLOWS = "refs/lvseg"


@dataclass(frozen=True)
class Link:
    """One link of a chain.

    Attributes:
        name: what it is, such as `git commit`.
        state: `ok`, `MISSING`, or `-` for what is noted and cannot be looked up from here.
        value: what the version recorded of it.
        remark: what is known of it; of a missing one what is wrong and what mends it.
    """

    name: str
    state: str
    value: str
    remark: str = ""


def chain(store: Store, version: "ModelVersion", root: Path = ROOT) -> list[Link]:
    """Follow a version back to where it comes from, and look whether every link is still there.

    Args:
        root: a worktree of the repository.
    """
    run, run_link = _run(store, version)
    return [
        run_link,
        _model(version),
        _commit(version, root),
        *_data(version, root),
        _params(store, version, run),
        _test(store, version, run),
        _flow(version, root),
    ]


def _run(store: Store, version: "ModelVersion") -> tuple["Run | None", Link]:
    """Return the run of a version, None if it is gone, and its link."""
    name, tags = "run", version.tags
    try:
        run = required_run(store, version)
    except UserError as error:
        return own_run(store, version), Link(name, MISSING, version.run_id or "none", str(error))
    value = f"{run.info.run_name}, {run.info.run_id}"
    if run.info.run_id != version.run_id:
        return run, Link(name, OK, value, f"the same training, logged anew: {version.run_id} was deleted")
    for tag in SAME:
        if run.data.tags.get(tag) != tags.get(tag):
            return run, Link(
                name, MISSING, value, f"{tag} of the run and of the version differ: it is another"
            )
    return run, Link(name, OK, value)


def _model(version: "ModelVersion") -> Link:
    """Look whether the model can be had, and has the weights that were recorded."""
    from tracking.model.package import downloaded

    name, recorded = "model", version.tags.get("lvseg.weights_hash", "none")
    value = f"{version.source}, weights {recorded}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            stored = _weights(downloaded(version.source, Path(folder)) / "model.keras")
    except Exception as error:
        remedy = f"it cannot be opened ({reason(error)}); bring back a backup of the artifact store"
        return Link(name, MISSING, value, remedy)
    if stored != recorded:
        remedy = f"its weights are {stored}, others than recorded; bring back a backup of the artifact store"
        return Link(name, MISSING, value, remedy)
    return Link(name, OK, value)


def _weights(path: Path) -> str:
    """Return the weights hash of a saved network."""
    from lvseg.core import backend  # noqa: F401  isort: skip  (before Keras: it silences the start-up notes)
    import keras

    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    return weights_hash((v.path, keras.ops.convert_to_numpy(v)) for v in network.weights)


def _commit(version: "ModelVersion", root: Path) -> Link:
    """Look whether this repository has the commit, for good, and whether it holds the code."""
    tags = tags_of(version)
    name, commit = "git commit", recorded(tags, "git_commit", "none")
    if tags.get("lvseg.git_dirty") != "false":
        remedy = "code or parameters differed from it, no commit holds them: commit and train again"
        return Link(name, MISSING, commit, remedy)
    try:
        git("cat-file", "-e", f"{commit}^{{commit}}", root=root)
    except UserError:
        remedy = (
            f"not in this repository: `git fetch --all`; a flow's: `git fetch origin '{_FLOWS}/*:{_FLOWS}/*'`"
        )
        return Link(name, MISSING, commit, remedy)
    ref = git("for-each-ref", "--contains", commit, "--count=1", "--format=%(refname:short)", root=root)
    if not ref:
        remedy = f"no branch or tag leads to it, so git will delete it: `git tag v{version.version} {commit}`"
        return Link(name, MISSING, commit, remedy)
    return Link(name, OK, commit, f"in {ref}")


def _data(version: "ModelVersion", root: Path) -> list[Link]:
    """Look whether raw data, shards and split are in DVC's cache or remote, or can be made again."""
    tags = tags_of(version)
    hashes = {name: recorded(tags, f"dvc.{name}", "") for name in ("raw", "shards", "split")}
    raws = hashes.pop("raw").split(",")
    try:
        places = raw_data(recorded(tags, "git_commit", "none"), root)
        makers = ["" if raw.cached else f"made again by the stage {raw.stage}" for raw in places]
    except UserError:  # the link of the commit says so
        makers = [""] * len(raws)
    raws = raws if len(raws) == len(makers) else [""] * len(makers)
    names = ["raw"] if len(makers) == 1 else [f"raw[{number}]" for number in range(len(makers))]
    made = dict(zip(names, makers, strict=True))
    hashes = dict(zip(names, raws, strict=True)) | hashes
    try:
        wanted = {name: value for name, value in hashes.items() if value and not made.get(name)}
        held_names, remedy = held(wanted, root), "in neither DVC's cache nor its default remote"
    except UserError as error:
        held_names, remedy = set(), str(error)
    again = "where the data is, run `dvc add` and `dvc push`"
    remedies = {"shards": _again("extract"), "split": _again("split")}
    links = []
    for name, value in hashes.items():
        if made.get(name):
            links.append(Link(name, OK, value or "not recorded", made[name]))
        elif not value:
            links.append(Link(name, MISSING, "none", "DVC's hash was not recorded: train with `dvc repro`"))
        elif name in held_names:
            links.append(Link(name, OK, value))
        else:
            links.append(Link(name, MISSING, value, f"{remedy}: {remedies.get(name, again)}"))
    return links


def _again(stage: str) -> str:
    """Return how what a stage makes comes back."""
    return f"`dvc repro {stage}` at the git commit makes it again, `dvc push` keeps it"


def _params(store: Store, version: "ModelVersion", run: "Run | None") -> Link:
    """Look whether the recorded parameters, data and code are those that the fingerprint stands for."""
    name, fingerprint = "params", version.tags.get("lvseg.fingerprint", "none")
    value = f"fingerprint {fingerprint}"
    try:
        inputs = summary_of(store, run)["inputs"] if run else {}
    except Exception as error:
        return Link(name, MISSING, value, f"training/run.json of the run cannot be read ({reason(error)})")
    if sha256_text(canonical_json(inputs)) != fingerprint:
        return Link(name, MISSING, value, "what the run tells of its inputs does not give this fingerprint")
    return Link(name, OK, value, f"of {len(inputs['params'])} parameters, shards, split and code")


def _test(store: Store, version: "ModelVersion", run: "Run | None") -> Link:
    """Look whether the version was tested, and whether its scores are there."""
    name, value = "test", version.tags.get("lvseg.test_hash")
    if value is None:
        return Link(name, MISSING, "none", "it was never evaluated: `make repro`, then `lvseg promote`")
    folder = str(Path(PATIENTS).parent)
    tables = store.client.list_artifacts(run.info.run_id, folder) if run else []
    if PATIENTS not in [table.path for table in tables]:
        return Link(
            name, MISSING, value, f"{PATIENTS} is not in the run: `make repro` at the git commit logs it"
        )
    return Link(name, OK, value)


def _flow(version: "ModelVersion", root: Path) -> Link:
    """Name the flow run, which only Prefect could be asked for, and what it kept in git."""
    name, flow_run = "flow run", tags_of(version).get("lvseg.flow_run")
    if flow_run is None:
        return Link(name, NOTED, "none", "trained without Prefect")
    ref = f"{_FLOWS}/runs/{flow_run}"
    kept = git("for-each-ref", "--format=%(refname)", ref, root=root)
    return Link(name, NOTED, flow_run, f"its params.yaml and dvc.lock: {kept}" if kept else "")
