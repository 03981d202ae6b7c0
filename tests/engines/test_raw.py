import numpy as np
import pytest

from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import FileFormatError

TABLE = np.array([[0.0, 1.0, 2.0], [1e-6, 3.0, 4.0], [2e-6, 5.0, 6.0]])


def raw(columns=3, points=3, flags="real", names=("time", "v(a_0)", "v(b_0)"), mark="Binary:", data=None):
    rows = "".join(f"\t{k}\t{name}\tvoltage\n" for k, name in enumerate(names))
    head = f"Title: x\nPlotname: Transient Analysis\nFlags: {flags}\nNo. Variables: {columns}\nNo. Points: {points}\n"
    return f"{head}Variables:\n{rows}{mark}\n".encode() + (TABLE.astype("<f8").tobytes() if data is None else data)


def lying(place, value):
    table = TABLE.copy()
    table[place] = value
    return raw(data=table.astype("<f8").tobytes())


@pytest.fixture
def write(tmp_path):
    def written(content):
        path = tmp_path / "out.raw"
        path.write_bytes(content)
        return path

    return written


def test_reads_what_is_asked_for(write):
    time, values = read_raw(write(raw()), ["b_0", "a_0"])
    assert time.tolist() == TABLE[:, 0].tolist()
    assert values.tolist() == TABLE[:, [2, 1]].tolist()


def test_a_run_without_points(write):
    time, values = read_raw(write(raw(points=0, data=b"")), ["a_0"])
    assert (time.shape, values.shape) == ((0,), (0, 1))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "must hold binary real numbers, got None: run the simulator with -b -r"),
        (b"\x00\xff" * 100, "must hold binary real numbers, got None"),
        (raw(flags="complex"), "must hold binary real numbers, got complex"),
        (raw(flags="unreal"), "must hold binary real numbers, got unreal"),
        (raw(mark="Values:"), "must hold binary real numbers, got real"),
        (raw(columns="many"), "must list its variables"),
        (raw(points=-1), "must list its variables, got 3 of 3, -1 points"),
        (raw(columns=0), "must list its variables, got 0 of 0"),
        (raw(columns=9), "must list its variables"),
        (raw().replace(b"Variables:\n", b"Names:\n"), "must list its variables"),
        (raw().replace(b"No. Points: 3\n", b""), "must list its variables"),
        (raw(names=("time", "v(a_0)", "v(z_0)")), "must hold every node, got no b_0: save these nodes"),
        (raw()[:-1], "must hold 3 points, got 71 bytes: check the free space"),
        (raw(points=10**9), "must hold 1000000000 points, got 72 bytes"),
        (raw(points=2), "must hold 2 points, got 72 bytes: check the free space; run one analysis a file"),
        (raw(points=0), "must hold 0 points, got 72 bytes"),
        (raw(columns=2, names=("time", "v(a_0)")), "must hold every node, got no b_0"),
        (raw(names=("frequency", "v(a_0)", "v(b_0)")), "must list its variables, got .*first \\['frequency'\\]"),
        (raw(names=("time", "v(a_0)", "v(a_0)")), "must list its variables"),
        (lying((1, 1), np.nan), "must hold finite numbers, got others at point 1: run the simulator anew"),
        (lying((2, 2), -np.inf), "must hold finite numbers, got others at point 2"),
        (lying((2, 0), np.nan), "must hold finite numbers, got others at point 2"),
    ],
)
def test_damaged_and_foreign_files_are_refused(write, content, text):
    with pytest.raises(FileFormatError, match=f"^raw file {text}"):
        read_raw(write(content), ["a_0", "b_0"])


def test_truncated_anywhere(write):
    whole = raw()
    for length in range(len(whole)):
        with pytest.raises(FileFormatError, match=r"^raw file must"):
            read_raw(write(whole[:length]), ["a_0", "b_0"])


def test_times_that_fall_back_are_refused(write):
    with pytest.raises(
        FileFormatError, match=r"^times of a raw file must not fall back, got 5e-07 s after 1e-06 s: run"
    ):
        read_raw(write(lying((2, 0), 0.5e-6)), ["a_0"])


def test_a_moment_may_stand_twice(write):
    """Simulators repeat a point where a source has an edge."""
    assert read_raw(write(lying((2, 0), 1e-6)), ["a_0"])[0].tolist() == [0.0, 1e-6, 1e-6]
