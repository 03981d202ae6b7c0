"""Tables as other programs write them: taken, or refused by name."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.errors import FileAccessError, FileFormatError, InvalidShapeError
from lstm_analog.tables import read_columns, read_table, write_table

TABLE = np.array([[1.5, 2.0], [-3.0, 4e-3]])


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"1.5,2\n-3,4e-3\n",
            b"a,b\n1.5,2\n-3,4e-3\n",
            b"\xef\xbb\xbfa,b\r\n1.5,2\r\n-3,4e-3\r\n",
            b"a;b\n1.5;2\n-3;4e-3",
        ),
        *(b"1.5\t2\n-3\t4e-3\n", b"# said\n1.5, 2\n\n-3, 4e-3 # last\n", b'"a","b"\n"1.5","2"\n-3,4e-3\n'),
    ],
)
def test_tables_of_many_programs_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_table(path), TABLE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a;b\n1,5;2\n", "must have decimal points, got '1,5' in row 2: write 1.5 for 1,5"),
        (b"time,a\n0,1\n", "must hold inputs only, no times, got column 'time': leave"),
        (b",a\n0,1\n", "must hold inputs only, no times, got column ''"),
        (b"1,2\n3\n", "must have 2 columns, got 1 in row 2"),
        (b"1,2\n3,x\n", "must hold a table of numbers, got 'x' in row 2"),
        (b"1,nan\n", "must be finite, got nan"),
        (b"", "must hold a table of numbers, got no row"),
        (b"\xff\xfe1\x00", "must be text in UTF-8, got other bytes"),
        (b"\x93NUMPY", "must be in npy format"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        read_table(path)


def test_batches_go_through_npy(tmp_path: Path) -> None:
    batch = np.arange(12.0).reshape(2, 3, 2)
    write_table(tmp_path / "y.npy", [], batch)
    np.testing.assert_array_equal(read_table(tmp_path / "y.npy"), batch)
    with pytest.raises(InvalidShapeError, match="a csv table must be of one sequence"):
        write_table(tmp_path / "y.csv", ["a", "b"], batch)
    assert not (tmp_path / "y.csv").exists()


def test_a_forged_npy_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, TABLE)
    path.write_bytes(path.read_bytes().replace(b"(2, 2)", b"(0, 2305843009213693952)"[:6]))
    with pytest.raises(FileFormatError):
        read_table(path)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"a,b\n1.5,2\n-3,4e-3\n",))
    writer.start()
    np.testing.assert_array_equal(read_table(pipe), TABLE)
    writer.join()


def test_what_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstm_analog.files.LARGEST_STREAM", 1000)
    with pytest.raises(FileAccessError, match="must have at most 1000 bytes"):
        read_table(Path("/dev/zero"))


TRACE = np.array([[0.0, 2.0, 1.0], [1e-6, 2.5, 1.5]])


@pytest.mark.parametrize(
    "content",
    [
        "TIME,CH1,CH2\n0,1,2\n1e-6,1.5,2.5\n",
        "Model,MSO24\nSample Interval,1e-6\n\nLabels,,\nTIME,CH1,CH2\n0,1,2\n1e-6,1.5,2.5\n",
        "x-axis,CH1,CH2\nsecond,Volt,Volt\n0,1,2\n1e-6,1.5,2.5\n",
        "Source;CH9\nTime;CH1;other;CH2\n(s);(V);(dB);(V)\n0;1;-;2\n1e-6;1.5;;2.5\n",
        "\ufeffTime [s],CH1,CH2,\r\n0,1,2,\r\n1e-6,1.5,2.5,\r\n",
    ],
    ids=["plain", "settings above", "units below", "other columns", "as of Windows"],
)
def test_columns_of_instruments_are_read_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(content, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read_columns(path, ["CH2", "CH1"]), TRACE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "X,CH1,CH2,Start,Increment\nSequence,Volt,Volt,-1e-3,2e-6\n0,1,2,,\n",
            "must be in s, V or Pa, got 'Sequence'",
        ),
        ("TIME,CH1,CH2\nms,V,V\n0,1,2\n", "must be in s, V or Pa, got 'ms': scale its columns"),
        (
            "TIME,CH1\n0,1\n",
            "must have one row with the columns 'CH1', 'CH2', got none; the first row of words is 'TIME'",
        ),
        ("0,1,2\n1,1,2\n", "must have one row with the columns 'CH1', 'CH2', got none"),
        ("a,CH1,CH2\nb,CH1,CH2\n0,1,2\n", "got 2 such rows"),
        ("a,CH1,CH2,CH2\n0,1,2,2\n", "got none"),
        ("TIME,CH1,CH2\n", "must have rows under its header, got none"),
        ("TIME,CH1,CH2\n0,1,2\n1,2\n", "must have 3 columns, got 2 in row 3"),
        ("TIME,CH1,CH2\n0,1,2\n1,-,2\n", "got '-' in row 3"),
        ("TIME,CH1,CH2\n0,1,2\n1,nan,2\n", "got 'nan' in row 3"),
        ("TIME,CH1,CH2\n0,1,2\n1,inf,2\n", "got 'inf' in row 3"),
        ("TIME;CH1;CH2\n0;1,5;2\n", "must have decimal points, got '1,5' in row 2"),
    ],
)
def test_columns_that_cannot_be_told_are_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FileFormatError) as refused:
        read_columns(path, ["CH1", "CH2"])
    assert words in str(refused.value)
