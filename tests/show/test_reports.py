"""The page of a report says what the report says, loads nothing, and takes every name as text."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.cli import main
from lstm_analog.errors import FileAccessError, InvalidValueError
from lstm_analog.show import write_report
from lstm_analog.show.reports.repeat import command_line, python_lines

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;"


class Reader(HTMLParser):
    """Collects the tags, the attributes and the text of a page."""

    def __init__(self, text):
        HTMLParser.__init__(self)
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def made():
    lstm = la.random_lstm(np.random.default_rng(7), 2, 2, scale=2.0, name="airline")
    x = np.random.default_rng(7).uniform(-1.0, 1.0, (4, 2))
    run = la.compile(lstm, la.hydraulic.OIL, settling=20.0, inputs=x).run(x, engine="settle")
    return la.compare(run, lstm, seed=7), run, lstm


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(*made, path, model=Path("my model.pt"))
    return path.read_text(encoding="utf-8")


def test_the_page_has_verdict_errors_parts_and_how_to_repeat_it(made, page):
    report, run, _ = made
    text = Reader(page).text
    assert "It computes the LSTM." in text
    for name, error in report.layers[0].signals.items():
        assert f"l0 {name} {error.max:.2e} {error.rms:.2e}" in text
    bill = la.study.bill_of_materials(run.compiled, la.hydraulic.OIL, None)
    assert all(f"{item.part} {item.size} {item.where} {item.count}" in text for item in bill.items)
    assert dict(bill.totals)["step time"] in text
    ranges, reach = run.setup.scaling.ranges, run.setup.scaling.reach
    assert f"z {ranges.z:.3g} of {reach.z:.3g}, c {ranges.c:.3g} of {reach.c:.3g}" in text
    assert report.network_digest in text
    assert len(page) < 1_500_000


def test_pictures_are_in_the_page_and_say_what_they_are(page):
    reader = Reader(page)
    pictures = [value for name, value in reader.attributes if name == "src"]
    assert len(pictures) == 4
    assert all(b64decode(each.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG") for each in pictures)
    assert all(value for name, value in reader.attributes if name == "alt")


def test_the_page_loads_nothing_and_runs_nothing(page):
    reader = Reader(page)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert not re.search(r"(https?:)?//(?!www\.w3\.org)", re.sub(r"base64,[\w+/=]+", "", page))
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_a_hostile_name_is_text_and_a_failure_is_said(made, tmp_path):
    report, run, lstm = made
    forged = replace(report, model=HOSTILE, technology=HOSTILE, engine=HOSTILE, timing=HOSTILE, tolerance=1e-30)
    path = tmp_path / "report.html"
    write_report(forged, run, lstm, path, model=Path(HOSTILE), data=Path(HOSTILE))
    reader = Reader(path.read_text(encoding="utf-8"))
    assert "script" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert all(value.startswith("data:") for name, value in reader.attributes if name == "src")
    assert HOSTILE in reader.text
    assert "It does not hold." in reader.text


def test_the_lines_of_python_make_the_report_again(made, tmp_path, capsys):
    report, run, lstm = made
    la.save(lstm, tmp_path / "model.npz")
    lines = python_lines(report, replace(run, x=run.x), tmp_path / "model.npz", None)
    exec(compile(lines, "lines", "exec"), {})
    printed = capsys.readouterr().out
    assert "within tolerance" in printed
    assert f"LSTM     {lstm.digest[:12]}" in printed


def test_the_command_is_one_that_the_command_line_takes(made, tmp_path, monkeypatch):
    report, run, lstm = made
    monkeypatch.chdir(tmp_path)
    la.save(lstm, "airline.npz")
    words = command_line(report, run, Path("airline.npz"), None).split()
    assert words[:3] == ["lstm-analog", "compare", "airline.npz"]
    assert main([*words[1:], "--engine", "settle"]) == 0
    assert "as plumbing" in Path("report.html").read_text(encoding="utf-8")


def test_what_the_command_line_has_no_words_for_gets_none(made):
    report, run, _ = made
    assert command_line(report, replace(run, setup=None), None, None) is None
    assert "la.compile(lstm, technology," in python_lines(report, replace(run, setup=None), None, None)


def test_another_lstm_and_a_missing_folder_are_refused(made, tmp_path):
    report, run, _ = made
    other = la.random_lstm(np.random.default_rng(8), 2, 2)
    with pytest.raises(InvalidValueError, match=r"^the run must be of the LSTM"):
        write_report(report, run, other, tmp_path / "a.html")
    with pytest.raises(FileAccessError, match="must be writable"):
        write_report(*made, tmp_path / "none" / "a.html")
    assert not list(tmp_path.iterdir())


def test_what_the_lines_do_not_do_is_said_and_no_command_is_given(made):
    report, run, lstm = made
    machine = la.compile(lstm, la.hydraulic.OIL, settling=20.0)
    leaking = machine.with_imperfection(la.imperfections.SeatLeak(share=1e-6), la.imperfections.Streams(seed=1))
    begun = machine.run(run.x, state=la.State(h=(np.ones(2),), c=(np.ones(2),)), engine="settle")
    batch = machine.run(np.stack([run.x, run.x]), lengths=[2, 4], engine="settle")
    for other, told in (
        (leaking.run(run.x, engine="settle"), "imperfection: SeatLeak(share=1e-06)"),
        (begun, "a state at the start"),
        (batch, "lengths [2, 4]"),
    ):
        assert f"# not done here: {told}" in python_lines(report, other, None, None)
        assert command_line(report, other, None, None) is None
    assert "not done here" not in python_lines(report, run, None, None)


def test_inputs_that_the_seed_does_not_draw_are_read_from_a_file(made):
    report, run, _ = made
    assert "default_rng(7)" in python_lines(report, run, None, None)
    other = replace(report, seed=8)
    assert "default_rng" not in python_lines(other, run, None, None)
    assert "--input input.csv" in command_line(other, run, None, None)
    assert "--tolerance" in command_line(other, run, None, None)
