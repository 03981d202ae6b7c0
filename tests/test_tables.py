"""Tables as other programs write them: taken, or refused by name."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.errors import FileAccessError, FileFormatError, InvalidShapeError
from lstm_analog.tables import read_table, write_table

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
