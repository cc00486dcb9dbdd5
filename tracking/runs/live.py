"""The run of a training under way: seen epoch by epoch, never in the way of the training."""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any

from lvseg.core.errors import UserError
from tracking.runs.record import Record
from tracking.runs.store import Store, open_store, reason, shown, tracking_uri, warn
from tracking.server.mlflow_internals import system_monitor

PAUSE = 60.0  # seconds without live logging after a failure, doubled after each further one
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class LiveRun:
    """Records a training as it goes; a `Listener` of `lvseg.training.loop`.

    As a context manager it gives the run its end: FAILED after an exception, KILLED after SIGTERM, SIGHUP or
    Ctrl-C. A training that went well leaves it to `tracking.runs.publish`, which knows all of it.
    """

    def __init__(self, record: Record, required: bool) -> None:
        """Open the run: the one that a killed training of the same inputs left, or a new one.

        Raises:
            UserError: the store is out of reach and `required` is set.
        """
        from tracking.runs import mlflow_runs

        self._runs = mlflow_runs
        self._store: Store | None = None
        self._pause, self._silent_until = PAUSE, 0.0
        self._monitor: Any = None
        self._logged: set[int] = set()
        self._history: dict[int, dict[str, float]] = {}
        self.epochs_ms: dict[str, int] = {}
        self.run_id: str | None = None
        self.record = replace(record, started_ms=mlflow_runs.now_ms())
        try:
            self._store = open_store(record.experiment)
            self._open()
        except Exception as error:
            address = shown(tracking_uri())
            if required:
                raise UserError(
                    f"the tracking store {address} cannot be used ({reason(error)}): start it, mend "
                    "MLFLOW_TRACKING_URI, or set tracking.required to false in params.yaml"
                ) from error
            self._store = None
            warn(
                f"the tracking store {address} cannot be used ({reason(error)}); the training goes on, "
                "its record is kept"
            )

    def started(self, resumed_from: int, total: int) -> None:
        """Note that epochs up to `resumed_from` were finished earlier."""
        if resumed_from:
            self._try(
                lambda store, run: self._runs.set_tags(store, run, {"lvseg.resumed_from": str(resumed_from)})
            )

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Log the metrics of epoch `number` (from 1) in one call, and what an outage left behind."""
        self._history[number] = dict(metrics)
        self.epochs_ms[str(number)] = self._runs.now_ms()
        self._try(self._log_history)

    def finished(self, weights_hash: str) -> Record:
        """Return the record of the training, which has just ended."""
        self._stop_monitor()
        return self.record.finished(weights_hash, self._runs.now_ms(), self.epochs_ms)

    def delete_in_favour_of(self, run_id: str) -> None:
        """Delete this run if another one, `run_id`, holds the same weights already."""
        if self.run_id != run_id:
            self._try(lambda store, mine: store.client.delete_run(mine))

    def __enter__(self) -> "LiveRun":
        heard = [number for number in ENDING_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup
        self._handlers = {number: signal.signal(number, _end) for number in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            killed = issubclass(kind, KeyboardInterrupt | SystemExit)
            self._silent_until = 0.0
            self._try(lambda store, run: store.client.set_terminated(run, "KILLED" if killed else "FAILED"))
        self._stop_monitor()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _open(self) -> None:
        """Find or create the run, and start to watch the machine."""
        assert self._store is not None
        store, record = self._store, self.record
        self._runs.mark_dead(store)
        run = self._runs.find_open(store, record.fingerprint)
        if run is None:
            run = self._runs.create(store, record)
        self.run_id = run.info.run_id
        store.client.update_run(self.run_id, status="RUNNING")
        self._runs.set_tags(store, self.run_id, {**record.tags, **self._runs.owner_tags()})
        self._logged = self._runs.logged_epochs(store, self.run_id)
        self.record = replace(record, started_ms=run.info.start_time)
        self._monitor = system_monitor(self.run_id, store.uri)
        self._monitor.start()

    def _log_history(self, store: Store, run_id: str) -> None:
        """Log the epochs that the run does not have."""
        missing = sorted(self._history.keys() - self._logged)
        for number in missing:
            metrics = self._runs.epoch_metrics(number, self._history[number], self.epochs_ms[str(number)])
            store.client.log_batch(run_id, metrics=metrics)
            self._logged.add(number)

    def _try(self, action: Callable[[Store, str], object]) -> None:
        """Do something to the run; a failure is one warning and a pause, for the training matters more."""
        if self._store is None or self.run_id is None or time.monotonic() < self._silent_until:
            return
        try:
            action(self._store, self.run_id)
        except Exception as error:
            if self._pause == PAUSE:
                warn(
                    f"the tracking store {shown(self._store.uri)} no longer answers ({reason(error)}); "
                    "the training goes on and is logged at its end"
                )
            self._silent_until = time.monotonic() + self._pause
            self._pause *= 2

    def _stop_monitor(self) -> None:
        """End the thread that watches the machine."""
        if self._monitor is not None:
            self._monitor.finish()
            self._monitor = None


def _end(number: int, frame: FrameType | None) -> None:
    """Turn a signal into an exit that runs the ends of `with` blocks; a second signal ends at once."""
    for each in ENDING_SIGNALS:
        if signal.getsignal(each) == _end:
            signal.signal(each, signal.SIG_DFL)
    sys.exit(128 + number)
