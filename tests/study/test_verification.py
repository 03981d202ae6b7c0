"""The way back: every edit of a deck is found, by name; certificates of others are refused."""

import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from faulty_machines import with_banks

import lstm_analog as la
from lstm_analog.engines import Ngspice, Waveform
from lstm_analog.errors import CertificateError, SimulationError
from lstm_analog.model import Form
from lstm_analog.study import Check
from lstm_analog.study.certificate import compiled_passes

X = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 1))


@dataclass(frozen=True, kw_only=True)
class Idle:
    """An engine for those who look at values alone."""

    def run(self, network, schedule, progress):
        raise SimulationError("idle")


@cache
def exported(technology, timing, name, steps, form):
    """Return an LSTM, its certificate, and the files of its export by name."""
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1, outputs=1, scale=2.0, name=name, **dict(form))
    machine = la.compile(lstm, technology, timing=timing)
    with TemporaryDirectory() as folder:
        certificate = machine.certify(lstm, X[:steps], Path(folder) / "m.cir", engine=Waveform())
        return lstm, certificate, {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def export(folder, technology=la.electrical.BEHAVIOURAL, *, timing=la.CLOCKED, name="a", x=X, **form):
    lstm, certificate, files = exported(technology, timing, name, len(x), tuple(form.items()))
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return lstm, certificate


CASES = {
    "circuit": (la.electrical.BEHAVIOURAL, la.CLOCKED, {"form": Form.PEEPHOLE}),
    "gated leak": (la.electrical.BEHAVIOURAL, la.GATED_LEAK, {"form": Form.GRU}),
    "both directions": (la.electrical.BEHAVIOURAL, la.CLOCKED, {"bidirectional": True}),
    "plumbing": (la.hydraulic.OIL, la.CLOCKED, {}),
}


@pytest.fixture(scope="module", params=CASES)
def certified(request, tmp_path_factory):
    """Return the folder, the LSTM and the certificate of an export."""
    technology, timing, form = CASES[request.param]
    folder = tmp_path_factory.mktemp("certified")
    return folder, *export(folder, technology, timing=timing, x=X[:1], **form)


def test_what_was_exported_holds(certified):
    folder, lstm, certificate = certified
    for each in certificate.exports:
        found = la.verify(folder / each.file, certificate, lstm=lstm, engine=Waveform())
        assert found.holds
        assert all(found[check].holds for check in Check)


def other(text):
    """Return what stands for another number than `text`."""
    if text.startswith("{") or abs(float(text)) > 1e290:  # a bound that never binds
        return "0.0123456"
    return repr(float(text) * (1 + 1e-6) or 1e-6)


def edits(text):
    """Yield the bank and the deck with one value edited: the last on the first card of each bank, the shared ones."""
    lines, part, fresh = text.splitlines(), None, False
    for number, line in enumerate(lines):
        words, edited = line.split(" "), None
        if line.startswith(("*| clocks", "*| analysis")):
            part = "the clock" if words[1] == "clocks" else None
            fresh = True
        elif line.startswith("*| part "):
            part, fresh = words[3], True
        elif line.startswith("*| group "):
            edited, what = [*words[:-1], other(words[-1])], "the unknowns"
        elif line.startswith("*| interval "):
            edited, what = [*words[:3], other(words[3]), *words[4:]], "the clock"
        elif line.startswith(".param "):
            head, _, value = line.partition("=")
            edited, what = [f"{head}={other(value)}"], None
        elif part and fresh and line[:1].isalpha() and words[-1] != "pwl(":
            key, equals, value = words[-1].rpartition("=")
            edited, what, fresh = [*words[:-1], f"{key}{equals}{other(value)}"], part, False
        elif part and fresh and line.startswith("+ "):
            edited, what, fresh = [*words[:2], other(words[2]), *words[3:]], part, False
        if edited is not None:
            yield what, "\n".join([*lines[:number], " ".join(edited), *lines[number + 1 :], ""])


def test_every_edit_of_one_value_is_found(certified, tmp_path, monkeypatch):
    """Of two directions, every other edit in each netlist."""
    monkeypatch.setattr("lstm_analog.study.verification.compiled_passes", cache(compiled_passes))
    folder, lstm, certificate = certified
    seen = set()
    for number, each in enumerate(certificate.exports):
        target = tmp_path / each.file
        for what, text in list(edits((folder / each.file).read_text()))[number :: len(certificate.exports)]:
            target.write_text(text)
            found = la.verify(target, certificate, lstm=lstm, engine=Idle())
            assert not found[Check.FILE].holds
            assert found[Check.VALUES].holds is False, what
            readable = found[Check.MODEL].got != "it cannot be read"
            if readable:
                changed = found[Check.VALUES].got.removeprefix("changed: ").split(", ")
                assert what is None or what in changed or f"{what} over time" in changed
                fed = all(bank.endswith(" over time") for bank in changed) and number
                assert fed or found[Check.MODEL].holds is False, changed
                seen |= set(changed)
    banks = {bank.label for each in certificate.exports for bank in each.banks}
    parts = {label for label in banks if not label.startswith("the ") and " over" not in label}
    assert len(parts & seen) > len(parts) / 2, "not many banks have no value of their own"


def test_an_edit_that_matters_fails_the_rerun_too(tmp_path):
    lstm, certificate = export(tmp_path)
    deck = tmp_path / "m.cir"
    text = deck.read_text()
    head, value = re.search(r"(?m)^(gl0_rows_3_0 .* )(\S+)$", text).groups()
    deck.write_text(text.replace(f"{head}{value}", f"{head}{1.1 * float(value)!r}"))
    found = la.verify(deck, certificate, lstm=lstm)
    assert found[Check.RERUN].holds is False
    assert found[Check.ANSWER].holds
    assert "changed: l0_rows" in str(found)
    assert re.search(r"l0_rows\.transconductance\[3, 0\] is \S+, not \S+\)", str(found))
    deck.write_text(text)
    assert la.verify(deck, certificate, engine=Ngspice()).holds


def test_an_error_of_the_head_counts_in_what_its_weights_can_make_of_h(tmp_path):
    """A bias off by 0.02 moves y by that; sum |w| is 3.5, so it counts as 0.02 / 3.5."""
    lstm = la.random_lstm(np.random.default_rng(2), 1, 3, outputs=1, scale=4.0)
    reach = np.abs(lstm.head.weights).sum()
    certificate = la.compile(lstm, la.electrical.BEHAVIOURAL).certify(lstm, X[:1], tmp_path / "m.cir")
    deck = tmp_path / "m.cir"
    head, value = re.search(r"(?m)^(gy_rows_0_3 .* )(\S+)$", deck.read_text()).groups()
    deck.write_text(deck.read_text().replace(f"{head}{value}", f"{head}{float(value) + 0.02e-4!r}"))
    got = la.verify(deck, certificate, lstm=lstm, engine=Waveform())[Check.RERUN].got
    error, signal = re.match(r"largest error (\S+), of (\w+);", got).groups()
    assert signal == "y"
    assert reach == pytest.approx(3.468, abs=1e-3)
    assert float(error) == pytest.approx(0.02 / reach, rel=1e-2)


def test_a_comment_is_no_value_but_another_file(tmp_path):
    lstm, certificate = export(tmp_path, x=X[:1])
    deck = tmp_path / "m.cir"
    text, count = re.subn(
        r"^(\* w\[input, 0, .*)$", r"\1, the best of all", deck.read_text(), count=1, flags=re.MULTILINE
    )
    assert count == 1
    deck.write_text(text)
    found = la.verify(deck, certificate, lstm=lstm, engine=Waveform())
    assert [found[check].holds for check in Check] == [False, True, True, True, True, True, True]
    assert not found.holds


def test_another_setting_of_the_simulator_is_found(tmp_path):
    lstm, certificate = export(tmp_path, x=X[:1])
    deck = tmp_path / "m.cir"
    deck.write_text(re.sub(r"reltol=\S+", "reltol=0.01", deck.read_text()))
    found = la.verify(deck, certificate, lstm=lstm, engine=Idle())
    assert found[Check.VALUES].got == "changed: the analysis"


def test_a_copy_is_known_by_its_bytes_and_a_stranger_refused_by_name(tmp_path):
    _, certificate = export(tmp_path, x=X[:1])
    deck, copy = tmp_path / "m.cir", tmp_path / "b.cir"
    copy.write_bytes(deck.read_bytes())
    found = la.verify(copy, certificate, engine=Idle())
    assert found[Check.VALUES].holds
    assert found[Check.MODEL].got == "the model is not at hand"
    assert str(la.verify(copy, certificate)).startswith("b.cir: holds as far as it was checked\n")
    copy.write_text(deck.read_text() + "\n")
    with pytest.raises(CertificateError, match=r"the netlist must be m\.cir, or a copy, got b\.cir: give the netlist"):
        la.verify(copy, certificate)


def test_a_certificate_of_another_netlist_or_model_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    _, certificate = export(tmp_path, x=X[:1])
    lstm, _ = export(tmp_path / "other", x=X[:1], name="b", bias=False)
    must = r"must be of a, digest \w{12}, pass 1 of 1, got b, \w{12}, pass 1 of 1: give the netlist that belongs"
    with pytest.raises(CertificateError, match=must):
        la.verify(tmp_path / "other" / "m.cir", certificate)
    with pytest.raises(CertificateError, match=r"the model must be a, digest \w{12}, got b, \w{12}: give the model"):
        la.verify(tmp_path / "m.cir", certificate, lstm=lstm)


@pytest.mark.parametrize(
    ("forged", "text"),
    [
        ({"technology": "BEHAVIOURAL"}, r"technology must be a technology .*"),
        ({"settling": 1e-320}, r".*must be positive.*"),
    ],
    ids=["technology", "settling"],
)
def test_a_certificate_that_does_not_compile_is_refused(tmp_path, forged, text):
    lstm, certificate = export(tmp_path, x=X[:1])
    must, do = "must say how its model is compiled and clocked", "take the certificate as it was written"
    with pytest.raises(CertificateError, match=f"^the certificate {must}, got {text}: {do}$"):
        la.verify(tmp_path / "m.cir", replace(certificate, **forged), lstm=lstm, engine=Idle())


def test_passes_are_not_confused(tmp_path):
    _, certificate = export(tmp_path, x=X[:1], bidirectional=True)
    (tmp_path / "m-1.cir").write_bytes((tmp_path / "m-2.cir").read_bytes() + b"\n")
    with pytest.raises(CertificateError, match=r"pass 1 of 2, got a, \w{12}, pass 2 of 2"):
        la.verify(tmp_path / "m-1.cir", certificate)


def scattered():
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1)
    scatter = la.imperfections.BoreTolerance(sigma=1e-7)
    return lstm, la.compile(lstm, la.hydraulic.OIL).with_imperfection(scatter, la.imperfections.Streams(seed=1))


def test_real_parts_are_what_the_model_and_the_imperfections_say(tmp_path):
    """The certificate names them in words; drawn again for the model, they make every value of the file."""
    lstm, machine = scattered()
    machine.certify(lstm, X[:1], tmp_path / "m.cir")
    certificate = la.load_certificate(tmp_path / "m.certificate.json")
    text = "BoreTolerance(sigma=1e-07) drawn from Streams(seed=1)"
    assert [export.imperfections for export in certificate.exports] == [(text,)]
    assert certificate.as_compiled
    found = la.verify(tmp_path / "m.cir", certificate, lstm=lstm, engine=Waveform())
    assert all(outcome.holds for outcome in found.outcomes)
    (export,) = certificate.exports
    other = replace(certificate, exports=(replace(export, imperfections=(text.replace("seed=1", "seed=2"),)),))
    found = la.verify(tmp_path / "m.cir", other, lstm=lstm, engine=Idle())
    assert found[Check.VALUES].got == "changed: the imperfections it names"
    assert found[Check.MODEL].holds is False
    deck = tmp_path / "m.cir"
    lines = deck.read_text().splitlines(keepends=True)
    deck.write_text("".join(line for line in lines if "imperfection" not in line))
    found = la.verify(deck, certificate, lstm=lstm, engine=Idle())
    assert not found.holds
    assert not found[Check.VALUES].holds


def test_parts_that_nothing_says_are_not_what_the_model_says(tmp_path):
    lstm, machine = scattered()
    (compiled,) = machine.passes
    unsaid = replace(compiled.network, provenance=compiled.network.provenance[:-1])
    certificate = replace(machine, passes=(replace(compiled, network=unsaid),)).certify(lstm, X[:1], tmp_path / "m.cir")
    assert not certificate.as_compiled
    found = la.verify(tmp_path / "m.cir", certificate, lstm=lstm, engine=Idle())
    assert found[Check.VALUES].holds
    assert found[Check.MODEL].holds is None
    assert found[Check.MODEL].got == "it is made of parts that neither the model nor the imperfections it names say"


def test_a_swap_of_two_gates_in_the_compiler_is_seen(tmp_path, monkeypatch):
    """Mutant: the network is another than the model's; a certificate made so does not pass for what the model is."""
    lstm, certificate = export(tmp_path, x=X[:1])
    made = la.compile(lstm, la.electrical.BEHAVIOURAL)
    rows = made.network.part("l0_rows")
    wrong = with_banks(made, replace(rows, transconductance=rows.transconductance[[1, 0, 2, 3]]))
    monkeypatch.setattr("lstm_analog.study.verification.compiled_passes", lambda *_: wrong.passes)
    found = la.verify(tmp_path / "m.cir", certificate, lstm=lstm, engine=Idle())
    assert found[Check.MODEL].holds is False
    assert "l0_rows.transconductance[0, 0] is " in found[Check.MODEL].got
