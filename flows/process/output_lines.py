"""The output of a command, cut into lines that a log and a page can hold."""

import codecs
import contextlib
import re
import time
from collections.abc import Callable

BAR_PAUSE = 15.0  # seconds between two updates of a progress bar: each is a line in the log of a run
TAIL = 4000  # characters that are kept: enough to find the reason of a failure in
LONGEST = (
    20_000  # characters of a line; what has no line end would fill the memory, so it is passed on in pieces
)
# Colours, links, and the characters that no page shows and PostgreSQL does not take.
_UNSHOWN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_LINE_END = re.compile(r"\r\n|\r|\n")


class OutputLines:
    """Cuts a stream of bytes into lines; of the updates of a progress bar, which overwrite each other, it keeps few.

    Example:
        >>> lines = []
        >>> output = OutputLines(lines.append)
        >>> output.feed(b"one\\ntw")
        >>> output.feed(b"o\\n")
        >>> output.close(), lines
        ('one\\ntwo\\n', ['one', 'two'])
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        """Start with nothing.

        Args:
            on_line: is given every line, without its end, colours and trailing space; empty lines are left out.
        """
        self._on_line = on_line
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._unfinished = self._update = self._tail = ""
        self._next_update = 0.0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream, and pass on the lines that they complete; no bytes are its end."""
        text = self._unfinished + self._decode(data, final=not data)
        start = 0
        for end in _LINE_END.finditer(text):
            if end.end() == len(text) and end[0] == "\r":
                break  # a line feed may follow
            self._take(text[start : end.end()])
            start = end.end()
        self._unfinished = text[start:]
        if len(self._unfinished) > LONGEST:
            self._pass_on(self._unfinished)
            self._unfinished = ""

    def close(self) -> str:
        """Pass on what no line end followed; return the last lines, `TAIL` characters at most."""
        self._take(self._unfinished + "\n")
        return self._tail

    def _take(self, piece: str) -> None:
        """Take a line, or an update (it ends with a carriage return) that is passed on now and then."""
        content = piece.rstrip("\r\n")
        if piece.endswith("\n"):
            self._pass_on(content if _shown(content) else self._update)
            self._update = ""
        elif _shown(content):
            self._update = content
            if time.monotonic() >= self._next_update:
                self._next_update = time.monotonic() + BAR_PAUSE
                self._pass_on(content)
                self._update = ""

    def _pass_on(self, line: str) -> None:
        line = _shown(line)
        if line:
            self._tail = f"{self._tail}{line}\n"[-TAIL:]
            with contextlib.suppress(Exception):  # a log that cannot be reached must not stop the command
                self._on_line(line)


def _shown(text: str) -> str:
    """Return a text without what cannot be shown, and without trailing space."""
    return _UNSHOWN.sub("", text).rstrip()
