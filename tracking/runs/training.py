"""A training recorded in MLflow: what the train stages have beside them."""

from pathlib import Path
from types import TracebackType

from lvseg.params import Params
from lvseg.training.stage import TrainingFacts
from tracking.provenance.training_origin import training_record
from tracking.runs.delivery import record_training
from tracking.runs.live import LiveRun


class TrackedTraining:
    """An `lvseg.training.stage.Observer` whose training becomes an MLflow run.

    Args:
        params: all parameters.
        facts: of the training.

    Raises:
        UserError: on entry, if the tracking store is out of reach and `tracking.required` is set.
    """

    def __init__(self, params: Params, facts: TrainingFacts) -> None:
        summary = {
            "model": facts.model,
            "stage": facts.stage,
            "fingerprint": facts.fingerprint,
            "inputs": facts.inputs,
        }
        self._record = training_record(params, summary)
        self._required = params.tracking.required

    def __enter__(self) -> "TrackedTraining":
        self._live = LiveRun(self._record, self._required).__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def started(self, resumed_from: int, total: int) -> None:
        """Note that epochs up to `resumed_from` were finished earlier."""
        self._live.started(resumed_from, total)

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log the metrics of epoch `number` (from 1)."""
        self._live.epoch(number, metrics)

    def finished(self, weights_hash: str, model: Path, training: Path) -> None:
        """Log the finished training; another run that holds the same weights already takes the place of this one."""
        record = self._live.finished(weights_hash)
        if run_id := record_training(record, model, training, required=self._required):
            self._live.delete_in_favour_of(run_id)
