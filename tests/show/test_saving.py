import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from lstm_analog.errors import FileAccessError, InvalidValueError
from lstm_analog.show import save, settling_curve, step_waveforms

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF", ".PNG": b"\x89PNG"}


@pytest.fixture
def figure():
    return settling_curve([14.0, 20.0], [1e-4, 1e-6], 3)


@pytest.mark.parametrize("ending", SIGNATURES)
def test_the_ending_says_the_format(figure, tmp_path, ending):
    path = tmp_path / f"curve{ending}"
    save(figure, path)
    assert path.read_bytes().startswith(SIGNATURES[ending])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf"])
def test_equal_pictures_are_equal_files(tmp_path, ending):
    contents = []
    for name in ("a", "b"):
        save(settling_curve([14.0, 20.0], [1e-4, 1e-6], 3), tmp_path / f"{name}{ending}")
        contents.append((tmp_path / f"{name}{ending}").read_bytes())
    assert contents[0] == contents[1]


def test_a_picture_is_1000_pixels_wide(figure, tmp_path):
    save(figure, tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    assert int.from_bytes(content[16:20], "big") == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("name", ["curve.jpg", "curve", "png"])
def test_another_ending_is_refused(figure, tmp_path, name):
    message = rf"^the name of a picture must end in \.png, \.svg, \.pdf, got '{name}': choose one of these formats$"
    with pytest.raises(InvalidValueError, match=message):
        save(figure, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dpi", [0.0, float("nan"), float("inf")])
def test_bad_dpi_is_refused(figure, tmp_path, dpi):
    with pytest.raises(InvalidValueError, match=r"^dpi must be positive and finite, got"):
        save(figure, tmp_path / "a.png", dpi=dpi)


def test_a_failed_save_leaves_the_old_file(figure, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fill_the_disk(self, stream, **_):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    with pytest.raises(FileAccessError, match=r"must be writable, got No space left on device: check the folder"):
        save(figure, path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_a_missing_folder_is_refused(figure, tmp_path):
    with pytest.raises(FileAccessError, match=r"must be writable, got No such file or directory"):
        save(figure, tmp_path / "none" / "a.png")


def test_the_users_settings_stay_and_do_not_show(machine_run, tmp_path):
    run, lstm = machine_run()
    save(step_waveforms(run, 0, lstm=lstm), tmp_path / "plain.png")
    with mpl.rc_context({"lines.linewidth": 9.0, "axes.facecolor": "black", "font.size": 20.0}):
        before = dict(mpl.rcParams)
        save(step_waveforms(run, 0, lstm=lstm), tmp_path / "styled.png")
        assert dict(mpl.rcParams) == before
    plain, styled = (imread(tmp_path / f"{name}.png") for name in ("plain", "styled"))
    assert plain.shape == styled.shape
    # The solver behind matplotlib's layout is not the same in its last bits from call to call: two levels of 255.
    assert np.abs(plain - styled).max() <= 2.5 / 255


def test_settings_come_back_after_a_refusal(machine_run):
    run, _ = machine_run()
    before = dict(mpl.rcParams)
    with pytest.raises(InvalidValueError):
        step_waveforms(run, 99)
    assert dict(mpl.rcParams) == before


def test_show_leaves_pyplot_alone():
    code = "import sys, lstm_analog.show\n"
    code += "print(*(name in sys.modules for name in ('matplotlib', 'matplotlib.pyplot', 'schemdraw')))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.split() == ["True", "False", "False"]


def test_only_show_loads_matplotlib():
    names = "machine compiler engines export model network study files arrays"
    code = f"import sys, importlib\nfor n in '{names}'.split(): importlib.import_module('lstm_analog.' + n)\n"
    code += "print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "False"
