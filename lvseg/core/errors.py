"""Errors that a user can mend, and how a command shows them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lvseg.core.own_lines import say
from lvseg.core.texts import shown


class UserError(Exception):
    """Something the user can mend: the message names the file or key and the remedy."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn a `UserError` into one line on stderr and exit status 1; what it quotes moves no cursor."""
    try:
        yield
    except UserError as error:
        say("error: " + "\n".join(map(shown, str(error).split("\n"))), sys.stderr)
        sys.exit(1)
