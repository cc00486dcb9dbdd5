"""The commands that a run has under way, in all its threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flows.process.failures import RunEndsError
from flows.process.leashed import ALL_ENDED


@dataclass
class Children:
    """The commands that a run has under way, in any of its threads; they end with it.

    Attributes:
        ending: set once the run ends; whoever waits for a command stops it then.
    """

    ending: threading.Event = field(default_factory=threading.Event)
    _running: set[int] = field(default_factory=set)  # the threads that wait for a command
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the command that this thread runs in the block.

        Raises:
            RunEndsError: the run is ending, so nothing starts any more.
        """
        thread = threading.get_ident()
        with self._changed:
            if self.ending.is_set():
                raise RunEndsError
            self._running.add(thread)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(thread)
                self._changed.notify_all()

    def end(self) -> None:
        """Ask all commands to end, and wait until they have; nothing starts afterwards."""
        with self._changed:
            self.ending.set()
            self._changed.wait_for(lambda: not self._running, timeout=ALL_ENDED)
