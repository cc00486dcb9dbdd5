"""Lines that a program of ours prints on purpose, told apart from whatever else its process prints.

What a command says may go to a page that others read, and a library may print what it has read: a line that begins
with `error:` need not be ours. So whoever forwards lines hands the command a mark that nobody can guess, in its
environment, and forwards the lines behind that mark.
"""

import os
import sys
from typing import TextIO

MARK = "LVSEG_LINE_MARK"  # the variable that holds the mark; without it lines are printed as they are


def marked(line: str) -> str:
    """Return a line as it is to be printed, for what prints by itself."""
    return f"{os.environ.get(MARK, '')}{line}"


def say(line: str, stream: TextIO | None = None) -> None:
    """Print one line at once, to stdout where no stream is named."""
    # In one piece: of two processes that write to one pipe, none gets between the mark and the end of the line.
    out = stream or sys.stdout
    out.write(f"{marked(line)}\n")
    out.flush()
