"""Simulators as processes: what they start ends with them, what they say is bounded, nothing of them is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from terminal import listens_to

from lstm_analog.engines.external import MOST_OUTPUT, run_simulator, temporary_folder
from lstm_analog.errors import FileAccessError, SimulationError

SHELL = ("/bin/sh", "-c")


def run(script, folder, time_limit=20.0, **options):
    return run_simulator([*SHELL, script], name="program", folder=folder, time_limit=time_limit, **options)


def gone(number, within=10.0):
    """Whether the process `number` ends `within` s; one that nobody has waited for is a zombie, and has ended."""
    for _ in range(int(within / 0.02)):
        try:
            if ") Z " in Path(f"/proc/{number}/stat").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_what_a_program_is_given_and_says(tmp_path):
    ended = run("cat; echo $SPECIAL >&2; pwd; exit 3", tmp_path, stdin=b"order\n", settings={"SPECIAL": "word"})
    assert (ended.returncode, ended.stderr) == (3, b"word\n")
    assert ended.stdout == f"order\n{tmp_path.resolve()}\n".encode()


def test_children_end_with_a_program_that_ends(tmp_path):
    run("sleep 60 & echo $! > child", tmp_path)
    assert gone((tmp_path / "child").read_text().strip())


def test_children_end_with_a_program_whose_time_is_over(tmp_path):
    with pytest.raises(SimulationError, match=r"^program must end within 0\.5 s, got no end yet: raise time_limit"):
        run("sleep 60 & echo $! > child; wait", tmp_path, time_limit=0.5)
    assert gone((tmp_path / "child").read_text().strip())


def test_chatter_is_read_and_dropped(tmp_path):
    """Fifty times what is kept; a program whose output nobody read would hang."""
    ended = run(f"head -c {50 * MOST_OUTPUT} /dev/zero; echo end >&2", tmp_path)
    assert (len(ended.stdout), ended.stderr, ended.returncode) == (MOST_OUTPUT, b"end\n", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that runs cannot be bounded")
def test_a_program_whose_python_was_killed_ends_by_itself(tmp_path):
    """SIGKILL lets nobody clean up; the program, which would work for ever, has the processor for its time limit."""
    program = (
        "import sys; from pathlib import Path; from lstm_analog.engines.external import run_simulator\n"
        "script = 'echo $$ > told; while true; do :; done'\n"
        "run_simulator(['/bin/sh', '-c', script], name='program', folder=Path(sys.argv[1]), time_limit=0.5)"
    )
    told = tmp_path / "told"
    with subprocess.Popen([sys.executable, "-c", program, tmp_path]) as python:
        while not (told.exists() and told.read_text().strip()):
            time.sleep(0.005)
        python.kill()
    assert gone(told.read_text().strip(), within=60.0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that runs cannot be bounded")
def test_a_bound_of_the_user_is_left_as_it_is(tmp_path):
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from lstm_analog.engines.external import run_simulator as run\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 50))\n"
        "ended = run(['/bin/sh', '-c', 'ulimit -t'], name='program', folder=Path(sys.argv[1]), time_limit=600.0)\n"
        "print(ended.stdout.decode().strip())"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "50\n"


def test_no_place_for_temporary_files(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with (
        pytest.raises(FileAccessError, match=r"^temporary folder must be there, got No such file.*: set TMPDIR"),
        temporary_folder(),
    ):
        pass


PROGRAM = """
from lstm_analog.engines.external import temporary_folder, run_simulator
with temporary_folder() as folder:
    script = "sleep 60 & echo $! >> ../told; echo done >> ../told; wait"
    run_simulator(["/bin/sh", "-c", script], name="program", folder=folder, time_limit=60.0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_python_ends_the_program_and_removes_its_folder(tmp_path, number):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    told = tmp_path / "told"
    with subprocess.Popen(
        [sys.executable, "-c", listens_to(number) + PROGRAM], env=environment, stderr=subprocess.DEVNULL
    ) as python:
        for _ in range(1500):
            if told.exists() and "done" in told.read_text():
                break
            time.sleep(0.02)
        python.send_signal(number)
        assert python.wait(20) != 0
    assert gone(told.read_text().split()[0])
    assert [path.name for path in tmp_path.iterdir()] == ["told"]
