"""Certificates: what they hold, that they come whole or not at all, and that a damaged one is refused."""

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lstm_analog as la
from lstm_analog.engines import Integrate
from lstm_analog.errors import (
    CertificateError,
    FileFormatError,
    InvalidShapeError,
    LstmAnalogError,
    UnsupportedError,
)
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study import Check, ModelFile, certify, write_netlists
from lstm_analog.study.certificate_file import _digest

X = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Again:
    """An engine that has run before."""

    trajectory: Trajectory

    def run(self, network, schedule, progress):
        return self.trajectory


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return an LSTM with a head, a run of it, the path of its netlist, its certificate."""
    lstm = la.random_lstm(np.random.default_rng(5), 1, 1, outputs=1, scale=2.0, name="small")
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    state = la.State(h=([0.25],), c=([-0.5],))
    run = machine.run(X, state=state)
    path = tmp_path_factory.mktemp("certified") / "small.cir"
    return lstm, run, path, certify(run, lstm, machine.technology, path, seed=4, source=ModelFile(file="m.pt", only=()))


def test_it_says_what_was_exported(made):
    lstm, run, path, certificate = made
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
    digital = lstm(X, run.state)
    h, y = export.signals
    assert (h.label, y.label) == ("l0_h", "y")
    np.testing.assert_array_equal(h.values, digital.h)
    np.testing.assert_array_equal(y.values, digital.y)


def test_it_is_saved_beside_and_read_back_to_the_last_bit(made):
    _, _, path, certificate = made
    assert sorted(each.name for each in path.parent.iterdir()) == ["small.certificate.json", "small.cir"]
    again = la.load_certificate(path.parent / "small.certificate.json")
    np.testing.assert_array_equal(again.x, certificate.x)
    for ours, theirs in zip(again.exports[0].signals, certificate.exports[0].signals, strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)
    assert repr(again) == repr(certificate)
    assert again.technology == la.electrical.BEHAVIOURAL
    assert again.exports[0].banks == certificate.exports[0].banks


@pytest.mark.parametrize("technology", [la.hydraulic.WATER, la.hydraulic.GLYCEROL, la.hydraulic.OIL])
def test_every_technology_is_kept_as_the_record_it_is(made, tmp_path, technology):
    from lstm_analog.study.certificate_file import save_certificate

    save_certificate(replace(made[3], technology=technology), tmp_path / "c.json")
    assert la.load_certificate(tmp_path / "c.json").technology == technology


def test_a_technology_of_another_kind_cannot_be_certified(made, tmp_path):
    lstm, run, _, _ = made
    with pytest.raises(UnsupportedError):
        certify(run, lstm, object(), tmp_path / "a.cir")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_agree_gets_none_and_leaves_nothing(made, tmp_path):
    lstm, run, _, _ = made
    (tmp_path / "a.cir").write_text("kept")
    with pytest.raises(CertificateError) as caught:
        certify(run, lstm, la.electrical.BEHAVIOURAL, tmp_path / "a.cir", tolerance=1e-12)
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
    write_netlists(run, tmp_path / "a.cir")
    assert (tmp_path / "a-2.cir").read_bytes() == written


def test_a_batch_is_refused(made, tmp_path):
    lstm = made[0]
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=6.0)
    with pytest.raises(InvalidShapeError, match=r"x must be one sequence, \(time, inputs\), got shape \(1, 2, 1\)"):
        machine.certify(lstm, X[None], tmp_path / "a.cir", engine=Integrate(rtol=1e-3, atol=1e-3))


# Damage.


@pytest.fixture(scope="module")
def stored(made):
    return (made[2].parent / "small.certificate.json").read_bytes()


def load_bytes(folder, content):
    path = folder / "damaged.json"
    path.write_bytes(content)
    return la.load_certificate(path)


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(where=st.integers(0, 10**6), change=st.sampled_from(["other", "cut", "twice"]), byte=st.integers(0, 255))
def test_no_byte_changes_unseen(made, stored, tmp_path, where, change, byte):
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
    assert repr(found) == repr(made[3])


def places(tree, path=()):
    """Yield the path to every node of a JSON `tree`."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


STRANGE = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "l0_z",
    [],
    [[1.0], [2.0, 3.0]],
    {},
    {"a": 1},
]


@relaxed
@given(where=st.integers(0, 10**6), what=st.integers(0, len(STRANGE) - 1))
def test_a_forged_certificate_is_refused_or_fails(made, stored, tmp_path, where, what):
    """Its digest is right, one thing in it is not: no crash, and where a check depends on it, it fails."""
    lstm, run, path, _ = made
    said = json.loads(stored)
    content = copy.deepcopy(said["certificate"])
    known = list(places(content))[1:]
    place = known[where % len(known)]
    target = content
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = STRANGE[what]
    forged = json.dumps({"certificate": content, "digest": _digest(content)}).encode()
    try:
        certificate = load_bytes(tmp_path, forged)
        found = la.verify(path, certificate, lstm=lstm, engine=Again(trajectory=run.trajectory))
    except LstmAnalogError:
        return
    told = ("model", "source", "technology", "seed", "error", "errors", "network_digest", "engine", "versions")
    free = place[0] in (*told, "tolerance") or place[-1] in ("dialect", "label", "unit", "file")
    assert free or content == said["certificate"] or not found.holds or not found[Check.MODEL].holds, place


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


def test_a_field_too_many_and_one_too_few_are_named(stored, tmp_path):
    for change in ("more", "fewer"):
        content = json.loads(stored)["certificate"]
        content["strange"] = 1
        if change == "fewer":
            del content["strange"], content["seed"]
        with pytest.raises(FileFormatError, match="Certificate must have the fields model, lstm_digest, source"):
            load_bytes(tmp_path, json.dumps({"certificate": content, "digest": _digest(content)}).encode())
