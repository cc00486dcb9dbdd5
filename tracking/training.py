"""A training from examples to a recorded run: the body of the train stages."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lvseg.dataset import examples
from lvseg.identity import training_fingerprint
from lvseg.params import Params, TrainParams
from tracking.delivery import record_training
from tracking.lineage import SHARDS, SPLIT, training_record
from tracking.live import LiveRun

if TYPE_CHECKING:
    import keras


def tracked_training(
    *,
    stage: str,
    name: str,
    build: Callable[[TrainParams], "keras.Model"],
    settings: TrainParams,
    params: Params,
) -> None:
    """Train one network on `data/`, write `models/<name>` and `training/<name>`, and record it in MLflow.

    Args:
        stage: `train-dense`; its module is `tasks.train_dense`.
        build: the network for given parameters.
        settings: the parameters of this stage.

    Raises:
        UserError: data is missing, or the tracking store is and `tracking.required` is set.
    """
    from lvseg.training import train, write_outs

    drop = params.quality.drop_from_training
    chosen = {part: examples(SHARDS, SPLIT, part, drop).examples for part in ("train", "validation")}
    read_params = {**settings.model_dump(mode="json"), "drop_from_training": sorted(drop)}
    module = f"tasks.{stage.replace('-', '_')}"
    fingerprint, inputs = training_fingerprint(module, read_params, SHARDS, SPLIT)
    record = training_record(
        params, {"model": name, "stage": stage, "fingerprint": fingerprint, "inputs": inputs}
    )
    model, training = Path("models") / name, Path("training") / name
    required = params.tracking.required
    with LiveRun(record, required) as live:
        result = train(
            stage=stage,
            name=name,
            build=build,
            settings=settings,
            training=chosen["train"],
            validation=chosen["validation"],
            fingerprint=fingerprint,
            inputs=inputs,
            listener=live,
        )
        write_outs(result, model, training)
        run_id = record_training(live.finished(result.weights_hash), model, training, required=required)
        if run_id:
            live.yield_to(run_id)
    from lvseg import checkpoints

    checkpoints.forget(fingerprint)  # hundreds of megabytes; `dvc repro --force` then trains anew
