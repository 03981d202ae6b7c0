import errno
import os
import stat
from pathlib import Path

import pytest

from lstm_analog.errors import FileAccessError, InvalidValueError
from lstm_analog.files import read_bytes, whole_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == read_bytes(str(path)) == b"one"
    assert names(tmp_path) == ["a.txt"]


def test_rights_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with whole_file(tmp_path / "a") as stream:
            stream.write(b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def interrupt(_):
    raise KeyboardInterrupt("by hand")


def fill_the_disk(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def break_a_rule(_):
    raise InvalidValueError("as it was")


@pytest.mark.parametrize(
    ("act", "kind", "text"),
    [
        (interrupt, KeyboardInterrupt, r"^by hand$"),
        (
            fill_the_disk,
            FileAccessError,
            r"^file '.*/a' must be writable, got No space left on device: .* nothing was written$",
        ),
        (break_a_rule, InvalidValueError, r"^as it was$"),
    ],
)
def test_a_failure_leaves_what_was_there(tmp_path, act, kind, text):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(kind, match=text), whole_file(path) as stream:
        act(stream.write(b"new" * 100_000))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_an_error_of_this_package_keeps_its_words(tmp_path):
    with pytest.raises(FileAccessError, match=r"^file 'none' must be readable"), whole_file(tmp_path / "a"):
        read_bytes("none")
    assert names(tmp_path) == []


def test_a_disk_that_fills_while_closing(tmp_path, monkeypatch):
    real = os.fdopen

    def full(handle, mode):
        os.close(handle)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(FileAccessError, match="No space left on device"), whole_file(tmp_path / "a") as stream:
        stream.write(b"x")  # buffered: fails in close
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["none/a", "", ".", "a\x00b", "x" * 300])
def test_impossible_paths_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileAccessError, match=r"must be writable, got "), whole_file(name) as stream:
        stream.write(b"x")
    assert names(tmp_path) == []


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(FileAccessError, match=r"^file .* must be writable, got "), whole_file(tmp_path / "a") as stream:
        stream.write(b"x")
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").is_dir()


def test_a_device_or_pipe_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileAccessError, match=r"must be writable, got a device or pipe"), whole_file(pipe) as stream:
        stream.write(b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(FileAccessError, match="got a device or pipe"), whole_file("/dev/null") as stream:
        stream.write(b"x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["none", ".", "a\x00b"])
def test_what_cannot_be_read_is_said(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileAccessError, match=r"^file '.*' must be readable, got .*: check the path$"):
        read_bytes(name)
