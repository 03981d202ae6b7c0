"""Simulators of others, run as guests: in folders of their own, with all their children, bounded in time and output."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Thread
from typing import IO

from lstm_analog.errors import FileAccessError, SimulationError, explain
from lstm_analog.interruption import ending_in_order, undisturbed

MOST_OUTPUT = 2**18
"""Bytes kept of each output stream of a simulator, from its start: its messages; the rest is read and dropped."""

_PIECE = 2**16
"""Bytes that are read at once of a simulator's output; trades speed only."""
_NO_PROGRAM = 126
"""The exit code of a shell for a file that it cannot execute."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a guest ended: its exit `code`, and what it said on each stream, up to `MOST_OUTPUT` bytes."""

    code: int
    output: bytes
    errors: bytes


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a temporary folder for a guest, and remove it with all that is in it, also where Python is told to end.

    Raises `FileAccessError` if there is no place for temporary files.
    """
    with ending_in_order(), ExitStack() as ending:
        try:
            with undisturbed():
                name = ending.enter_context(tempfile.TemporaryDirectory(prefix="lstm_analog-"))
        except OSError as error:
            do = "set TMPDIR to a folder that can be written"
            got = error.strerror or error
            raise FileAccessError(explain("temporary folder", must="be there", got=got, do=do)) from error
        yield Path(name)


def run_guest(
    command: Sequence[str | Path],
    *,
    name: str,
    folder: Path,
    time_limit: float,
    order: bytes = b"",
    settings: Mapping[str, str] | None = None,
) -> Ended:
    """Run `command` of the simulator `name` in `folder`, feed it `order`, and return how it ended.

    `settings` are added to its environment. It leads a process group, which ends with it: whatever it started is
    killed too, as all is when `time_limit` (s) is over or Python is interrupted; where Python is killed they end by
    themselves, after `time_limit` of work on each processor (not on Windows). Raises `SimulationError` when the
    time is over, `OSError` if it cannot be started.
    """
    with tempfile.TemporaryFile() as fed, ExitStack() as ending:
        fed.write(order)
        fed.seek(0)
        with undisturbed():
            guest = subprocess.Popen(
                _bounded(command, time_limit),
                cwd=folder,
                env={**os.environ, **(settings or {})},
                stdin=fed,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            streams = [_Stream(source) for source in (guest.stdout, guest.stderr) if source is not None]
            ending.callback(_end_all, guest, streams)
        try:
            code = guest.wait(time_limit)
        except subprocess.TimeoutExpired:
            do = "raise time_limit, or run fewer steps"
            raise SimulationError(explain(name, must=f"end within {time_limit} s", got="no end yet", do=do)) from None
    if code == _NO_PROGRAM:
        got = ascii(bytes(streams[1].kept).decode("utf-8", errors="replace").strip().rpartition(": ")[2])
        raise FileAccessError(explain(name, must="be a program of this machine", got=got, do="install it for this one"))
    return Ended(code=code, output=bytes(streams[0].kept), errors=bytes(streams[1].kept))


def _bounded(command: Sequence[str | Path], time_limit: float) -> list[str]:
    """Return `command` begun so that it and what it starts end by themselves, should Python be killed.

    That is after `time_limit` (s) of work on every processor, told by the shell before the command begins; a bound that
    is lower already stays. Raises `FileAccessError` for a command that is not there.
    """
    found = shutil.which(command[0])
    if found is None:
        raise FileAccessError(explain(f"program {str(command[0])!r}", must="be there", got="none", do="install it"))
    words = [found, *map(str, command[1:])]
    if os.name != "posix":
        return words
    most = ceil(time_limit * (os.cpu_count() or 1))
    return ["/bin/sh", "-c", f'ulimit -t {most} 2>/dev/null; exec "$@"', found, *words]


def _end_all(guest: "subprocess.Popen[bytes]", streams: Sequence["_Stream"]) -> None:
    """End the process group of `guest`, and read what is left on its `streams`."""
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(guest.pid, signal.SIGKILL)
    guest.wait()
    for stream in streams:
        stream.close()


class _Stream:
    """Reads what a guest says on one stream to its end, and keeps the start of it."""

    def __init__(self, source: IO[bytes]) -> None:
        self.kept = bytearray()
        self._source = source
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Wait for the end of the stream, and close it."""
        self._reader.join()
        self._source.close()

    def _read(self) -> None:
        while piece := os.read(self._source.fileno(), _PIECE):
            self.kept += piece[: MOST_OUTPUT - len(self.kept)]
