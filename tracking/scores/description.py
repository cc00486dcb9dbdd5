"""What the experiment page says of an evaluated run: which pipeline run it belongs to, and a description."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lvseg.core.hashes import canonical_json, sha256_text
from lvseg.pages.headlines import HEADLINES, cells, synthetic, tested
from tracking.runs.mlflow_runs import set_tags
from tracking.runs.store import Store
from tracking.scores.overridden_params import overridden
from tracking.server.mlflow_internals import DESCRIPTION, picture_address, tables_tag

if TYPE_CHECKING:
    from mlflow.entities import Run

TABLES = ("evaluation/per_patient.json", "evaluation/per_slice.json")  # as `log_table` writes them
SYNTHETIC = "lvseg.synthetic"  # tag: how many of the test patients are a phantom's
_PICTURE = "pictures/overlays.png"
_ORIGIN = {
    "data": "lvseg.data",
    "raw data": "lvseg.dvc.raw",
    "shards": "lvseg.dvc.shards",
    "split": "lvseg.dvc.split",
    "code": "lvseg.git_commit",
    "weights": "lvseg.weights_hash",
    "test set": "lvseg.test_hash",
}


def pipeline_of(weights: Mapping[str, str], test_hash: str) -> str:
    """Return what a pipeline run is recognised by: the weights of its models, and what they were tested on."""
    return sha256_text(canonical_json([sorted(weights.items()), test_hash]))[:12]


def describe(
    store: Store, run_id: str, scores: Mapping[str, Any], test: Mapping[str, Any], pipeline: str, data: str
) -> None:
    """Tag and describe an evaluated run; once more with the same changes nothing.

    Args:
        scores: of its model, as in `metrics.json`.
        test: what it was tested on, as there.
        pipeline: as `pipeline_of` returns it; a model out of DVC's cache belongs to several.
        data: name of the data set.
    """
    # Two tags: by the first the page groups runs, by the second it finds all that belong to a pipeline run.
    set_tags(
        store,
        run_id,
        {
            "lvseg.pipeline": pipeline,
            f"lvseg.pipeline.{pipeline}": "true",
            "lvseg.data": data,
            SYNTHETIC: str(test.get("synthetic", 0)),
            **tables_tag(TABLES),
        },
    )
    run = store.client.get_run(run_id)
    pictures = {entry.path for entry in store.client.list_artifacts(run_id, "pictures")}
    text = description(run, scores, test, _PICTURE if _PICTURE in pictures else None)
    if run.data.tags.get(DESCRIPTION) != text:
        store.client.set_tag(run_id, DESCRIPTION, text)


def description(run: "Run", scores: Mapping[str, Any], test: Mapping[str, Any], picture: str | None) -> str:
    """Return the description of a run in Markdown; `picture` is the artifact to show, if there is one."""
    warning = synthetic(test)
    lines = [
        *([f"**{warning}**", ""] if warning else []),
        "| " + " | ".join(headline.head for headline in HEADLINES) + " |",
        "|" + "---|" * len(HEADLINES),
        "| " + " | ".join(cells(scores, test["patients"])) + " |",
        "",
        f"{tested(test)} It has seen none of them, and missed {scores['missed']} contours. "
        "`lvseg compare` holds it against others.",
        "",
        *_overrides(run),
        "",
        *(
            f"- {what}: {_hashes(run.data.tags[tag])}"
            for what, tag in _ORIGIN.items()
            if tag in run.data.tags
        ),
        "",
    ]
    if picture:
        lines.append(f"![Best, median and worst slices]({picture_address(run.info.run_id, picture)})")
    return "\n".join(lines)


def _hashes(text: str) -> str:
    return ", ".join(f"`{one[:40]}`" for one in text.split(","))


def _overrides(run: "Run") -> list[str]:
    """Return which parameters are not those that the team has committed."""
    changed = overridden(run.data.tags["lvseg.model"], run.data.params)
    if not changed:
        return ["Parameters: those of `params.yaml` as committed."]
    told = [f"- `{name}`: {given} instead of {usual}" for name, (usual, given) in changed.items()]
    return ["Parameters that differ from `params.yaml` as committed:", "", *told]
