"""Everything that is read and written x every hostile case: `python benchmarks/table_doors.py [words]`, some minutes.

Each cell is a process of its own: "answered" or "refused", the memory that it took beyond what the process had, in MB,
and its time, in s. It has FAILED, with the reason, where anything but an error of this package comes out, a refusal
does not name the file, a process takes more than `MEMORY` or `LIMIT`, a good file is refused or a hopeless one
answered, and where a refused writer has changed anything or left something behind. `words` pick the rows that have one
of them; `sample 40 7` makes 40 cells drawn with seed 7. `benchmarks/doors.md` has it all; `tests/test_doors_table.py`
takes some of the cells again. Run by root, who drops his right to all files where a case asks for it, and mounts a full
disk; others have none.
"""

import contextlib
import ctypes
import gzip
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import hostile_files
import numpy as np
from hostile_files import BOMBS, FORGED
from matplotlib.figure import Figure
from measure import STATUS, conditions, forget_peak, peak, table
from onnx import TensorProto, helper

import lstm_analog as la
from lstm_analog import cli, files
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import LstmAnalogError
from lstm_analog.export import check_dialect
from lstm_analog.tables import read_table, write_table

TESTS = Path(__file__).resolve().parent.parent / "tests" / "model"
LIMIT = 20
"""Seconds of the processor after which a cell is given up; on the clock, three times as many."""
MEMORY = 256 * 2**20
"""Bytes that reading may take, beside 64 times the size of the file."""
ROOT = os.geteuid() == 0
X = np.zeros((2, 2))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What came of a door in a case: the fate, in words where it failed, bytes of memory, seconds."""

    fate: str
    words: str = ""
    memory: float = 0.0
    time: float = 0.0

    def __str__(self) -> str:
        """Return what stands in the table."""
        return f"{self.fate} {self.memory:.0f} MB {self.time:.2f} s{f': {self.words}' if 'FAILED' in self.fate else ''}"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A way in: the kind of file, and how it is read.

    `named` says that a refusal names the file, `pipes` that one may be read, `judges` that any text is answered, with
    what is wrong with it; `file` is the name that it must have.
    """

    kind: str
    read: Callable[[Path], object]
    named: bool = True
    pipes: bool = True
    judges: bool = False
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A file for a reader: the paths, whether it must be "answered" or "refused", who reads it and who writes to it."""

    paths: tuple[Path, ...]
    must: str = ""
    barred: bool = False
    feed: bytes | None = None
    endless: bool = False
    memory: int | None = None


def command(*words: object) -> None:
    """Run the command line; raise as it refuses."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main([str(word) for word in words])
    if code == 2:
        raise LstmAnalogError(said.getvalue())


def readers(folder: Path) -> dict[str, Reader]:
    """Return all that reads, by name; `folder` has good files."""
    weights = folder / "good.weights.h5"
    kinds = ("safetensors", "pt", "npz", "onnx", "keras", "h5", "msgpack")
    network = la.read_spice(folder / "good.deck").network
    found = {f"load .{kind}": Reader(kind=kind, read=la.load, pipes=False) for kind in kinds}
    found |= {
        f"load_model .{kind}": Reader(kind=kind, read=la.load_model, pipes=False) for kind in ("npz", "whole.keras")
    }
    return found | {
        "load config=": Reader(
            kind="config", read=lambda path: la.load_model(weights, config=path), pipes=False, named=False
        ),
        "load, side file of ONNX": Reader(
            kind="side", read=lambda path: la.load(_side(path, folder)), pipes=False, named=False
        ),
        "load_machine": Reader(kind="machine", read=la.load_machine),
        "read_spice": Reader(kind="deck", read=la.read_spice),
        "check_dialect": Reader(kind="deck", read=lambda path: check_dialect(path, la.NGSPICE), judges=True),
        "verify": Reader(
            kind="deck",
            read=lambda path: la.verify(path, la.load_certificate(folder / "good.certificate.json")),
            named=False,
            judges=True,
            file="good.deck",
        ),
        "load_certificate": Reader(kind="certificate", read=la.load_certificate),
        "read_json": Reader(kind="json", read=la.export.read_json),
        "read_graphml": Reader(kind="graphml", read=la.export.read_graphml),
        "tables, csv": Reader(kind="csv", read=read_table),
        "tables, npy": Reader(kind="npy", read=read_table),
        "results of ngspice": Reader(kind="raw", read=lambda path: read_raw(path, ["a"]), named=False, pipes=False),
        "lstm-analog info, model": Reader(kind="pt", read=partial(command, "info"), pipes=False),
        "lstm-analog info, machine": Reader(kind="machine", read=partial(command, "info"), pipes=False),
        "lstm-analog lint": Reader(kind="deck", read=partial(command, "lint"), judges=True),
        "lstm-analog run": Reader(
            kind="csv",
            read=lambda path: command("run", folder / "good.machine", path, path.parent / "out.csv"),
            named=False,
        ),
        "Rumoca.run_file": Reader(
            kind="mo",
            read=lambda path: la.engines.Rumoca(time_limit=30.0).run_file(path, "good", network, _schedule(folder)),
            named=False,
        ),
    }


def _schedule(folder: Path) -> object:
    return la.read_spice(folder / "good.deck").schedule


def good_files(folder: Path) -> la.Machine:
    """Make a good file of each kind in `folder`; return the machine that most are of."""
    hostile_files.good_files(folder, TESTS)
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    machine.save(folder / "good.machine")
    machine.certify(lstm, X, folder / "good.deck")
    shutil.copy(folder / "good.certificate.json", folder / "good.certificate")
    machine.write.json(folder / "good.json", X)
    machine.write.graphml(folder / "good.graphml", X)
    machine.write.modelica(folder / "good.mo", X)
    write_table(folder / "good.csv", ["a", "b"], X)
    write_table(folder / "table.npy", [], X)
    (folder / "table.npy").rename(folder / "good.npy")
    head = "Title: x\nFlags: real\nNo. Variables: 2\nNo. Points: 1\nVariables:\n\t0\ttime\ttime\n\t1\tv(a)\tvoltage\n"
    (folder / "good.raw").write_bytes(head.encode() + b"Binary:\n" + bytes(16))
    (folder / "good.side").write_bytes(np.full(8, 0.5, np.float32).tobytes())
    la.save(lstm, folder / "model.safetensors")
    return machine


def _side(path: Path, folder: Path) -> Path:
    """Write an ONNX model whose weight lies in the file at `path`, beside it, else in `folder`."""
    system = path.is_relative_to("/dev")
    model = folder / "side.onnx" if system else path.with_name("side.onnx")
    weight = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[1, 4, 2], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=str(path) if system else path.name)
    recurrent = helper.make_tensor("R", TensorProto.FLOAT, [1, 4, 1], [0.0] * 4)
    node = helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=1)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", "batch", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["time", 1, "batch", 1])
    graph = helper.make_graph([node], "g", [x], [y], [weight, recurrent])
    model.write_bytes(helper.make_model(graph).SerializeToString())
    return model


def cases(reader: Reader, folder: Path, place: Path) -> dict[str, Callable[[], Hostile]]:
    """Return what makes each hostile file for `reader` in `place`; `folder` has the good ones."""
    good, path = (folder / f"good.{reader.kind}").read_bytes(), place / (reader.file or f"a.{reader.kind}")
    kind, hopeless = reader.kind.rpartition(".")[2], "" if reader.judges else "refused"

    def written(*contents: bytes, must: str = "", **options: object) -> Hostile:
        paths = tuple(place / str(number) / path.name for number in range(len(contents)))
        for each, content in zip(paths, contents, strict=True):
            each.parent.mkdir()
            each.write_bytes(content)
            each.chmod(0o644)
        return Hostile(paths=paths, must=must, **options)  # type: ignore[arg-type]

    def linked(target: str, must: str) -> Hostile:
        (place / "good").write_bytes(good)
        path.symlink_to(target)
        return Hostile(paths=(path,), must=must)

    def sparse(size: int, must: str, **options: object) -> Hostile:
        with path.open("wb") as stream:
            stream.truncate(size)
        return Hostile(paths=(path,), must=must, **options)  # type: ignore[arg-type]

    def piped(**options: object) -> Hostile:
        os.mkfifo(path)
        return Hostile(paths=(path,), **options)  # type: ignore[arg-type]

    def barred() -> Hostile:
        path.write_bytes(good)
        path.chmod(0)
        return Hostile(paths=(path,), must="refused", barred=True)

    def there(name: str | Path) -> Hostile:
        return Hostile(paths=(Path(name),), must="refused")

    found: dict[str, Callable[[], Hostile]] = {
        "good": lambda: written(good, must="answered"),
        "by a link": lambda: linked("good", "" if reader.kind == "side" else "answered"),
        "link to nothing": lambda: linked("nothing", "refused"),
        "ring of links": lambda: linked(path.name, "refused"),
        "missing": lambda: there(place / "none"),
        "folder": lambda: there(place),
        "no rights": barred,
        "name of 300 letters": lambda: there(place / ("x" * 300)),
        "empty": lambda: written(b"", must=hopeless),
        "half": lambda: written(good[: len(good) // 2]),
        "gzip": lambda: written(gzip.compress(good), must=hopeless),
        "sparse, 10 GB": lambda: sparse(10 * 2**30, "refused"),
        "sparse, 1 GB": lambda: sparse(2**30, hopeless, memory=6 * 2**30),
        "pipe, good": lambda: piped(feed=good, must="answered" if reader.pipes else ""),
        "pipe, empty": lambda: piped(feed=b"", must=hopeless),
        "pipe, endless": lambda: piped(endless=True, must="refused", memory=64 * files.LARGEST_STREAM),
        "/dev/zero": lambda: Hostile(paths=(Path("/dev/zero"),), must="refused", memory=64 * files.LARGEST_STREAM),
        "/dev/null": lambda: Hostile(paths=(Path("/dev/null"),), must=hopeless),
    }
    if kind in BOMBS:
        found["bomb"] = lambda: written(*BOMBS[kind](good))
        found["forged size"] = lambda: written(*FORGED[kind](good))
    return found


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A way out: the name of a file that it takes, and what writes it to a path."""

    file: str
    write: Callable[[Path], object]


def writers(folder: Path, machine: la.Machine) -> dict[str, Writer]:
    """Return all that writes, by name; `folder` has good files, `machine` is the one of most."""
    lstm, model = la.load(folder / "model.safetensors"), la.load_model(folder / "good.keras")
    plumbing, run = la.compile(lstm, la.hydraulic.OIL), machine.run(X)
    bill, report, rows = plumbing.bill_of_materials(), la.compare(run, lstm), np.zeros((9, 9))
    picture, source = Figure(), folder / "model.safetensors"
    picture.add_subplot().plot([0, 1])
    return {
        "save": Writer(file="a.safetensors", write=partial(la.save, lstm)),
        "save_model": Writer(file="a.safetensors", write=partial(la.save_model, model)),
        "Machine.save": Writer(file="a.npz", write=machine.save),
        "Machine.write.spice": Writer(file="a.cir", write=lambda path: machine.write.spice(path, X)),
        "..., as_subckt": Writer(file="a.cir", write=lambda path: machine.write.spice(path, X, as_subckt=True)),
        "Machine.write.verilog_a": Writer(file="a.va", write=machine.write.verilog_a),
        "Machine.certify": Writer(file="a.cir", write=lambda path: machine.certify(lstm, X, path)),
        "write_netlists": Writer(file="a.cir", write=lambda path: la.study.write_netlists(run, path)),
        "Machine.write.modelica": Writer(file="a.mo", write=lambda path: machine.write.modelica(path, X)),
        "Machine.write.json": Writer(file="a.json", write=machine.write.json),
        "Machine.write.graphml": Writer(file="a.graphml", write=machine.write.graphml),
        "Machine.write.epanet": Writer(file="a.inp", write=lambda path: plumbing.write.epanet(path, X)),
        "Bill.write": Writer(file="a.csv", write=bill.write),
        "Bill.write_cut_list": Writer(file="a.csv", write=bill.write_cut_list),
        "Report.write": Writer(file="a.json", write=report.write),
        "show.save": Writer(file="a.png", write=partial(la.show.save, picture)),
        "tables, csv": Writer(file="a.csv", write=lambda path: write_table(path, ["a"] * 9, rows)),
        "tables, npy": Writer(file="a.npy", write=lambda path: write_table(path, [], rows)),
        "lstm-analog compile": Writer(file="a.npz", write=lambda path: command("compile", source, path)),
        "lstm-analog compile --spice": Writer(
            file="a.cir", write=lambda path: command("compile", source, path.parent / "m.npz", "--spice", path)
        ),
        "lstm-analog run": Writer(
            file="a.csv", write=lambda path: command("run", folder / "good.machine", folder / "good.csv", path)
        ),
        "lstm-analog compare --json": Writer(
            file="a.json", write=lambda path: command("compare", source, "--json", path)
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place for a writer: the path, what must come of it, and what is done before and with the process."""

    path: Path
    must: str
    barred: bool = False
    most: int = 0
    stays: tuple[Path, ...] = field(default=())


def places(writer: Writer, place: Path) -> dict[str, Callable[[], Place]]:
    """Return what makes each place for `writer` in the folder `place`."""
    path = place / writer.file

    def over(mode: int, must: str, *, barred: bool = False) -> Place:
        path.write_bytes(b"old")
        path.chmod(mode)
        return Place(path=path, must=must, barred=barred)

    def link(target: Path | str, must: str, *, there: bool = False) -> Place:
        (place / "kept").mkdir()
        if there:
            (place / "kept" / "old").write_bytes(b"old")
        path.symlink_to(target)
        return Place(path=path, must=must, stays=(path,))

    def hard() -> Place:
        (place / "other").write_bytes(b"old")
        path.hardlink_to(place / "other")
        return Place(path=path, must="answered", stays=(place / "other",))

    def pipe() -> Place:
        os.mkfifo(path)
        return Place(path=path, must="refused")

    def folder() -> Place:
        path.mkdir()
        return Place(path=path, must="refused")

    def barred() -> Place:
        place.chmod(0o555)
        return Place(path=path, must="refused", barred=True)

    return {
        "new": lambda: Place(path=path, must="answered"),
        "over a file": lambda: over(0o604, "answered"),
        "over a link": lambda: link("kept/old", "answered", there=True),
        "link to nothing": lambda: link("kept/new", "answered"),
        "ring of links": lambda: link(path.name, "refused"),
        "hard link": hard,
        "pipe": pipe,
        "/dev/null": lambda: link("/dev/null", "refused"),
        "/dev/full": lambda: link("/dev/full", "refused"),
        "/dev/stdout": lambda: link("/dev/stdout", "refused"),
        "folder": folder,
        "no folder": lambda: Place(path=place / "none" / writer.file, must="refused"),
        "name of 300 letters": lambda: Place(path=place / f"{'x' * 300}{Path(writer.file).suffix}", must="refused"),
        "read-only file": lambda: over(0o444, "refused", barred=True),
        "read-only folder": barred,
        "largest file, 50 bytes": lambda: Place(path=path, must="refused", most=50),
        "full disk": lambda: Place(path=_full(place) / writer.file, must="refused"),
    }


def _full(place: Path) -> Path:
    """Return a folder in `place` on a disk with nothing left; one that cannot be mounted is left to the case above."""
    disk = place / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        raise PermissionError("no disk may be mounted here")
    with contextlib.suppress(OSError), (disk / "rest").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(512))
    return disk


def snapshot(place: Path) -> dict[str, object]:
    """Return what lies in `place`: kinds, modes, contents."""
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        kind = path.lstat()
        told = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(place))] = (kind.st_mode, told)
    return found


def read_cell(reader: Reader, case: str, folder: Path, place: Path) -> Cell:
    """Return what comes of `reader` in a `case`, in processes of their own."""
    made = cases(reader, folder, place)[case]()
    worst = Cell(fate="answered")
    for path in made.paths:
        size = path.stat().st_size if case in ("good", "half", "gzip", "bomb", "forged size") else 0
        feeder = _feed(path, made) if made.feed is not None or made.endless else None
        found = apart(partial(reader.read, path), memory=made.memory or MEMORY + 64 * size, barred=made.barred)
        if feeder is not None:
            feeder.kill()
            feeder.wait()
        if found.fate == "refused" and reader.named and str(path) not in found.words:
            found = Cell(fate="FAILED", words=f"the file is not named: {found.words}")
        if made.must and found.fate not in (made.must, "FAILED"):
            found = Cell(fate="FAILED", words=f"must be {made.must}: {found.words}")
        worst = max(worst, found, key=lambda cell: ("FAILED" in cell.fate, cell.fate == "refused", cell.time))
    return worst


def _feed(path: Path, made: Hostile) -> subprocess.Popen[bytes]:
    """Return a process that writes to the pipe at `path`."""
    content = repr(made.feed) if made.feed is not None else "bytes(65536)"
    loop = "while True: stream.write(data)" if made.endless else "stream.write(data)"
    program = f"import sys\ndata = {content}\nwith open(sys.argv[1], 'wb') as stream:\n    {loop}"
    return subprocess.Popen([sys.executable, "-c", program, path], stderr=subprocess.DEVNULL)


def write_cell(writer: Writer, case: str, place: Path) -> Cell:
    """Return what comes of `writer` in a `case`, in a process of its own."""
    place.chmod(0o777)
    try:
        made = places(writer, place)[case]()
    except PermissionError as error:
        return Cell(fate="left out", words=str(error))
    try:
        before = snapshot(place)
        kept = {path: path.lstat().st_mode if path.is_symlink() else path.read_bytes() for path in made.stays}
        found = apart(partial(writer.write, made.path), memory=MEMORY, barred=made.barred, most=made.most)
        after, wrong = snapshot(place), ""
        if found.fate == "refused":
            wrong = "" if after == before else f"changed: {sorted(set(after) ^ set(before)) or 'content'}"
            wrong = wrong or ("" if _is_named(made.path, found.words) else f"the file is not named: {found.words}")
        elif found.fate == "answered":
            still = all(
                path.lstat().st_mode == was if isinstance(was, int) else path.read_bytes() == was
                for path, was in kept.items()
            )
            mode = before.get(writer.file, (0, 0))[0]  # type: ignore[index]
            wrong = "" if still else "a link has gone, or what else had the file's name has changed"
            wrong = wrong or ("a mode has changed" if case == "over a file" and after[writer.file][0] != mode else "")  # type: ignore[index]
            wrong = wrong or ("nothing was written" if made.path.stat().st_size < 10 else "")
            wrong = wrong or ("a part is left" if any(Path(name).name.startswith(".") for name in after) else "")
        if not wrong and found.fate not in (made.must, "FAILED"):
            wrong = f"must be {made.must}: {found.words}"
        return Cell(fate="FAILED", words=wrong) if wrong else found
    finally:
        if (place / "disk").is_mount():
            subprocess.run(["umount", place / "disk"], check=True)


def _is_named(path: Path, words: str) -> bool:
    """Return whether `words` name the file at `path`, or its folder where that is what is wrong."""
    return str(path) in words or f"{str(path.parent)!r} must" in words


def apart(call: Callable[[], object], *, memory: int, barred: bool = False, most: int = 0) -> Cell:
    """Return what comes of `call` in a copy of this process, which may take so much more memory, and write `most`."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            _attempt(call, theirs, memory, barred=barred, most=most)
        finally:
            os._exit(0)
    os.close(theirs)
    begun = time.monotonic()
    with open(ours, "rb") as stream:  # noqa: PTH123 - a number
        signal_number = _stop_at(child, begun + 3 * LIMIT)
        said = stream.read()
    if not said:
        return Cell(fate="FAILED", words=f"ended by {signal_number}", time=time.monotonic() - begun)
    fate, words, grown, spent = json.loads(said)
    return Cell(fate=fate, words=words, memory=grown, time=spent)


def _stop_at(child: int, end: float) -> str:
    """Wait for `child`, kill it at the time `end`, and return which signal has ended it."""
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"the limit of {3 * LIMIT} s"
        time.sleep(0.002)
    return f"signal {os.WTERMSIG(ended[1])}"


def _attempt(call: Callable[[], object], result: int, memory: int, *, barred: bool, most: int) -> None:
    """Tell the pipe `result` what comes of `call`, and end."""
    if barred and ROOT:
        _drop_the_right_to_all_files()
    forget_peak()
    now = 1024 * int(next(line for line in STATUS.read_text().splitlines() if "VmSize" in line).split()[1])
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    begun, held = time.monotonic(), peak()
    try:
        call()
        fate, words = "answered", ""
    except LstmAnalogError as error:
        told = " must " in str(error)
        fate, words = ("refused", str(error)) if told else ("FAILED", f"refused without a rule: {error}")
    except BaseException as error:  # noqa: BLE001 - whatever comes out is the answer
        fate, words = "FAILED", f"{type(error).__name__}: {str(error)[:200]}"
    spent = time.monotonic() - begun
    os.write(result, json.dumps([fate, words[:2000], peak() - held, spent]).encode())


def _drop_the_right_to_all_files() -> None:
    """Let this process of root heed the modes of files, as others do: without CAP_DAC_OVERRIDE and _READ_SEARCH."""
    system, head, rights = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    system.capget(head, rights)
    for kind in (0, 1):  # those in force, and those that may be taken
        rights[kind] &= ~0b110
    assert system.capset(head, rights) == 0


def cells(folder: Path) -> Iterator[tuple[str, str, Callable[[Path], Cell]]]:
    """Yield what each cell is of and what makes it in a folder; good files go to `folder`."""
    machine = good_files(folder)
    for name, reader in readers(folder).items():
        for case in cases(reader, folder, folder):
            yield f"read: {name}", case, partial(read_cell, reader, case, folder)
    for name, writer in writers(folder, machine).items():
        for case in places(writer, folder):
            yield f"write: {name}", case, partial(write_cell, writer, case)


def made(make: Callable[[Path], Cell], folder: Path) -> Cell:
    """Return a cell made in a new folder within `folder`."""
    place = Path(tempfile.mkdtemp(dir=folder))
    place.chmod(0o755)
    try:
        return make(place)
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def main() -> int:
    """Print the table, or the cells of a sample."""
    words = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="doors-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found: dict[str, dict[str, Cell]] = {}
        chosen = list(cells(folder))
        if words[:1] == ["sample"]:
            chosen = random.Random(int(words[2])).sample(chosen, int(words[1]))
        for door, case, make in chosen:
            if words[:1] == ["sample"] or not words or any(word in f"{door} {case}" for word in words):
                found.setdefault(door, {})[case] = made(make, folder)
                if "FAILED" in found[door][case].fate:
                    print(door, case, found[door][case], sep=", ", file=sys.stderr, flush=True)
    print(
        f"# Doors x hostile cases\n\n{conditions()}\n\n{(__doc__ or '').split(chr(10) * 2)[1].partition(' `words`')[0]}"
    )
    for way in ("read", "write"):
        rows = {door: row for door, row in found.items() if door.startswith(way)}
        heads = list(dict.fromkeys(case for row in rows.values() for case in row))
        shown = ([door.partition(": ")[2], *(row.get(case, "") for case in heads)] for door, row in rows.items())
        print(f"\n## {way}\n\n{table([way, *heads], shown)}")
    every = [cell for row in found.values() for cell in row.values()]
    fates = {fate: sum(cell.fate == fate for cell in every) for fate in sorted({cell.fate for cell in every})}
    largest, longest = max(cell.memory for cell in every), max(cell.time for cell in every)
    print(f"\n{len(every)} cells: {fates}; most memory {largest:.0f} MB, longest {longest:.1f} s")
    return int("FAILED" in fates)


if __name__ == "__main__":
    sys.exit(main())
