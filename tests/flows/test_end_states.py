"""What the page of a flow run shows of a run that is refused: one message, and no traceback behind it."""

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow_engine
from prefect.exceptions import FailedRun

from flows.pipeline.end_states import errors_to_states
from lvseg.core.errors import UserError

PAGE = logging.getLogger("prefect.flow_runs")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """Return what the page of a run shows, as it comes."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(PAGE, "handlers", [handler])  # no server takes it
    return records


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Return what gives the outcome of a flow's body to Prefect's engine, as a worker does, without a server."""

    def through_the_engine(body: Any) -> None:
        monkeypatch.setattr(flow_engine, "run_flow_sync", lambda **_: body().result(raise_on_failure=True))
        monkeypatch.setattr(flow_engine, "_flow_parameters", lambda **_: {})
        flow: Any = SimpleNamespace(isasync=False, isgenerator=False)
        flow_engine.run_flow(flow, error_logger=PAGE)

    return through_the_engine


def test_a_refusal_is_no_traceback(run: Callable[[Any], None], shown: list[logging.LogRecord]) -> None:
    @errors_to_states
    def refused() -> Any:
        raise UserError("overrides: did you mean train_cnn.epochs?")

    with pytest.raises(FailedRun, match="did you mean"):
        run(refused)
    assert shown == []


def test_a_fault_of_ours_is_told_by_its_type_and_kept_here(
    run: Callable[[Any], None],
    shown: list[logging.LogRecord],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path))

    @errors_to_states
    def faulty() -> Any:
        raise KeyError("LEAK^NAME")

    with pytest.raises(FailedRun, match="KeyError") as failed:
        run(faulty)
    assert "LEAK" not in f"{failed.value} {shown}"
    (kept,) = (tmp_path / "logs").iterdir()
    assert "LEAK^NAME" in kept.read_text()
