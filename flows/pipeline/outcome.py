"""How runs and stages end, in the words that the Prefect UI shows."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from prefect.states import Completed, Crashed, Failed, State

from flows.process.commands import InfrastructureError, StageError
from lvseg.core.errors import UserError

Parameters = ParamSpec("Parameters")
Ending = State[Any] | None


def refusing(body: Callable[Parameters, Ending]) -> Callable[Parameters, Ending]:
    """Let the body of a flow end with the message of an error that people can mend, not with a traceback.

    Crashed stands for faults from outside: another try may succeed.
    """

    @functools.wraps(body)
    def refused(*values: Parameters.args, **named: Parameters.kwargs) -> Ending:
        try:
            return body(*values, **named)
        except (UserError, StageError) as error:
            return Failed(message=str(error))
        except InfrastructureError as error:
            return Crashed(message=str(error))

    return refused


def cached(message: str) -> State[Any]:
    """Return the state of a stage that had nothing to do."""
    return Completed(name="Cached", message=message)


def verdict(states: Mapping[str, State[Any]], changed: set[str]) -> State[Any]:
    """Return the state of a run that follows from those of its stages.

    Args:
        states: by stage, in the order of the graph.
        changed: the stages whose outs may be new.
    """
    open_ends = {name: state for name, state in states.items() if not state.is_completed()}
    for name, state in open_ends.items():
        if state.is_failed() or state.is_crashed():
            return Failed(message=f"{name}: {state.message}")
    if open_ends:
        return Failed(message=f"not run: {', '.join(open_ends)}")
    if not changed:
        return Completed(name="Up to date", message="up to date: nothing had changed")
    return Completed(message=f"brought up to date: {', '.join(name for name in states if name in changed)}")
