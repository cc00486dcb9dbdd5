"""The mark by which a flow knows the lines that our programs print on purpose (lvseg/core/own_lines.py)."""

import secrets

from lvseg.core import own_lines


class Mark:
    """A mark of one command, that nobody can guess.

    Attributes:
        environment: the variable that hands it to the command.
    """

    def __init__(self) -> None:
        self._mark = f"{secrets.token_hex(16)}:"
        self.environment = {own_lines.MARK: self._mark}

    def said(self, line: str) -> str | None:
        """Return what a program of ours said in a line of output; None for a line that bears no mark."""
        _, mark, said = line.partition(self._mark)  # behind a progress bar that did not end its line, as well
        return said if mark else None

    def removed(self, line: str) -> str:
        """Return a line of output as it was said."""
        return line.replace(self._mark, "")
