"""What is shipped: the wheel, put into a fresh environment and used from another directory."""

import csv
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import lstm_analog

ROOT = Path(__file__).resolve().parent.parent
LONGEST_RUN = 300.0  # s


def run(*command: str | Path, cwd: Path) -> str:
    """Return what `command` prints, run in `cwd` with nothing of this checkout on its path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    result = subprocess.run(
        command, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=LONGEST_RUN
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a fresh environment that holds the wheel.

    Its dependencies are those of the environment that runs the tests, appended to its path as a plain folder: the link
    from there to this checkout, itself a `.pth` file, is not followed.
    """
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    fresh = folder / "bin" / "python"
    site = Path(run(fresh, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    pip = (sys.executable, "-m", "pip", "--python", fresh, "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    borrowed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return fresh


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    files = (file for file in (ROOT / "lstm_analog").rglob("*") if file.is_file() and file.suffix != ".pyc")
    expected = {file.relative_to(ROOT).as_posix() for file in files}
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "lstm_analog/py.typed" in shipped
    assert shipped == expected


def test_wheel_holds_the_data(wheel: Path) -> None:
    data = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("lstm_analog/data/")]
    assert {Path(name).suffix for name in data} >= {".csv", ".safetensors"}


def test_installed_package_is_the_wheel(python: Path, tmp_path: Path) -> None:
    where = run(python, "-c", "import lstm_analog; print(lstm_analog.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(python.parent.parent)


def test_module_tells_its_version(python: Path, tmp_path: Path) -> None:
    said = run(python, "-m", "lstm_analog", "--version", cwd=tmp_path)
    assert lstm_analog.__version__ in said


def test_metadata_has_the_same_version(python: Path, tmp_path: Path) -> None:
    said = run(python, "-c", "from importlib.metadata import version; print(version('lstm_analog'))", cwd=tmp_path)
    assert said.strip() == lstm_analog.__version__


def test_demo_runs_from_another_directory(python: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(python.with_name("lstm-analog"), "demo", "--out", out, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == [out]
    for name in ("airline_4", "airline_15"):
        files = {file.name for file in out.iterdir() if file.stat().st_size}
        endings = ("_forecast.png", "_signals.png", "_step.png", "_report.txt", ".npz", ".cir")
        assert files >= {name + ending for ending in endings}
        worst = max(layer["h"]["max"] for layer in json.loads((out / f"{name}_report.json").read_text())["layers"])
        assert worst <= 1e-5
        rows = list(csv.DictReader((out / f"{name}_forecast.csv").read_text().splitlines()))
        apart = [float(row["analog_forecast"]) - float(row["digital_forecast"]) for row in rows]
        assert len(rows) == 143
        assert (sum(gap * gap for gap in apart) / len(apart)) ** 0.5 <= 0.01, "thousand passengers"
    told = {"plumbing_4_bill.csv", "plumbing_4_check.txt", "plumbing_4_step.png"}
    assert told <= {file.name for file in out.iterdir() if file.stat().st_size}
