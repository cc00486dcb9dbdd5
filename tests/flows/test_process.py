import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows import process
from flows.process import Ended, Lines

# A tree of processes: the youngest leaves the group unless they are to stay "together"; "stubborn" ones ignore SIGTERM.
TREE = """
    import os, signal, subprocess, sys, time
    depth, stubborn = int(sys.argv[1]), sys.argv[2]
    if stubborn == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if depth:
        leave = depth == 1 and stubborn != "together"
        subprocess.Popen([sys.executable, __file__, str(depth - 1), stubborn], start_new_session=leave)
    print("up", os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    script = tmp_path / "tree.py"
    script.write_text(textwrap.dedent(TREE))
    return script


class Started:
    """A command in a thread, its lines, and its pids as it printed them."""

    def __init__(self, *command: str, cwd: Path, **options: Any) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self.ended: Ended | None = None
        self._thread = threading.Thread(target=self._run, args=(command, cwd), kwargs=options)
        self._thread.start()

    def _run(self, command: tuple[str, ...], cwd: Path, **options: Any) -> None:
        self.ended = process.run(
            command, cwd=cwd, env=os.environ, on_line=self.lines.append, stop=self.stop, **options
        )

    def pids(self, count: int) -> list[psutil.Process]:
        """Wait for this many processes to say that they are up."""
        for _ in range(200):
            up = [int(line.split()[1]) for line in self.lines if line.startswith("up ")]
            if len(up) == count:
                return [psutil.Process(pid) for pid in up]
            time.sleep(0.05)
        raise AssertionError(self.lines)

    def wait(self, seconds: float = 10) -> Ended:
        self._thread.join(seconds)
        assert self.ended is not None, "still running"
        return self.ended


def none_left(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=3)[1]


def test_what_a_command_says_and_how_it_ends(tmp_path: Path) -> None:
    script = "import os, sys; print('one'); print('error: two', file=sys.stderr); os.write(1, b'\\xff'); sys.exit(3)"
    started = Started(sys.executable, "-u", "-c", script, cwd=tmp_path)
    ended = started.wait()
    assert started.lines == ["one", "error: two", "\ufffd"]
    assert ended == Ended(3, "one\nerror: two\n\ufffd\n", timed_out=False, stopped=False)


def test_stop_ends_the_whole_tree(tree: Path) -> None:
    started = Started(sys.executable, str(tree), "2", "meek", cwd=tree.parent)
    processes = started.pids(3)
    started.stop.set()
    ended = started.wait(3)
    assert ended.stopped and ended.status == -signal.SIGTERM
    assert none_left(processes)


def test_what_ignores_the_request_is_ended_by_force(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 1.0)
    started = Started(sys.executable, str(tree), "2", "stubborn", cwd=tree.parent)
    processes = started.pids(3)
    started.stop.set()
    assert started.wait(4).status == -signal.SIGKILL
    assert none_left(processes)


def test_a_command_whose_time_is_over_is_ended(tree: Path) -> None:
    started = Started(sys.executable, str(tree), "0", "meek", cwd=tree.parent, timeout=1.0)
    processes = started.pids(1)
    ended = started.wait(5)
    assert ended.timed_out and not ended.stopped
    assert none_left(processes)


@pytest.mark.parametrize("victim", ["command", "leash"])
def test_kill_9_leaves_nothing_behind(tree: Path, victim: str) -> None:
    started = Started(sys.executable, str(tree), "1", "together", cwd=tree.parent)
    processes = started.pids(2)
    command = next(p for p in processes if p.cmdline()[2] == "1")
    (command if victim == "command" else command.parent() or command).kill()
    ended = started.wait(5)
    assert ended.status == -signal.SIGKILL and not ended.stopped
    assert none_left(processes)


def test_kill_9_of_the_process_that_wanted_it_ends_the_tree(tree: Path) -> None:
    script = (
        "import os, sys, threading; from pathlib import Path; from flows import process;"
        f"process.run([sys.executable, {str(tree)!r}, '2', 'meek'], cwd=Path('.'), env=os.environ,"
        "on_line=lambda line: print(line, flush=True), stop=threading.Event())"
    )
    root = Path(process.__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        processes = [psutil.Process(int(owner.stdout.readline().split()[1])) for _ in range(3)]
        owner.kill()
    assert none_left(processes)


def test_many_at_once_end_each_at_its_own_stop(tree: Path) -> None:
    """A leash that held the pipe of another would not notice its end."""
    several = [Started(sys.executable, str(tree), "0", "meek", cwd=tree.parent) for _ in range(4)]
    processes = [started.pids(1)[0] for started in several]
    for started, own in zip(several, processes, strict=True):
        assert own.is_running()
        started.stop.set()
        assert started.wait(3).stopped
    assert none_left(processes)


def test_a_log_that_fails_stops_nothing(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise ConnectionError(line)

    stop = threading.Event()
    ended = process.run(["echo", "one"], cwd=tmp_path, env=os.environ, on_line=fail, stop=stop)
    assert ended.status == 0 and ended.tail == "one\n"


def test_progress_bars_are_tamed() -> None:
    lines: list[str] = []
    feed = Lines(lines.append)
    for number in range(1000):
        feed.feed(f"\r\x1b[31m{number}/1000\x1b[0m".encode())
    feed.feed(b"\r1000/1000\nnext\r\nafter\n")
    feed.feed(b"\n  \nlast")
    assert feed.close().endswith("after\nlast\n")
    assert lines == ["0/1000", "1000/1000", "next", "after", "last"]


def test_a_flood_arrives_whole_and_a_huge_line_in_pieces() -> None:
    lines: list[str] = []
    feed = Lines(lines.append)
    text = "".join(f"line {number}\n" for number in range(20_000)).encode()
    for start in range(0, len(text), 1000):
        feed.feed(text[start : start + 1000])
    for _ in range(30):
        feed.feed(b"x" * 1000)
    assert len(feed.close()) <= process.TAIL
    assert lines[:20_000] == [f"line {number}" for number in range(20_000)]
    assert sum(map(len, lines[20_000:])) == 30_000
