"""Certificates: what they hold, that they come whole or not at all, and that a damaged one is refused."""

import copy
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from faulty_machines import with_banks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lstm_analog as la
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.errors import (
    CertificateError,
    FileFormatError,
    InvalidShapeError,
    InvalidValueError,
    LstmAnalogError,
    UnsupportedError,
)
from lstm_analog.export.spice_reader import deck_in
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study import Check, ModelFile, certify, write_netlists
from lstm_analog.study.certificate_file import _digest, save_certificate

X = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Again:
    """An engine that has run before."""

    trajectory: Trajectory

    def run(self, network, schedule, progress):
        return self.trajectory


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Made:
    """An LSTM with a head, a run of it, the path of its netlist, its certificate, the bytes of that.

    Its `repr` is short: pytest and hypothesis print what a failing test was given.
    """

    lstm: la.LSTM
    run: la.study.Run
    path: Path
    certificate: la.study.Certificate
    stored: bytes

    @property
    def content(self):
        """What the certificate says, as JSON does."""
        return json.loads(self.stored)["certificate"]

    def verify(self, certificate, **more):
        return la.verify(self.path, certificate, engine=Again(trajectory=self.run.trajectory), **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1, outputs=1, scale=2.0, name="small")
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    state = la.State(h=([0.25],), c=([-0.5],))
    run = machine.run(X, state=state)
    path = tmp_path_factory.mktemp("certified") / "small.cir"
    source = ModelFile(file="m.pt", only=())
    certificate = certify(run, lstm, machine.technology, path, seed=4, source=source)
    stored = (path.parent / "small.certificate.json").read_bytes()
    return Made(lstm=lstm, run=run, path=path, certificate=certificate, stored=stored)


def test_it_says_what_was_exported(made):
    lstm, run, path, certificate = made.lstm, made.run, made.path, made.certificate
    report = la.compare(run, lstm, seed=4)
    assert (certificate.model, certificate.lstm_digest) == ("small", lstm.digest)
    assert certificate.network_digest == report.network_digest
    assert (certificate.tolerance, certificate.error) == (report.tolerance, report.worst)
    assert certificate.errors == {f"l0_{name}": report.layers[0][name].max for name in "zifgoch"} | {
        "y": report.head.y.max
    }
    assert certificate.as_compiled
    assert certificate.seed == 4
    np.testing.assert_array_equal(certificate.x, X)
    np.testing.assert_array_equal(certificate.start.h[0], [0.25])
    (export,) = certificate.exports
    assert export.file == path.name
    assert {bank.label for bank in export.banks} >= {part.label for part in run.passes[0].compiled.network.parts}
    digital = lstm(X, run.initial_state)
    h, y = export.signals
    assert (h.label, y.label) == ("l0_h", "y")
    np.testing.assert_array_equal(h.values, digital.h)
    np.testing.assert_array_equal(y.values, digital.y)


def test_it_is_saved_beside_and_read_back_to_the_last_bit(made):
    path, certificate = made.path, made.certificate
    assert sorted(each.name for each in path.parent.iterdir()) == ["small.certificate.json", "small.cir"]
    again = la.load_certificate(path.parent / "small.certificate.json")
    np.testing.assert_array_equal(again.x, certificate.x)
    for ours, theirs in zip(again.exports[0].signals, certificate.exports[0].signals, strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)
    assert repr(again) == repr(certificate)
    assert again.technology == la.electrical.BEHAVIOURAL
    assert again.exports[0].banks == certificate.exports[0].banks


@pytest.mark.parametrize(
    "technology", [la.hydraulic.WATER, la.hydraulic.GLYCEROL, la.hydraulic.OIL, la.electrical.OPAMP]
)
def test_every_technology_is_kept_as_the_record_it_is_in_json_that_any_reader_takes(made, tmp_path, technology):
    """Limits that never bind were written as Infinity, which is no JSON; numbers of numpy are written as plain ones."""
    numpy_numbers = {"seed": np.int64(4), "tolerance": np.float32(0.25), "settling": np.float64(24.0)}
    save_certificate(replace(made.certificate, technology=technology, **numpy_numbers), tmp_path / "c.json")
    again = la.load_certificate(tmp_path / "c.json")
    assert again.technology == technology
    assert (again.seed, again.tolerance, again.settling) == (4, 0.25, 24.0)
    json.loads((tmp_path / "c.json").read_bytes(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_a_technology_of_another_kind_cannot_be_certified(made, tmp_path):
    with pytest.raises(UnsupportedError):
        certify(made.run, made.lstm, object(), tmp_path / "a.cir")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_agree_gets_none_and_leaves_nothing(made, tmp_path):
    (tmp_path / "a.cir").write_text("kept")
    with pytest.raises(CertificateError) as caught:
        certify(made.run, made.lstm, la.electrical.BEHAVIOURAL, tmp_path / "a.cir", tolerance=1e-12)
    assert str(caught.value).startswith("the largest error of h and y must be 1e-12 at most, got ")
    assert str(caught.value).endswith(": give a longer settling or a larger tolerance; nothing was written")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.cir", "kept")]


def test_of_three_netlists_none_is_left_where_the_last_fails(tmp_path, monkeypatch):
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1, bidirectional=True, outputs=1)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    run, read = machine.run(X[:1]), la.read_spice

    def lie(path):
        deck = read(path)
        return deck if Path(path).name == "a-1.cir" else replace(deck, network=replace(deck.network, provenance=()))

    monkeypatch.setattr("lstm_analog.study.certification.read_spice", lie)
    with pytest.raises(CertificateError, match=r"file a-2\.cir must say what was run, got another network: report it"):
        certify(run, lstm, machine.technology, tmp_path / "a.cir")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    certify(run, lstm, machine.technology, tmp_path / "a.cir")
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["a-1.cir", "a-2.cir", "a.certificate.json"]
    written = (tmp_path / "a-2.cir").read_bytes()
    (tmp_path / "again").mkdir()
    write_netlists(run, tmp_path / "again" / "a.cir")
    assert (tmp_path / "again" / "a-2.cir").read_bytes() == written


def test_a_batch_is_refused(made, tmp_path):
    lstm = made.lstm
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=6.0)
    with pytest.raises(InvalidShapeError, match=r"x must be one sequence, \(time, inputs\), got shape \(1, 2, 1\)"):
        machine.certify(lstm, X[None], tmp_path / "a.cir", engine=Integrate(rtol=1e-3, atol=1e-3))


# Damage.


def load_bytes(folder, content):
    path = folder / "damaged.json"
    path.write_bytes(content)
    return la.load_certificate(path)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 10**6), change=st.sampled_from(["other", "cut", "twice"]), byte=st.integers(0, 255))
def test_no_byte_changes_unseen(made, tmp_path, where, change, byte):
    stored = made.stored
    place = where % len(stored)
    damaged = {
        "other": stored[:place] + bytes([byte]) + stored[place + 1 :],
        "cut": stored[:place],
        "twice": stored[:place] + stored[place : place + 1] + stored[place:],
    }[change]
    try:
        found = load_bytes(tmp_path, damaged)
    except FileFormatError:
        return
    assert json.loads(damaged) == json.loads(stored), "only what stands between the words may change"
    assert repr(found) == repr(made.certificate)


def places(tree, path=()):
    """Yield the path to every node of a JSON `tree`."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


STRANGE = {
    "nothing": None,
    "true": True,
    "-1": -1,
    "0": 0,
    "beyond all floats": 10**400,
    "1e308": 1e308,
    "nan": float("nan"),
    "infinity": float("inf"),
    "no text": "",
    "a label": "l0_z",
    "no list": [],
    "a ragged list": [[1.0], [2.0, 3.0]],
    "no dict": {},
    "a dict": {"a": 1},
}


def with_digest(content):
    """Return the bytes of a certificate file that says `content`."""
    return json.dumps({"certificate": content, "digest": _digest(content)}).encode()


def changed(content, place, value):
    """Return `content` with `value` at `place`."""
    result = target = copy.deepcopy(content)
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return result


def unchecked(place):
    """Return whether what stands at `place` is told, and nothing that a check could hold against the model."""
    told = ("model", "source", "technology", "seed", "errors", "engine", "versions")
    return place[0] in told or place[-1] in ("dialect", "file")


@pytest.mark.parametrize("strange", STRANGE)
def test_a_forged_certificate_is_refused_or_fails(made, tmp_path, monkeypatch, strange):
    """Its digest is right, one thing in it is not, each in turn: no crash; where a check depends on it, it fails."""
    monkeypatch.setattr("lstm_analog.study.verification.deck_in", cache(deck_in))  # the netlist is always the same
    said, unseen = made.content, []
    for number, place in enumerate(list(places(said))[1:]):
        forged = changed(said, place, STRANGE[strange])
        try:
            certificate = load_bytes(tmp_path, with_digest(forged))
            if not number % 4:
                made.verify(certificate)
            found = made.verify(certificate, lstm=made.lstm)
        except LstmAnalogError:
            continue
        fails = not found.holds or not found[Check.MODEL].holds
        unseen += [] if fails or unchecked(place) or forged == said else [place]
    assert unseen == []


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            ("start", "h"),
            [],
            r"the certificate must feed its model, got state h must have shapes \(\(1,\),\), got \(\): ",
        ),
        (("start", "c", 0), 0.5, r"feed its model, got state c must have shapes \(\(1,\),\), got \(\(\),\): give one"),
        (("x",), [[1.0, 2.0]], "the certificate must feed its model, got features of x must be 1, got 2"),
    ],
)
def test_inputs_that_the_model_does_not_take_are_named(made, tmp_path, place, value, message):
    certificate = load_bytes(tmp_path, with_digest(changed(made.content, place, value)))
    with pytest.raises(CertificateError, match=message):
        la.verify(made.path, certificate, lstm=made.lstm)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("start", "h"), {}, "a field must be of type list, got dict: restore it"),
        (("start",), {"h": []}, "start must have the fields h, c, got h: restore it"),
        (("exports", 0, "signals"), [], "signals of small.cir must be at least one, got 0: take the certificate"),
        (("exports", 0, "signals", 0, "ends"), [], "l0_h values must have shape (0, 1), an interval each step"),
    ],
)
def test_a_certificate_that_would_show_nothing_is_refused(made, tmp_path, place, value, message):
    with pytest.raises(FileFormatError) as caught:
        load_bytes(tmp_path, with_digest(changed(made.content, place, value)))
    assert message in str(caught.value)


@pytest.mark.parametrize("entry", [("ends", [0, 12]), ("label", "z"), ("unit", 2.0), ("gain", [2.0])])
def test_a_signal_that_is_read_otherwise_than_the_model_says_fails(made, tmp_path, entry):
    """At the end of the reset, y is already what it is at the end of the first step: the run alone shows nothing."""
    content = changed(made.content, ("exports", 0, "signals", 1, entry[0]), entry[1])
    certificate = load_bytes(tmp_path, with_digest(content))
    found = made.verify(certificate, lstm=made.lstm)
    assert found[Check.ANSWER].holds is False
    assert found[Check.MODEL].holds


def test_a_signal_against_a_group_of_another_size_fails(tmp_path):
    lstm = la.random_lstm(np.random.default_rng(5), 3, 2)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    machine.certify(lstm, np.ones((1, 3)), tmp_path / "a.cir")
    said = json.loads((tmp_path / "a.certificate.json").read_text())["certificate"]
    forged = load_bytes(tmp_path, with_digest(changed(said, ("exports", 0, "signals", 0, "against"), "x")))
    found = la.verify(tmp_path / "a.cir", forged)
    assert found[Check.RERUN].got.startswith("largest error inf, of l0_h; tolerance ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold a certificate"),
        (b"[]", "file must have the fields certificate, digest, got list: restore it"),
        (b'{"certificate": {}, "digest": ""}', "its digest must be that of its content, got another: it was changed"),
        (b"[" * 100_000, "must hold a certificate"),
        (b"\xff\xfe", "must hold a certificate"),
        (b"* a deck", "must hold a certificate"),
    ],
)
def test_what_is_no_certificate_is_refused(tmp_path, content, message):
    with pytest.raises(FileFormatError) as caught:
        load_bytes(tmp_path, content)
    assert message in str(caught.value)
    assert str(caught.value).endswith(": take the file that was written beside the export")


def test_of_an_imperfect_machine_the_tolerance_that_is_advised_works(made, tmp_path):
    """The advice was a longer settling, then a larger tolerance, then to leave it out, none of which works."""
    machine = la.compile(made.lstm, la.electrical.BEHAVIOURAL)
    worn = machine.with_imperfection(DeviceSpread(share=0.05), Streams(seed=1))
    for tolerance in (None, 0.5):
        with pytest.raises(CertificateError) as caught:
            worn.certify(made.lstm, X, tmp_path / "a.cir", tolerance=tolerance)
        advised = float(re.search(r": give a tolerance of (\S+); nothing was written$", str(caught.value))[1])
    assert "which clock, engine, technology and imperfections explain, got 0.5: " in str(caught.value)
    certificate = worn.certify(made.lstm, X, tmp_path / "a.cir", tolerance=advised)
    assert certificate.error <= certificate.tolerance == advised
    assert la.verify(tmp_path / "a.cir", certificate).holds


def test_a_field_too_many_and_one_too_few_are_named(made, tmp_path):
    for change in ("more", "fewer"):
        content = made.content
        content["strange"] = 1
        if change == "fewer":
            del content["strange"], content["seed"]
        with pytest.raises(FileFormatError, match="Certificate must have the fields model, lstm_digest, source"):
            load_bytes(tmp_path, with_digest(content))


def test_a_tolerance_that_a_comparison_would_not_grant_is_refused(made, tmp_path):
    with pytest.raises(CertificateError) as caught:
        certify(made.run, made.lstm, la.electrical.BEHAVIOURAL, tmp_path / "a.cir", tolerance=1e308)
    assert str(caught.value) == (
        "the tolerance must be 0.001 at most, which clock, engine and technology explain, got 1e+308: "
        "leave it out; nothing was written"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("claimed", "alone", "with_model"), [(1e308, False, False), (0.5, None, False), (1e-3, True, True)]
)
def test_a_tolerance_that_was_raised_is_named(made, claimed, alone, with_model):
    forged = replace(made.certificate, tolerance=claimed)
    assert made.verify(forged)[Check.TOLERANCE].holds is alone
    found = la.verify(made.path, forged, lstm=made.lstm, engine=Waveform())[Check.TOLERANCE]
    assert found.holds is with_model
    assert found.got.startswith(f"{claimed:.3g}, ")


def test_what_a_slow_clock_explains_may_be_certified_and_no_smaller_error_claimed(tmp_path):
    """At four time constants the clock explains several hundredths of h; run again, the error is what was certified."""
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1, scale=2.0)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=4.0)
    certificate = machine.certify(lstm, X, tmp_path / "a.cir", tolerance=0.05)
    assert certificate.error > 1e-3
    found = la.verify(tmp_path / "a.cir", certificate, lstm=lstm)
    assert all(outcome.holds for outcome in found.outcomes)
    smaller = dict.fromkeys(certificate.errors, 0.0)
    forged = replace(certificate, error=0.0, errors=smaller)
    told = la.verify(tmp_path / "a.cir", forged)[Check.RERUN]
    assert told.holds is False
    assert told.got.endswith("; 0 was certified")


def test_a_defect_is_not_certified_within_a_tolerance_that_holds_it(made, tmp_path):
    machine = la.compile(made.lstm, la.electrical.BEHAVIOURAL)
    rows = machine.network.part("l0_rows")
    faulty = with_banks(machine, replace(rows, transconductance=1.0005 * rows.transconductance))
    with pytest.raises(
        CertificateError, match=r"0.001 at most, got .* a defect: find what differs; nothing was written"
    ):
        faulty.certify(made.lstm, X, tmp_path / "a.cir", tolerance=1e-3)
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_it_was_not_made_for_are_refused_and_named(made, tmp_path):
    machine = la.compile(made.lstm, la.electrical.BEHAVIOURAL)
    with pytest.raises(
        CertificateError, match=r"the signals must stay within what the machine was made for, got x of 1e"
    ):
        machine.certify(made.lstm, [[1e6]], tmp_path / "a.cir")
    assert list(tmp_path.iterdir()) == []
    forged = replace(made.certificate, x=1e6 * made.certificate.x)
    for more in ({}, {"lstm": made.lstm}):
        found = made.verify(forged, **more)[Check.RANGE]
        assert found.holds is False
        assert "is beyond 100, what ideal parts are taken to be made for" in found.got
    assert made.verify(made.certificate)[Check.RANGE].holds


@pytest.mark.parametrize("path", ["", ".", "..", "/"])
def test_a_path_that_names_no_file_is_refused(made, tmp_path, monkeypatch, path):
    """Of several passes a bare error came, or files called after a temporary folder."""
    monkeypatch.chdir(tmp_path)
    twice = replace(made.run, passes=made.run.passes * 2)
    for run in (made.run, twice):
        for write in (lambda run=run: certify(run, made.lstm, None, path), lambda run=run: write_netlists(run, path)):
            with pytest.raises(InvalidValueError, match=r"^path must name a file, got '.*': give e.g. lstm.cir"):
                write()
    assert not list(tmp_path.iterdir())


def test_claims_that_no_certificate_makes_are_refused(made):
    for claims, message in (
        ({"seed": -1}, r"seed must be >= 0, got -1"),
        ({"errors": made.certificate.errors | {"l0_h": 0.5}}, r"error of l0_h must be 0 to .*, got 0.5"),
        ({"errors": made.certificate.errors | {"l0_z": float("nan")}}, r"error of l0_z must be 0 to"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            replace(made.certificate, **claims)


def test_a_digest_of_another_network_is_named(made):
    found = made.verify(replace(made.certificate, network_digest="0" * 64), lstm=made.lstm)
    assert found[Check.MODEL].got == "the digest of its networks is another"


def test_parts_that_are_not_as_compiled_have_the_clock_that_was_certified(made):
    forged = replace(made.certificate, as_compiled=False)
    assert made.verify(forged, lstm=made.lstm)[Check.MODEL].holds is None
    slower = made.verify(replace(forged, settling=50.0), lstm=made.lstm)[Check.MODEL]
    assert slower.holds is False
    assert slower.got.startswith("clock durations[0] is ")
