import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flows.pipeline.end_states import errors_to_states, foreseen
from flows.process import leashed, output_lines
from flows.process.children import Children
from flows.process.commands import Dvc, what_is_shown
from flows.process.failures import StageError
from flows.process.known_lines import NOT_SHOWN
from flows.process.leashed import Ended
from flows.process.output_lines import OutputLines
from lvseg.params import load
from tests.conftest import REPOSITORY

# A tree of processes; unless it stays "together", its youngest leaves the group. "stubborn" ones ignore SIGTERM;
# the others have a last word and leave a file, as a training its checkpoint.
TREE = """
    import os, pathlib, signal, subprocess, sys, time

    depth, kind = int(sys.argv[1]), sys.argv[2]

    def end(number, frame):
        os.write(1, b"down" * 50_000)  # more than a pipe holds
        pathlib.Path(f"{__file__}.{os.getpid()}").touch()
        os._exit(4)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if kind == "stubborn" else end)
    if depth:
        leave = depth == 1 and kind != "together"
        subprocess.Popen([sys.executable, "-S", __file__, str(depth - 1), kind], start_new_session=leave)
    os.write(1, f"up {os.getpid()}\\n".encode())
    time.sleep(60)
"""
# Each process has a child and is gone: whoever looks around finds the one before.
RELAY = """
    import os, signal, time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", os.getpid(), flush=True)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if os.fork():
            time.sleep(0.0005)
            os._exit(0)
        os.utime(__file__)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    script = tmp_path / "tree.py"
    script.write_text(textwrap.dedent(TREE))
    return script


class Started:
    """A command in a thread, its lines, and its processes as they say that they are up."""

    def __init__(
        self, *command: object, timeout: float | None = None, on_tick: Callable[[], None] = lambda: None
    ) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._ended: Ended | None = None
        self._options = timeout, on_tick
        self._command = [sys.executable, "-S", "-u", *map(str, command)]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        timeout, on_tick = self._options
        try:
            self._ended = leashed.run(
                self._command,
                cwd=Path(self._command[3]).parent,
                env=os.environ,
                on_line=self.lines.append,
                stop=self.stop,
                timeout=timeout,
                on_tick=on_tick,
            )
        except Exception as error:
            self.error = error

    def up(self, count: int) -> list[psutil.Process]:
        """Wait for this many processes; the leash comes first, then the oldest of the tree."""
        for _ in range(200):
            pids = [int(line.split()[1]) for line in self.lines if line.startswith("up ")]
            if len(pids) == count:
                processes = sorted(map(psutil.Process, pids), key=lambda p: p.create_time())
                return [processes[0].parent() or processes[0], *processes]
            time.sleep(0.05)
        raise AssertionError(self.lines)

    def wait(self, seconds: float) -> Ended:
        self._thread.join(seconds)
        assert not self._thread.is_alive()
        return self._ended or Ended(0, repr(self.error), False, False)


def none_left(processes: list[psutil.Process]) -> bool:
    """Return whether all have ended soon; orphans may wait a while for the system to note it."""
    for _ in range(60):
        if not any(map(running, processes)):
            return True
        time.sleep(0.05)
    return False


def running(one: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(one.is_running()) and one.status() != psutil.STATUS_ZOMBIE
    return False


def last_words(tree: Path) -> int:
    """Return how many processes of a tree ended in peace."""
    return len(list(tree.parent.glob("tree.py.*")))


def test_what_a_command_says_and_how_it_ends(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys; print('one'); print('error: two', file=sys.stderr); os.write(1, b'\\xff'); sys.exit(3)"
    )
    started = Started(script)
    assert started.wait(5) == Ended(3, "one\nerror: two\n\ufffd\n", timed_out=False, stopped=False)
    assert started.lines == ["one", "error: two", "\ufffd"]


def test_stop_ends_the_whole_tree(tree: Path) -> None:
    started = Started(tree, 2, "meek")
    processes = started.up(3)
    started.stop.set()
    assert started.wait(3)[::3] == (4, True)
    assert none_left(processes) and last_words(tree) == 3


def test_what_ignores_the_request_is_ended_by_force(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leashed, "GRACE", 1.0)
    started = Started(tree, 2, "stubborn")
    processes = started.up(3)
    started.stop.set()
    assert started.wait(4).status == -signal.SIGKILL
    assert none_left(processes)


def test_what_forks_faster_than_one_can_look_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leashed, "GRACE", 0.2)
    script = tmp_path / "relay.py"
    script.write_text(textwrap.dedent(RELAY))
    started = Started(script)
    while not started.lines:
        time.sleep(0.05)
    started.stop.set()
    started.wait(5)
    touched = script.stat().st_mtime
    time.sleep(0.2)
    assert script.stat().st_mtime == touched


def test_a_command_whose_time_is_over_is_ended(tree: Path) -> None:
    started = Started(tree, 0, "meek", timeout=0.5)
    processes = started.up(1)
    assert started.wait(5)[2:] == (True, False)
    assert none_left(processes)


def test_a_fault_of_ours_ends_the_command_in_peace(tree: Path) -> None:
    away = threading.Event()

    def fail() -> None:
        if away.is_set():
            raise ConnectionError("no server")

    started = Started(tree, 1, "meek", on_tick=fail)
    processes = started.up(2)
    away.set()
    started.wait(5)
    assert isinstance(started.error, ConnectionError)
    assert none_left(processes) and last_words(tree) == 2


@pytest.mark.parametrize("victim", ["command", "leash"])
def test_kill_9_leaves_nothing_behind(tree: Path, victim: str) -> None:
    started = Started(tree, 1, "together")
    processes = started.up(2)
    processes[["leash", "command"].index(victim)].kill()
    assert started.wait(5)[::3] == (-signal.SIGKILL, False)
    assert none_left(processes)


def test_nothing_waits_for_a_process_that_left_when_the_leash_was_killed(tree: Path) -> None:
    started = Started(tree, 1, "meek")
    leash, command, left = started.up(2)
    leash.kill()
    try:
        started.wait(5)
        assert none_left([leash, command])
    finally:
        left.kill()


def test_a_leash_that_is_frozen_is_ended_by_force(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leashed, "GRACE", -2.5)
    started = Started(tree, 0, "meek")
    processes = started.up(1)
    processes[0].suspend()
    started.stop.set()
    assert started.wait(5)[::3] == (-signal.SIGKILL, True)
    assert none_left(processes)


def test_kill_9_of_the_process_that_wanted_it_ends_the_tree_in_peace(tree: Path) -> None:
    script = (
        "import os, sys, threading; from pathlib import Path; from flows.process import leashed;"
        f"leashed.run([sys.executable, {str(tree)!r}, '2', 'meek'], cwd=Path('.'), env=os.environ,"
        "on_line=lambda line: print(line, flush=True), stop=threading.Event())"
    )
    root = Path(leashed.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        processes = [psutil.Process(int(owner.stdout.readline().split()[1])) for _ in range(3)]
        owner.kill()
    assert none_left(processes) and last_words(tree) == 3


def test_many_at_once_end_each_at_its_own_stop(tree: Path) -> None:
    """A leash that held the pipe of another would not notice its end."""
    several = [Started(tree, 0, "meek") for _ in range(4)]
    processes = [started.up(1) for started in several]
    for started, tree_of_one in zip(several, processes, strict=True):
        assert tree_of_one[1].is_running()
        started.stop.set()
        assert started.wait(3).stopped
        assert none_left(tree_of_one)


def test_a_log_that_fails_stops_nothing(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise ConnectionError(line)

    stop = threading.Event()
    ended = leashed.run(["echo", "one"], cwd=tmp_path, env=os.environ, on_line=fail, stop=stop)
    assert ended.status == 0 and ended.tail == "one\n"


def test_progress_bars_are_tamed() -> None:
    lines: list[str] = []
    feed = OutputLines(lines.append)
    for number in range(1000):
        feed.feed(f"\r\x1b[31m{number}/1000\x1b[0m".encode())
    feed.feed(b"\r1000/1000\nnext\r\nafter\n")
    feed.feed(b"\n  \nlast")
    assert feed.close().endswith("after\nlast\n")
    assert lines == ["0/1000", "1000/1000", "next", "after", "last"]


def test_what_a_page_cannot_show_is_left_out() -> None:
    lines: list[str] = []
    feed = OutputLines(lines.append)
    feed.feed("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\tµ\x00\b!\n".encode())
    feed.feed(b"\x00\x1b[K\n")
    assert lines == ["link\tµ!"]


def test_a_flood_arrives_whole_and_a_huge_line_in_pieces() -> None:
    lines: list[str] = []
    feed = OutputLines(lines.append)
    text = "".join(f"line {number}\n" for number in range(20_000)).encode()
    for start in range(0, len(text), 1000):
        feed.feed(text[start : start + 1000])
    for _ in range(30):
        feed.feed(b"x" * 1000)
    assert len(feed.close()) <= output_lines.TAIL
    assert lines[:20_000] == [f"line {number}" for number in range(20_000)]
    assert sum(map(len, lines[20_000:])) == 30_000


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace whose patients' ids are not public, with state of its own."""
    shipped = (REPOSITORY / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(shipped.replace("ids_public: true", "ids_public: false"))
    monkeypatch.setenv("LVSEG_HOME", str(tmp_path / "home"))
    return tmp_path


DVC_BEFORE = (
    "Stage 'split' didn't change, skipping",
    "Stage 'split' is cached - skipping run, checking out outputs",
    "A\tdata/phantom/",
    "ERROR: failed to pull data from the cloud - the remote does not answer",
    "3 files fetched and 2 files added",
)
DVC_BEHIND = (
    "> python -m tasks.extract",
    "Updating lock file 'dvc.lock'",
    "ERROR: failed to reproduce 'extract': failed to run: python -m tasks.extract, exited with 1",
)
# A library may print what it has read, a hostile file may hold whatever line we or DVC would write.
FORGED = (
    "LEAK^NAME",
    "error: LEAK^NAME",
    "ERROR: LEAK^NAME",
    "WARNING: LEAK^NAME",
    "cnn 3f2a1b (v1) is champion: LEAK^NAME",
    f"cnn 3f2a1b: run {'a' * 32} in LEAK/NAME",
    "evaluate: GPU LEAK NAME, memory growth on",
    "A\tLEAK/NAME",
    "'LEAK/NAME' didn't change, skipping",
    "Verifying data sources in stage: 'LEAK/NAME'",
    "0123456789abcdef0123456789abcdef:error: LEAK^NAME",
    "ValueError: LEAK^NAME is no number",
    "pydicom.errors.InvalidDicomError: LEAK^NAME",
    "  | KeyError: 'LEAK^NAME'",
    '  File "reader.py", line 3, in read',
    "    return number(LEAK)",
    " 45%|####      | data/LEAK^NAME/1.dcm",
)


def test_lines_of_dvc_are_shown_until_a_stage_speaks(private: Path) -> None:
    shown, raw = what_is_shown(private, of_dvc=True), load(REPOSITORY / "params.yaml").data.raw
    for line in (*DVC_BEFORE, *DVC_BEHIND):
        assert shown.of(line) == line
    cut = shown.of(f"ERROR: cannot read {raw}/LEAK^NAME/1.dcm")
    assert cut is not None and cut.endswith(f"{raw}/{NOT_SHOWN}")
    assert shown.of("Running stage 'extract':")
    for line in DVC_BEHIND:
        assert shown.of(line) == line
    for line in FORGED:
        assert "LEAK" not in str(shown.of(line)), line
    assert str(shown.of("ValueError: LEAK")).startswith("ValueError: ..."), (
        "what kind of fault it was is told"
    )
    (private / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    assert what_is_shown(private).of("ValueError: LEAK") == "ValueError: LEAK", "ids are public"


def test_what_a_program_of_ours_says_is_shown_and_what_its_libraries_say_is_not(
    private: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raw = load(REPOSITORY / "params.yaml").data.raw
    (private / "tasks").mkdir()
    (private / "tasks/__init__.py").touch()
    (private / "tasks/leaky.py").write_text(
        "import os, sys\n"
        "from lvseg.core.errors import UserError, reported\n"
        "from lvseg.core.own_lines import say\n"
        f"for line in {FORGED!r}:\n"
        "    os.write(2, f'{line}\\n'.encode())\n"
        "say('train 6 patients, validation 2 patients')\n"
        "os.write(2, b'45%|####  | LEAK')\n"  # a bar without an end
        "say('epoch 1/3: loss 0.12, 2.5 s, 5 s left', sys.stderr)\n"
        "with reported():\n"
        f"    raise UserError('cannot read {raw}/LEAK^NAME/1.dcm')\n"
    )
    with caplog.at_level("INFO"), pytest.raises(StageError) as failed:
        Dvc(private, Children()).task("leaky", logging.getLogger("leaky"))
    said = caplog.text + str(failed.value) + "".join(traceback.format_exception(failed.value))
    assert "LEAK" not in said, said
    for line in ("train 6 patients", "epoch 1/3: loss 0.12, 2.5 s", f"error: cannot read {raw}/{NOT_SHOWN}"):
        assert line in said, line
    assert str(failed.value).startswith("cannot read"), "the reason is ours, not the last word of a library"
    (kept,) = (private / "home/logs").glob("*.log")
    assert kept.read_text().splitlines()[-1] == f"error: cannot read {raw}/LEAK^NAME/1.dcm"


def test_what_is_held_back_is_counted_and_kept_for_its_owner_alone(
    private: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (private / "tasks").mkdir()
    (private / "tasks/__init__.py").touch()
    (private / "tasks/leaky.py").write_text(
        "from lvseg.core.own_lines import say\n"
        "say('train 6 patients, validation 2 patients')\n"
        "print('opened by LEAK^NAME')\n"
        "raise ValueError('LEAK^NAME\\nLEAK on a line of its own')\n"
    )
    log, children = logging.getLogger("leaky"), Children()
    with caplog.at_level("INFO"), pytest.raises(StageError) as failed:
        Dvc(private, children).task("leaky", log)
    said = caplog.text + str(failed.value) + "".join(traceback.format_exception(failed.value))
    assert "LEAK" not in said and "train 6 patients" in said and "ValueError: ..." in said
    (kept,) = (private / "home/logs").glob("*.log")
    assert re.search(rf"\d lines are not shown here.*{re.escape(str(kept))}", said)
    assert "LEAK on a line of its own" in kept.read_text()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_fault_that_nobody_foresaw_tells_its_type_alone(private: Path) -> None:
    def body() -> None:
        raise ValueError("LEAK^NAME")

    state = errors_to_states(body)()
    assert state is not None and state.is_failed() and "ValueError" in str(state.message)
    with pytest.raises(StageError, match="ValueError") as raised:
        foreseen(body)()
    told = str(state.message) + "".join(traceback.format_exception(raised.value))
    assert "LEAK" not in told
    kept = [path.read_text() for path in (private / "home/logs").glob("*-fault.log")]
    assert len(kept) == 2 and all("LEAK^NAME" in text for text in kept)
