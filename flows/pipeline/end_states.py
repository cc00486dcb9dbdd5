"""The states that runs and stages end in, in the words that the Prefect UI shows."""

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from prefect.client.schemas.objects import State
from prefect.exceptions import CrashedRun, FailedRun
from prefect.states import Completed, Crashed, Failed

from flows.process.failures import InfrastructureError, RunEndsError, StageError
from flows.process.known_lines import fault
from lvseg.core.errors import UserError

Parameters = ParamSpec("Parameters")
EndState = State[Any] | None  # what the body of a flow returns; Prefect takes None for Completed


def errors_to_states(body: Callable[Parameters, EndState]) -> Callable[Parameters, EndState]:
    """Decorate the body of a flow: an error that people can mend ends it with its message, not with a traceback.

    Failed stands for what somebody must change first, Crashed for faults from outside: another try may succeed. What
    nobody foresaw ends it as well with its type alone: its words may name patients.
    """

    @functools.wraps(body)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> EndState:
        _told.addFilter(_without_traceback)
        try:
            return body(*args, **kwargs)
        except (UserError, StageError) as error:
            return Failed(message=str(error))
        except InfrastructureError as error:
            return Crashed(message=str(error))
        except Exception as error:
            return Failed(message=fault(error))

    return guarded


def foreseen(body: Callable[Parameters, Any]) -> Callable[Parameters, Any]:
    """Decorate the body of a task: of an exception that nobody foresaw, Prefect hears the type alone."""

    @functools.wraps(body)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Any:
        try:
            return body(*args, **kwargs)
        except (UserError, StageError, InfrastructureError, RunEndsError):
            raise
        except Exception as error:
            raise StageError(fault(error)) from None

    return guarded


_told = logging.getLogger("prefect.flow_runs")  # what the page of a run shows


def _without_traceback(record: logging.LogRecord) -> bool:
    """Return whether the page of a run shows a line: not what Prefect says of a run that ended as we told it to.

    Prefect turns a returned state that failed into an exception of its own, and logs that with its traceback after the
    message that says what is wrong.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], FailedRun | CrashedRun))


def cached(message: str) -> State[Any]:
    """Return the state of a stage that had nothing to do; `message` says why."""
    return Completed(name="Cached", message=message)


def failed_from_outside(_task: object, _run: object, state: State[Any]) -> bool:
    """Return whether a task failed for reasons outside of it, so that another try may succeed.

    Prefect asks this of a state before a retry; it gives the task and its run as well.
    """
    return isinstance(state.result(raise_on_failure=False), InfrastructureError)


def verdict(states: Mapping[str, State[Any]], changed: set[str]) -> State[Any]:
    """Return the state of a run that follows from those of its stages.

    Args:
        states: the states of the stages by name, in the order of the graph.
        changed: the stages whose outs may be new.

    Returns:
        Failed with the reason of the first stage that failed; "Up to date" if nothing had changed; else Completed.
    """
    incomplete = {name: state for name, state in states.items() if not state.is_completed()}
    for name, state in incomplete.items():
        if state.is_failed() or state.is_crashed():
            return Failed(message=f"{name}: {state.message}")
    if incomplete:
        return Failed(message=f"not run: {', '.join(incomplete)}")
    if not changed:
        return Completed(name="Up to date", message="up to date: nothing had changed")
    return Completed(message=f"brought up to date: {', '.join(name for name in states if name in changed)}")
