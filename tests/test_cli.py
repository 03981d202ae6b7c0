import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.arguments import parse
from lstm_analog.cli import main


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "small.safetensors"
    la.save(la.random_lstm(np.random.default_rng(2), 2, 2), path)
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "x.csv"
    np.savetxt(path, np.random.default_rng(3).uniform(-1, 1, (3, 2)), delimiter=",")
    return path


def test_a_model_becomes_a_machine_a_netlist_and_outputs(tmp_path, model, table, capsys):
    machine, deck, out = tmp_path / "m.npz", tmp_path / "m.cir", tmp_path / "h.csv"
    certificate = tmp_path / "m.certificate.json"
    words = ["compile", str(model), str(machine), "--settling", "24", "--spice", str(deck), "--input", str(table)]
    assert main(words) == 0
    assert main(["run", str(machine), str(table), str(out)]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"certified: largest error [0-9.e-]+, tolerance 1e-05", first)
    assert others == [f"wrote {path}" for path in (machine, certificate, deck, out)]
    x = np.loadtxt(table, delimiter=",")
    digital = la.load(model)(x).h
    np.testing.assert_allclose(np.loadtxt(out, delimiter=","), digital, rtol=0, atol=1e-7)
    assert out.read_text().splitlines()[0] == "# h_0,h_1"
    assert la.read_spice(deck).network.equals(la.load_machine(machine).network, rtol=0.0)


@pytest.fixture
def certified(tmp_path, model, table, capsys):
    """Return the words that verify what was exported from `model`."""
    deck = tmp_path / "out" / "m.cir"
    deck.parent.mkdir()
    assert main(["compile", str(model), str(tmp_path / "m.npz"), "--spice", str(deck), "--input", str(table)]) == 0
    capsys.readouterr()
    return ["verify", str(deck), str(deck.with_suffix(".certificate.json"))]


def test_verify_finds_the_model_where_it_was_or_beside(tmp_path, model, certified, capsys):
    assert main(certified) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "m.cir: holds"
    assert [line.partition(": ")[2].partition(" ")[0] for line in out[1:]] == ["yes"] * 7
    moved = tmp_path / "out" / model.name
    model.rename(moved)
    certified += ["--engine", "waveform"]  # integrate is what it takes unless told, as above
    assert main(certified) == 0
    assert capsys.readouterr().out.count("not checked") == 0
    moved.rename(tmp_path / "elsewhere.safetensors")
    assert main(certified) == 0
    out = capsys.readouterr().out
    assert out.count("not checked (the model is not at hand)") == 2
    assert main([*certified, "--model", str(tmp_path / "elsewhere.safetensors")]) == 0
    assert capsys.readouterr().out.count("not checked") == 0


def test_verify_ends_with_1_for_an_edit_and_2_for_another_model(tmp_path, model, certified, capsys):
    deck = tmp_path / "out" / "m.cir"
    text = deck.read_text()
    deck.write_text(re.sub(r"(?m)^(gl0_rows_0_0 .* )\S+$", r"\g<1>0.25e-4", text))
    assert deck.read_text() != text
    assert main(certified) == 1
    out = capsys.readouterr().out
    assert out.startswith("m.cir: DOES NOT HOLD\n")
    assert "changed: l0_rows" in out
    la.save(la.random_lstm(np.random.default_rng(9), 2, 2, name="other"), model)
    assert main(certified) == 2
    assert re.match(
        r"lstm-analog: the model must be random, digest \w{12}, got other, \w{12}: give", capsys.readouterr().err
    )


def test_what_does_not_agree_is_not_exported(tmp_path, model, table, capsys):
    before = sorted(tmp_path.iterdir())
    words = ["compile", str(model), str(tmp_path / "m.npz"), "--spice", str(tmp_path / "m.cir"), "--settling", "3"]
    assert main([*words, "--input", str(table)]) == 1
    error = capsys.readouterr().err
    assert "the largest error of h and y must be " in error
    assert "the settling ratio T/tau is too small: give a longer settling or a larger tolerance" in error
    assert sorted(tmp_path.iterdir()) == before
    assert main([*words, "--input", str(table), "--uncertified"]) == 0
    assert "not certified" in capsys.readouterr().out
    assert sorted(path.name for path in set(tmp_path.iterdir()) - set(before)) == ["m.cir", "m.npz"]


def test_nothing_is_left_where_the_machine_cannot_be_written(tmp_path, model):
    (tmp_path / "m.npz").mkdir()
    before = sorted(tmp_path.iterdir())
    words = ["compile", str(model), str(tmp_path / "m.npz"), "--spice", str(tmp_path / "m.cir"), "--steps", "1"]
    assert main(words) == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("technology", ["behavioural", "oil"])
def test_a_machine_of_several_passes(tmp_path, technology, capsys):
    """Bidirectional, with a head: three netlists, one certificate; with and without."""
    lstm = la.random_lstm(np.random.default_rng(2), 1, 1, bidirectional=True, outputs=1)
    la.save(lstm, tmp_path / "both.safetensors")
    base = ["compile", str(tmp_path / "both.safetensors"), str(tmp_path / "m.npz"), "--spice", str(tmp_path / "m.cir")]
    base += ["--technology", technology, "--steps", "1"]
    assert main(base) == 0
    decks = [str(tmp_path / f"m-{number}.cir") for number in (1, 2)]
    certificate = str(tmp_path / "m.certificate.json")
    assert main(["verify", *decks, certificate, "--engine", "waveform"]) == 0
    capsys.readouterr()
    assert main(["verify", decks[1], certificate, "--engine", "waveform"]) == 0
    assert "m-1.cir: not looked at" in capsys.readouterr().out
    texts = [(tmp_path / deck).read_text() for deck in decks]
    assert main([*base, "--uncertified"]) == 0
    assert [(tmp_path / deck).read_text() for deck in decks] == texts
    assert main(["info", str(tmp_path / "m.npz")]) == 0
    assert "pass 2 of 2" in capsys.readouterr().out


GOLDEN = Path(__file__).parent / "model" / "golden" / "frameworks"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("gru_f32.pt", "l1 GRUCell, gates r z n, 3 outputs h, forward"),
        ("stacked_bidirectional.pt", "l1r Cell, gates i f g o, 3 outputs h, backward"),
        ("peephole.onnx", "l0 Cell, gates i f g o, 3 outputs h, forward"),
        ("last_backwards.keras", "y 2 outputs of the final state"),
        ("flax_lstm.msgpack", "l0 Cell, gates"),
        ("no_bias.npz", "l0 Cell, gates"),
    ],
)
def test_info_reads_every_format(file, said, capsys):
    assert main(["info", str(GOLDEN / file)]) == 0
    assert said in capsys.readouterr().out


def test_a_file_of_several_modules_lists_them_and_asks_which(tmp_path, capsys):
    assert main(["info", str(GOLDEN / "checkpoint.pt")]) == 2
    assert "got 'decoder', 'encoder.lstm': say which" in capsys.readouterr().err
    assert main(["compile", str(GOLDEN / "checkpoint.pt"), str(tmp_path / "m.npz"), "--only", "decoder"]) == 0


OTHERS = Path(__file__).parent / "model" / "others"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        (
            "keras_sentiment.h5",
            "Embedding(11 words to 4)",
            "mean over time, Dense(6 to 4), relu, Dense(4 to 1), sigmoid",
        ),
        ("keras_sleep.keras", "Masking(-1.1)", "Dense(3 to 5), Softmax"),
        (
            "keras_forecaster.keras",
            "Affine, Affine, Dense(2 to 3), relu",
            "final h, Affine, Dense(4 to 3), tanh, Dense(3 to 2)",
        ),
    ],
)
def test_a_whole_model_through_the_command_line(tmp_path, file, before, after, capsys):
    """Its recurrent part is compiled, certified and verified; what it is fed and what it answers goes by the model."""
    path, machine, out = str(OTHERS / file), str(tmp_path / "m.npz"), tmp_path / "y.csv"
    around = [f"steps before: {before}", f"steps after: {after}"]
    assert main(["info", path]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == around
    whole = la.load_model(path)
    stored = np.load(OTHERS / "keras.npz")
    x, y = (stored[f"{Path(file).stem}.{name}"][1] for name in "xy")
    table, deck = tmp_path / "x.csv", str(tmp_path / "m.cir")
    np.savetxt(table, x.reshape(len(x), -1), delimiter=",")
    words = ["compile", path, machine, "--spice", deck, "--input", str(table), "--settling", "24"]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:4] == ["compiled the recurrent part; run --model computes what lies around it", *around, said[3]]
    assert said[3].startswith("certified: ")
    assert main(["verify", deck, str(tmp_path / "m.certificate.json"), "--engine", "waveform"]) == 0
    assert "not checked" not in capsys.readouterr().out
    assert main(["run", machine, str(table), str(out), "--model", path]) == 0
    np.testing.assert_allclose(np.loadtxt(out, delimiter=",").reshape(y.shape), y, rtol=0, atol=2e-6)
    assert out.read_text().startswith("# y_0")
    assert main(["compare", path, "--input", str(table), "--settling", "24"]) == 0
    error = re.search(r"largest error of the whole model's answer: (\S+)", capsys.readouterr().out)
    assert float(error[1]) < 1e-7
    la.save_model(whole, tmp_path / "kept.safetensors")
    assert main(["run", machine, str(table), str(out), "--model", str(tmp_path / "kept.safetensors")]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["compare", "{text}", "--input", "{table}"],
            "input must be one column, the number of a word a row, got shape",
        ),
        (
            ["run", "{machine}", "{table}", "y.csv", "--model", "{text}"],
            "--model must be what the machine was compiled from",
        ),
        (
            ["run", "{machine}", "{table}", "y.csv", "--model", "{model}"],
            "--model must have steps around its recurrent",
        ),
        (["run", "{machine}", "{table}", "{text}", "--model", "{text}"], "must be a place of its own"),
        (
            ["compare", "{images}", "--input", "{table}"],
            "x must have (6, 3, 2) as its last axes, as the model was built",
        ),
    ],
)
def test_what_a_whole_model_does_not_take(tmp_path, monkeypatch, model, table, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    machine = tmp_path / "machine.npz"
    assert main(["compile", str(model), str(machine)]) == 0
    given = {"text": OTHERS / "keras_text.keras", "images": OTHERS / "keras_rows_of_images.keras"}
    assert main([word.format(machine=machine, model=model, table=table, **given) for word in words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("engine", ["ngspice", "waveform", "settle"])
def test_run_takes_an_engine_and_npy(engine, tmp_path, model, capsys):
    machine, data, out = tmp_path / "m.npz", tmp_path / "x.npy", tmp_path / "h.csv"
    x = np.random.default_rng(3).uniform(-1, 1, (2, 2))
    np.save(data, x)
    assert main(["compile", str(model), str(machine)]) == 0
    assert main(["run", str(machine), str(data), str(out), "--engine", engine]) == 0
    np.testing.assert_allclose(np.loadtxt(out, delimiter=","), la.load(model)(x).h, rtol=0, atol=1e-5)


def test_compare_says_whether_it_holds(tmp_path, model, capsys):
    report = tmp_path / "report.json"
    assert main(["compare", str(model), "--steps", "3", "--settling", "24", "--json", str(report)]) == 0
    assert "within tolerance" in capsys.readouterr().out
    content = json.loads(report.read_text())
    assert content["seed"] == 0
    assert content["lstm_digest"] == la.load(model).digest


def test_compare_ends_with_1_where_the_machine_disagrees(model, table, capsys):
    assert main(["compare", str(model), "--input", str(table), "--settling", "4", "--tolerance", "1e-6"]) == 1
    assert "the settling ratio T/tau is too small" in capsys.readouterr().out


def test_op_amps_hold_by_what_their_parts_cost(model, table, capsys):
    arguments = ["compare", str(model), "--input", str(table), "--technology", "opamp", "--engine", "ngspice"]
    assert main(arguments) == 0
    assert "within tolerance" in capsys.readouterr().out.splitlines()[0]


def test_inputs_that_no_machine_is_made_for_are_named_and_do_not_hold(tmp_path, model, capsys):
    table = tmp_path / "x.csv"
    np.savetxt(table, [[0.5, 1e6]], delimiter=",")
    assert main(["compare", str(model), "--input", str(table)]) == 1
    assert "x of 1e+06 at (batch 0, step 0, unit 1) is beyond 100" in capsys.readouterr().out
    assert main(["compile", str(model), str(tmp_path / "m.npz")]) == 0
    assert main(["run", str(tmp_path / "m.npz"), str(table), str(tmp_path / "h.csv")]) == 0
    assert "lstm-analog: x of 1e+06 at (batch 0, step 0, unit 1) is beyond 100" in capsys.readouterr().err
    deck = ["--spice", str(tmp_path / "m.cir"), "--input", str(table), "--tolerance", "1e308"]
    assert main(["compile", str(model), str(tmp_path / "n.npz"), *deck]) == 1
    assert not (tmp_path / "m.cir").exists()


def test_info_tells_models_from_machines_by_content(tmp_path, model, capsys):
    machine = tmp_path / "no_ending"
    assert main(["compile", str(model), str(machine), "--timing", "gated_leak"]) == 0
    assert main(["info", str(model)]) == 0
    assert main(["info", str(machine)]) == 0
    out = capsys.readouterr().out
    assert "model random: 2 inputs, layers of 2 units" in out
    assert "timing gated_leak" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "missing.npz"], "file 'missing.npz' must be readable"),
        (["compare", "{model}", "--settling", "0"], "settling must be positive, got 0.0"),
        (["compare", "{model}", "--steps", "0"], "--steps must be 1 to 1000000, got 0: give a whole number there"),
        (["compare", "{model}", "--steps", "10000000000000"], "--steps must be 1 to 1000000, got 10000000000000"),
        (["compare", "{model}", "--seed", "-1"], "--seed must be 0 to 9223372036854775807, got -1"),
        (["compile", "{model}", "m.npz", "--spice", "a.cir", "--steps", "0"], "--steps must be 1 to 1000000, got 0"),
        (["compile", "{model}", "m.npz", "--spice", "no/a.cir", "--uncertified"], "file 'no' must be writable"),
        (["compile", "{model}", "m.npz", "--only", "decoder"], "only must name modules of the file"),
        (["verify", "a.cir", "{table}"], "must hold a certificate"),
        (["verify", "a.cir", "missing.json"], "file 'missing.json' must be readable"),
        (["compile", "{model}", "/no/such/folder/m.npz"], "must be writable"),
        (["compile", "{model}", "/no/such/m.npz", "--spice", "a.cir", "--input", "{table}"], "must be writable"),
        (["compile", "{model}", "m.npz", "--spice", "a.cir", "--input", "missing.csv"], "must be readable"),
        (["compile", "{table}", "m.npz"], "must"),
        (["run", "{model}", "{table}", "out.csv"], "must hold a Machine"),
        (["compile", "{model}", "{model}"], "must be a place of its own, got that of"),
        (["compile", "{model}", "m.npz", "--spice", "m.npz"], "must be a place of its own"),
        (["run", "m.npz", "{table}", "{table}"], "must be a place of its own"),
        (["compare", "{model}", "--json", "{model}"], "must be a place of its own"),
        (["compare", "{model}", "--input", "{model}"], "must"),
        (["compile", "{model}", "m.npz", "--input", "{table}"], "--input must come with --spice, got it alone: add"),
        (["compile", "{model}", "m.npz", "--uncertified"], "--uncertified must come with --spice, got it alone: add"),
        (["run", "m.npz", "{table}", "o.csv", "--config", "c.json"], "--config must come with --model, got it alone"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(tmp_path, monkeypatch, model, table, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main([word.format(model=model, table=table) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("lstm-analog: ")
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.csv",
            "a,b\n1,x\n",
            "must hold a table of numbers, got 'x' in row 2: give numbers, a row a step, commas",
        ),
        ("x.csv", "", "must hold a table of numbers, got no row: give a row a step, commas between"),
        ("x.csv", "# a,b\n\n", "must hold a table of numbers, got no row"),
        ("x.csv", "1,2\n3\n", "must have 2 columns, got 1 in row 2: give each row as many numbers"),
        ("x.npy", "", "must hold a table of numbers, got no row"),
    ],
)
def test_what_is_no_table_is_refused_by_name(tmp_path, model, capsys, name, text, message):
    (tmp_path / name).write_text(text)
    assert main(["compare", str(model), "--input", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count(str(tmp_path / name)) == 1
    assert len(error.splitlines()) == 1


def test_a_reader_that_has_gone_is_no_error(model):
    """As in `lstm-analog info model | head -0`: nothing is said, and the code is not that of a disagreement."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "lstm_analog", "info", str(model)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (2, b"")


def test_a_bug_ends_with_2_and_shows_itself(model, monkeypatch, capsys):
    monkeypatch.setattr("lstm_analog.cli.load_part", lambda path, only, config: 1 / 0)
    assert main(["info", str(model)]) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[0].startswith("lstm-analog: internal error: ZeroDivisionError(")
    assert error[1] == "Traceback (most recent call last):"


@pytest.mark.parametrize("command", ["compile", "run", "compare", "info", "verify", "demo"])
def test_each_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"example: lstm-analog {command}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["melt"], "command must be one of compile, run, .*, got 'melt': choose one of them"),
        (["complie", "m.pt", "m.npz"], "command must be one of compile, .*, got 'complie': did you mean 'compile'?"),
        (
            ["info", "m.pt", "--onyl", "a"],
            "argument must be one of lstm-analog info, got '--onyl': did you mean '--only'?",
        ),
        (["info", "m.pt", "n.pt"], "argument must be one of lstm-analog info, got 'n.pt': see lstm-analog info --help"),
        (
            ["compare", "m.pt", "--engine", "ngpsice"],
            "engine must be one of .*, got 'ngpsice': did you mean 'ngspice'?",
        ),
        (["compare", "m.pt", "--technology", "opamb"], "technology must be one of .*: did you mean 'opamp'?"),
        (["compare", "m.pt", "--timing", "clock"], "timing must be one of clocked, .*: did you mean 'clocked'?"),
        (["lint", "m.cir", "--dialect", "ltspcie"], "dialect must be one of .*: did you mean 'ltspice'?"),
    ],
)
def test_what_was_meant_is_said(words, told, capsys):
    try:
        code = main(words)
    except SystemExit as end:  # argparse's own
        code = end.code
    assert code == 2
    assert re.search(told.replace("?", "[?]"), capsys.readouterr().err)


def test_the_command_line_has_the_defaults_of_python():
    """What an option is unless given is what the function that it goes to takes unless given."""
    compiled, certified = parse(["compile", "m.pt", "m.npz"]), parse(["compare", "m.pt"])
    verified, ran = parse(["verify", "a.cir", "a.json"]), parse(["run", "m.npz", "a.csv", "b.csv"])
    for function, options, names in (
        (la.compile, compiled, ("timing", "settling")),
        (la.Machine.certify, compiled, ("engine", "dialect", "tolerance")),
        (la.Machine.run, ran, ("engine",)),
        (la.compare, certified, ("tolerance",)),
        (la.load, compiled, ("only",)),
        (la.verify, verified, ("engine",)),
    ):
        usual = {name: each.default for name, each in inspect.signature(function).parameters.items()}
        for name in names:
            assert getattr(options, name) == usual[name], (function, name)


def test_an_interrupted_command_says_so(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lstm_analog.cli.load_certificate", interrupt)
    assert main(["verify", "a.cir", "a.json"]) == 130
    assert capsys.readouterr().err == "lstm-analog: interrupted; files are as they were, or whole\n"


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path, model):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for name, shown in (("m\u00e9.npz", "m\\xe9.npz"), (os.fsdecode(b"m\xff.npz"), "m\\udcff.npz")):
        words = [sys.executable, "-m", "lstm_analog", "compile", str(model), str(tmp_path / name)]
        done = subprocess.run(words, capture_output=True, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode("ascii") == f"wrote {tmp_path}/{shown}\n"


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "lstm_analog", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"lstm-analog {la.__version__}\n"


def test_a_netlist_in_any_dialect_and_its_rule_check(tmp_path, model, table, capsys):
    machine, deck = tmp_path / "m.npz", tmp_path / "m.cir"
    words = ["compile", str(model), str(machine), "--spice", str(deck), "--input", str(table), "--dialect", "xyce"]
    assert main(words) == 0
    assert "vswitch(" in deck.read_text()
    assert main(["lint", str(deck), "--dialect", "xyce"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"0 findings in {deck} for xyce"
    assert main(["lint", str(deck)]) == 1
    assert ": kind of model must be one of " in capsys.readouterr().out
    assert main(["lint", str(tmp_path / "none.cir")]) == 2


@pytest.fixture
def chips(model, table):
    """Return the words that ask for a yield, but for the bound."""
    return ["yield", str(model), "--input", str(table), "--imperfection", "DeviceSpread(share=0.05)", "--chips", "40"]


def test_yield_says_how_many_chips_work(tmp_path, model, table, chips, capsys):
    picture, folder = tmp_path / "yield.png", tmp_path / "chips"
    assert main([*chips, "--spec", "<=0.01", "--seed", "3", "--picture", str(picture), "--folder", str(folder)]) == 0
    first, nominal, quantiles, written = capsys.readouterr().out.splitlines()
    lstm, x = la.load(model), np.loadtxt(table, delimiter=",")
    found = la.study.yield_of(
        la.compile(lstm, la.electrical.BEHAVIOURAL),
        la.imperfections.DeviceSpread(share=0.05),
        x,
        metric=la.study.LargestError(expected=lstm(x).h),
        spec=la.study.Spec(at_most=0.01),
        chips=40,
        seed=3,
    )
    assert 0 < found.passing < 40
    assert first == f"yield: {found}"
    assert nominal.startswith("nominal: ")
    assert quantiles.startswith("quantiles: 10% below 0.00")
    assert written == f"wrote {picture}"
    assert picture.stat().st_size > 1000
    assert [path.name for path in folder.iterdir()] == ["chips-0-39.npz"]


def test_yield_takes_presets_and_causes_in_time(model, table, capsys):
    """A preset by its name beside a record; a name that is nearly one is answered with the one that was meant."""
    words = ["yield", str(model), "--input", str(table), "--chips", "3", "--spec", "<=10"]
    assert main([*words, "--imperfection", "FLOATING_GATE", "--imperfection", "ReadNoise(sigma=0.01)"]) == 0
    assert capsys.readouterr().out.startswith("yield: 100.0% ")
    with pytest.raises(SystemExit):
        main([*words, "--imperfection", "FLOATING_GAT"])
    assert "did you mean 'FLOATING_GATE'?" in capsys.readouterr().err


def test_yield_of_a_whole_model_looks_at_its_answer(tmp_path, table, capsys):
    lstm = la.random_lstm(np.random.default_rng(2), 2, 2)
    model = la.Model(lstm=lstm, after=(la.model.Dense(weights=np.array([[30.0, -50.0]]), bias=np.zeros(1)),))
    la.save_model(model, tmp_path / "whole.npz")
    words = ["yield", str(tmp_path / "whole.npz"), "--input", str(table), "--imperfection", "DeviceSpread(share=0.05)"]
    assert main([*words, "--chips", "40", "--spec", "<=0.5", "--metric", "rms"]) == 0
    x = np.loadtxt(table, delimiter=",")
    fed = model.encode(x)
    found = la.study.yield_of(
        la.compile(lstm, la.electrical.BEHAVIOURAL),
        la.imperfections.DeviceSpread(share=0.05),
        fed.x,
        metric=la.study.RootMeanSquareError(expected=model(x), answer=la.study.ModelAnswer(model=model, fed=fed)),
        spec=la.study.Spec(at_most=0.5),
        chips=40,
        seed=0,
    )
    assert 0 < found.passing < 40
    assert capsys.readouterr().out.splitlines()[0] == f"yield: {found}"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--imperfection", "DevicSpread(share=0.1)"], "got 'DevicSpread': did you mean 'DeviceSpread'?"),
        (["--imperfection", "DeviceSpread(shere=0.1)"], "must be one of share, got 'shere': did you mean 'share'?"),
        (["--imperfection", "DeviceSpread()"], "must name its fields share, got 'DeviceSpread()': give share=..."),
        (
            ["--imperfection", "DeviceSpread(0.1)"],
            "must name its fields share, got 'DeviceSpread(0.1)': give share=..., each once",
        ),
        (
            ["--imperfection", "DeviceSpread(share=0.1, share=0.2)"],
            "must name its fields share, got 'DeviceSpread(share=0.1, share=0.2)': give share=..., each once",
        ),
        (["--imperfection", "5 %"], "must read like DeviceSpread(share=0.03), got '5 %': quote it in a shell"),
        (
            ["--imperfection", "DeviceSpread(share=x)"],
            "must be made of numbers and records, got 'DeviceSpread(share=x)'",
        ),
        (
            ["--imperfection", "DeviceSpread(share=-1)"],
            "device spread must be at least 0, got -1: give a sh",
        ),
        (["--spec", "0.1"], "the bound must be <= or >= and a number, got '0.1': quote it in a shell: '<=0.05'"),
        (["--metric", "rsm"], "metric must be one of largest, rms, got 'rsm': did you mean 'rms'?"),
    ],
)
def test_yield_answers_a_near_miss_with_the_name_meant(chips, words, text, capsys):
    with pytest.raises(SystemExit) as end:
        main([*chips, "--spec", "<=0.01", *words])
    assert end.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--chips", "0"], "lstm-analog: chips must be 1 to 1000000000, got 0: give a whole number there\n"),
        (["--workers", "0"], "lstm-analog: --workers must be 1 to 1024, got 0: give a whole number there\n"),
        (["--until", "7"], "lstm-analog: until must be between 0 and 0.5, got 7.0: give half the width"),
        (["--chipps", "3"], "got '--chipps': did you mean '--chips'?\n"),
    ],
)
def test_yield_refuses_what_is_no_study(chips, words, text, capsys):
    assert main([*chips, "--spec", "<=0.01", *words]) == 2
    assert text in capsys.readouterr().err
