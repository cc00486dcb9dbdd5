"""Why a command failed, in a line, and by whose fault: only what comes from outside is worth another try."""

import re

from flows.process.leashed import Ended

# What another try may mend: a process that somebody killed, a lock, a remote or server that did not answer.
_KILLED = re.compile(r"exited with (-\d+|1(29|3\d|4\d|5\d))\b")  # DVC's words; shells add 128 to the signal
_INFRASTRUCTURE = re.compile(
    r"unable to acquire lock|is busy, it is being blocked"
    r"|failed to (connect|transfer|pull|fetch|push|upload|download)"
    r"|connect call failed|connection (refused|reset|lost)|could not connect"
    r"|timed out|temporary failure in name resolution"
    r"|tracking store \S+ cannot be used",
    re.IGNORECASE,
)
_ERROR = re.compile(r"^(error|ERROR)\b:?\s*")  # how a line begins in which DVC or a stage says what is wrong


class StageError(Exception):
    """A command failed by its own fault; the message says why."""


class InfrastructureError(Exception):
    """A command failed for reasons outside of it: another try may succeed."""


class RunEndsError(Exception):
    """The run is ending, and the command with it."""


def failure(
    title: str, ended: Ended, timeout: float | None
) -> StageError | InfrastructureError | RunEndsError:
    """Return the exception for a command that did not end well.

    Args:
        title: what the message calls the command.
        ended: how it ended; its last lines hold the reason.
        timeout: the seconds that it was given, or None.
    """
    if ended.stopped:
        return RunEndsError("ended with the run")
    if ended.timed_out:
        return StageError(
            f"took longer than {timeout:.0f} s (meta.timeout_minutes in dvc.yaml) and was ended"
        )
    if ended.status < 0:
        return InfrastructureError(f"{title} was ended by signal {-ended.status}")
    reason = _reason(ended.tail) or f"{title} ended with status {ended.status}"
    if killed := _KILLED.search(ended.tail):
        return InfrastructureError(f"the stage was ended by a signal ({killed[0]})")
    return InfrastructureError(reason) if _INFRASTRUCTURE.search(ended.tail) else StageError(reason)


def is_error(line: str) -> bool:
    """Return whether a line of output says that something is wrong."""
    return bool(_ERROR.match(line))


def _reason(tail: str) -> str:
    """Return what a command said was wrong: the stage's own error line rather than DVC's about it."""
    lines = tail.splitlines()
    errors = [_ERROR.sub("", line) for line in lines if is_error(line)]
    of_stage = [error for error in errors if not error.startswith("failed to reproduce")]
    return next(iter([*of_stage[-1:], *errors[-1:], *lines[-1:]]), "")
