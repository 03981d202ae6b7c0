import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import listens_to

from lstm_analog import files, load
from lstm_analog.errors import FileAccessError, InvalidValueError
from lstm_analog.files import check_apart, read_bytes, whole_file, whole_files


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


@pytest.mark.parametrize("name", ["none/a", "", ".", "a\x00b", "x" * 300, "a\x00/b", "x" * 300 + "/b"])
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


@pytest.mark.parametrize("name", ["none", ".", "a\x00b", "x" * 300 + "/b"])
def test_what_cannot_be_read_is_said(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileAccessError, match=r"^file '.*' must be readable, got .*: check the path$"):
        read_bytes(name)
    with pytest.raises(FileAccessError, match=r"^file '.*' must be readable, got "):
        load(name)


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path):
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.write_text("old")
    kept.chmod(0o604)
    link.symlink_to("kept")
    with whole_file(link) as stream:
        stream.write(b"new")
    with whole_files(tmp_path) as (stage,):
        (stage / "link").write_text("newer")
        (stage / "kept2").write_text("other")
    assert link.is_symlink()
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ("newer", 0o604)


def test_a_link_to_nothing_makes_the_file(tmp_path):
    (tmp_path / "link").symlink_to("later")
    with whole_file(tmp_path / "link") as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "later").read_text() == "new"


@pytest.mark.parametrize("way", ["/dev/stdout", "/proc/self/fd/1", "fd/1", "link"])
def test_open_files_of_the_system_are_not_replaced(tmp_path, way):
    """With the output in a file, /dev/stdout leads to a plain file; the link on the way is the whole system's."""
    (tmp_path / "fd").symlink_to("/proc/self/fd")
    (tmp_path / "link").symlink_to("/dev/stdout")
    program = (
        "import sys; from lstm_analog.files import whole_file\n"
        "try:\n    with whole_file(sys.argv[1]) as stream: stream.write(b'x')\n"
        "except Exception as error: print(error)"
    )
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", program, tmp_path / way], stdout=out, check=True)
    assert "must be writable, got a device or pipe" in (tmp_path / "out").read_text()
    assert Path("/dev/stdout").is_symlink()


def test_links_in_a_ring_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileAccessError, match="must be writable, got too many links"), whole_file(tmp_path / "a"):
        pass


def test_a_file_that_is_read_is_not_written_over(tmp_path):
    (tmp_path / "link").symlink_to("model")
    read, others = [tmp_path / "model", None], [tmp_path / "machine", None]
    check_apart(read, others)
    for same in ("model", "link", "../" + tmp_path.name + "/model"):
        with pytest.raises(
            FileAccessError, match=r"^file .* must be a place of its own, got that of .*: choose another"
        ):
            check_apart(read, [tmp_path / same])
    with pytest.raises(FileAccessError, match="must be a place of its own"):
        check_apart(read, [tmp_path / "machine", tmp_path / "machine"])
    with pytest.raises(FileAccessError, match=r"must be writable, got .*embedded null"):
        check_apart(read, [tmp_path / "a\x00b"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_part_of_a_file(tmp_path, number):
    program = listens_to(number) + (
        "import os, sys, time; from lstm_analog.files import whole_file, whole_files\n"
        "with whole_files(sys.argv[1]) as (stage,), whole_file(sys.argv[1] + '/a') as stream:\n"
        "    (stage / 'b').write_text('b'); stream.write(b'a'); print('begun', flush=True); time.sleep(60)"
    )
    run = [sys.executable, "-c", program, tmp_path]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as python:
        assert python.stdout.readline() == b"begun\n"
        python.send_signal(number)
        assert python.wait(20) != 0
    assert names(tmp_path) == []


def test_a_link_to_another_device_is_followed_or_nothing_is_replaced(tmp_path, monkeypatch):
    """A move between devices fails, after others that did not: so what lies there is copied beside its place first."""
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "b").symlink_to(far / "b")
    replace = Path.replace

    def within_a_device(self, target):
        if (far in self.parents) != (far in Path(target).parents):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", within_a_device)
    monkeypatch.setattr(files, "_device", lambda path: int(far in (path, *path.parents)))
    with whole_files(tmp_path) as (stage,):
        for name in "ab":
            (stage / name).write_text("new")
    assert [(tmp_path / name).read_text() for name in "ab"] == ["new", "new"]
    assert (tmp_path / "b").is_symlink()
    assert names(far) == ["b"]


def write_twice(folder):
    with whole_files(folder, folder) as stages:
        for stage in stages:
            (stage / "a").write_text("new")


def test_two_files_of_one_place_are_refused(tmp_path):
    with pytest.raises(FileAccessError, match=r"^file .* must be a place of its own, got that of"):
        write_twice(tmp_path)
    assert names(tmp_path) == []
