import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, NetworkError
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Group, Unknowns
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Junctions,
    Pairs,
    Sources,
    Storages,
    Switches,
    Transconductors,
    line_of,
)
from lstm_analog.network.shapes import Shape


def test_unknowns_are_numbered_from_the_datum_on():
    unknowns = Unknowns(groups=(Group(label="a", size=2, scale=3.0), Group(label="b", size=1, scale=4.0)))
    assert unknowns.size == 4
    assert unknowns["a"].tolist() == [1, 2]
    assert unknowns["b"].tolist() == [3]
    assert unknowns.scales().tolist() == [1.0, 3.0, 3.0, 4.0]
    assert unknowns.names() == ["0", "a_0", "a_1", "b_0"]


def test_names_of_unknowns_differ_whatever_their_labels():
    labels = ("a", "a_0", "a_1", "a_0_0")
    names = Unknowns(groups=tuple(Group(label=label, size=12, scale=1.0) for label in labels)).names()
    assert len(set(names)) == len(names)


def test_an_unknown_label_is_answered_with_those_there_are(rc):
    with pytest.raises(NetworkError, match=r"^label must be one of s, c, got 'z': probe another group$"):
        rc().unknowns["z"]
    with pytest.raises(NetworkError, match=r"^part must be one of drive, wire, caps, got 'z': choose another$"):
        rc().part("z")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size": 0}, r"^a\.size must be positive and finite"),
        ({"size": 1.5}, r"^a\.size must be .* whole number, got 1\.5"),
        ({"scale": -1.0}, r"^a\.scale must be positive"),
        ({"scale": np.nan}, r"^a\.scale must be positive"),
        ({"scale": np.inf}, r"^a\.scale must be positive and finite, .* got inf"),
        ({"label": "A"}, r"^label must be a lower-case letter"),
    ],
)
def test_groups_are_checked(changes, text):
    with pytest.raises(InvalidValueError, match=text):
        Group(**({"label": "a", "size": 1, "scale": 1.0} | changes))


HOSTILE = ("a\n.control\nshell id\n.endc", "a`id`", "$(id)", "Abc", "", "x" * 64, "\u00e9", "*#shell")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_have_no_door(rc, text):
    for change in ({"lines": (text,)}, {"provenance": ((text, "v"),)}):
        with pytest.raises(InvalidValueError, match=r"^label must be"):
            rc(**change)
    with pytest.raises(InvalidValueError, match=r"^label must be"):
        replace(rc().parts[0], label=text)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\u00e9", "\t", "\x00", "\x1b[31m", "\x0b", "\u2028"])
def test_provenance_is_one_printable_line(rc, text):
    with pytest.raises(InvalidValueError, match=r"^provenance must be printable ASCII, got .*: rename the source$"):
        rc(provenance=(("model", text),))


def test_a_good_network_verifies_to_itself(rc):
    network = rc()
    assert network.verify() is network
    kinds = network.kinds()
    assert {kind: nodes.tolist() for kind, nodes in kinds.items()} == {
        Kind.IMPOSED: [1],
        Kind.FOLLOWED: [],
        Kind.BALANCED: [],
        Kind.STORED: [2, 3],
        Kind.INSIDE: [],
        Kind.SWITCHED: [],
    }


def wire(a, b, label="more"):
    return Conductors(label=label, a=[a], b=[b], conductance=1.0)


WITHOUT_SECOND = (Sources(label="drive", nodes=[1], effort=1.0), Storages(label="caps", nodes=[2], capacitance=1.0))


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (
            Sources(label="again", nodes=[3], effort=0.0),
            r"^unknown c_1 must be set by exactly one .*, got 2 setters: add",
        ),
        (Junctions(label="j", nodes=[2, 3]), r"^unknown c_0 must .* got 2 setters: fix it and 1 more$"),
        (Storages(label="d", nodes=[0], capacitance=1.0), r"^the datum must be set by no part, got a setter"),
        (wire(1, 4), r"^more\.b must count the 4 unknowns, got 4: take nodes from Unknowns$"),
        (
            Transconductors(label="g", inputs=[9], rows=[1], transconductance=1.0),
            r"^g\.inputs must count the 4 unknowns",
        ),
        (
            Switches(label="t", line=1, a=[1], b=[2], closed=1.0, opened=0.1),
            r"^t\.line must be one of the 1 clock lines, got",
        ),
        (
            Switches(label="t", line=-2, a=[1], b=[2], closed=1.0, opened=0.1),
            r"^t\.line must be .*, got -2: number a line",
        ),
        (wire(1, 2, label="wire"), r"^part labels must differ, got wire: rename one$"),
    ],
)
def test_bad_parts_are_refused(rc, extra, text):
    with pytest.raises(NetworkError, match=text):
        rc(parts=(*rc().parts, extra)).verify()


def test_a_node_inside_a_tier_is_checked(rc):
    tier = Factor(shape=Shape.TANH, p=[7], n=[0], scale=1.0, offset=0.0)
    pair = Pairs(label="p", line=ALWAYS, factors=(tier,), out=[2], current=1.0)
    with pytest.raises(NetworkError, match=r"^p\.p must count the 4 unknowns, got 7"):
        rc(parts=(*rc().parts, pair)).verify()


def test_an_unknown_that_nothing_sets_is_refused(rc):
    with pytest.raises(
        NetworkError, match=r"^unknown c_1 must be set by exactly one .*, got 0 setters: add or remove one$"
    ):
        rc(parts=WITHOUT_SECOND).verify()


def test_repeated_groups_lines_and_none_are_refused(rc):
    group = Group(label="s", size=3, scale=1.0)
    for changes, text in (
        ({"unknowns": Unknowns(groups=(group, group))}, r"^group labels must differ, got s"),
        ({"lines": ("a", "b", "a")}, r"^clock lines must differ, got a"),
        ({"unknowns": Unknowns(groups=())}, r"^unknowns must be at least one group, got none"),
    ):
        with pytest.raises(NetworkError, match=text):
            rc(**changes).verify()


BARE = r"^junction c_1 must have a conductance of its own in every clock phase, got 1 without: add a load"


def test_a_junction_needs_a_conductance(rc):
    junction = Junctions(label="j", nodes=[3])
    rc(parts=(*WITHOUT_SECOND, junction, wire(2, 3))).verify()
    pilot = Factor(shape=Shape.TANH, p=[2], n=[0], scale=1.0, offset=0.0)
    for useless in (
        Pairs(label="p", line=ALWAYS, factors=(pilot,), out=[3], current=1.0),
        Transconductors(label="g", inputs=[3, 2], rows=[3, 2], transconductance=np.ones((2, 2))),
        wire(1, 2),
    ):
        with pytest.raises(NetworkError, match=BARE):
            rc(parts=(*WITHOUT_SECOND, junction, useless)).verify()


def test_a_conductance_that_a_clock_opens_is_none(rc):
    pilot = {"p": [2], "n": [0], "conductance": 1.0, "scale": 1.0, "offset": 0.0}
    from lstm_analog.network.parts import Ports

    port = Ports(label="p", line=0, shape=Shape.SOFTPLUS, a=[2], b=[3], **pilot)
    with pytest.raises(NetworkError, match=BARE):
        rc(parts=(*WITHOUT_SECOND, Junctions(label="j", nodes=[3]), port)).verify()
    rc(parts=(*WITHOUT_SECOND, Junctions(label="j", nodes=[3]), replace(port, line=ALWAYS))).verify()


def test_line_of_a_part(rc):
    assert [line_of(part) for part in rc().parts] == [ALWAYS] * 3
    assert line_of(Switches(label="t", line=5, a=[1], b=[2], closed=1.0, opened=0.1)) == 5


def changed(rc, number, **fields):
    parts = list(rc().parts)
    parts[number] = replace(parts[number], **fields)
    return rc(parts=tuple(parts))


def test_equals_sees_every_field(rc):
    one = rc()
    assert one.equals(rc(), rtol=0.0)
    assert one.equals(pickle.loads(pickle.dumps(one)), rtol=0.0)
    for other in (
        rc(lines=("other",)),
        rc(provenance=()),
        rc(parts=one.parts[:2]),
        rc(parts=(*one.parts[:2], Junctions(label="caps", nodes=[2, 3]))),
        rc(unknowns=Unknowns(groups=(Group(label="s", size=3, scale=1.0),))),
        changed(rc, 1, label="wires"),
        changed(rc, 1, conductance=[2.0, 2.0 * (1 + 1e-9)]),
        changed(rc, 1, b=[2, 0]),
    ):
        assert not one.equals(other, rtol=1e-12)
    assert one.equals(changed(rc, 1, conductance=[2.0, 2.0 * (1 + 1e-9)]), rtol=1e-8)


def test_equals_looks_into_weights_and_tiers(rc, sampler):
    for part in (sampler(1).transconductors(), sampler(1).pairs((Shape.TANH, Shape.SIGMOID))):
        one = rc(parts=(part,))
        assert one.equals(rc(parts=(pickle.loads(pickle.dumps(part)),)), rtol=0.0)
    weights = sampler(1).transconductors()
    moved = replace(weights, transconductance=weights.transconductance * (1 + 1e-6))
    assert not rc(parts=(weights,)).equals(rc(parts=(moved,)), rtol=1e-9)
    pairs = sampler(1).pairs((Shape.TANH, Shape.SIGMOID))
    for tier in (replace(pairs.factors[1], shape=Shape.TANH), replace(pairs.factors[1], offset=0.0)):
        other = replace(pairs, factors=(pairs.factors[0], tier))
        assert not rc(parts=(pairs,)).equals(rc(parts=(other,)), rtol=1e-9)


def test_a_hostile_label_does_not_break_the_message(rc):
    with pytest.raises(NetworkError) as caught:
        rc().unknowns["a\n.control"]
    assert re.fullmatch(r"[ -~]+", str(caught.value))


def test_banks_of_different_numbers_of_chips_are_refused(rc):
    """Two imperfections from streams of 2 and of 3 chips; a parameter with two axes before its own."""
    plain = rc()
    wire, caps = plain.part("wire"), plain.part("caps")
    assert plain.chips == 0
    assert rc(parts=(plain.part("drive"), replace(wire, conductance=np.ones((2, 2))), caps)).verify().chips == 2
    for conductance, capacitance, text in (
        (
            np.ones((2, 2)),
            np.ones((3, 2)),
            r"^part caps must have one axis of 2 chips, as part wire has, got capacitance",
        ),
        (np.ones((1, 2)), np.ones((3, 2)), r"^part caps must have one axis of 1 chips, as part wire has"),
        (
            np.ones((2, 2, 2)),
            1.0,
            r"^part wire must have one axis of 2 chips, as part wire has, got conductance of shape",
        ),
    ):
        parts = (plain.part("drive"), replace(wire, conductance=conductance), replace(caps, capacitance=capacitance))
        with pytest.raises(InvalidShapeError, match=text):
            rc(parts=parts).verify()


def test_one_chip_of_several_has_its_parameters_and_no_axis(rc):
    plain = rc()
    many = rc(parts=(*plain.parts[:2], replace(plain.part("caps"), capacitance=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])))
    assert of_chips(many, 1).part("caps").capacitance.tolist() == [3.0, 4.0]
    some = of_chips(many, np.array([2, 0]))
    assert (some.chips, some.part("caps").capacitance.tolist()) == (2, [[5.0, 6.0], [1.0, 2.0]])
    assert of_chips(many, 1).part("wire") is many.part("wire")
    for chosen in (3, -1, np.array([0, 3])):
        with pytest.raises(InvalidValueError, match=r"^chips must be 0 to 2, got .*: count chips from zero"):
            of_chips(many, chosen)


def test_no_chip_at_all_is_refused(rc):
    plain = rc()
    parts = (plain.part("drive"), replace(plain.part("wire"), conductance=np.ones((0, 2))), plain.part("caps"))
    with pytest.raises(InvalidShapeError, match=r"^part wire must have a chip, got conductance of shape \(0, 2\)"):
        rc(parts=parts).verify()


@pytest.mark.parametrize(
    "changes",
    [
        *({"unknowns": None}, {"domain": "electrical"}, {"filling": 3.0}, {"lines": "run"}, {"parts": None}),
        *({"parts": (3,)}, {"provenance": ("ab",)}, {"provenance": (("a", 3),)}, {"provenance": (("a",),)}),
    ],
)
def test_a_network_of_other_things_is_refused(rc, changes):
    with pytest.raises(
        InvalidTypeError, match=rf"^network {next(iter(changes))} must be what the attributes of Network"
    ):
        rc(**changes)


def test_lists_make_the_same_network(rc):
    plain = rc()
    listed = rc(lines=list(plain.lines), provenance=[list(pair) for pair in plain.provenance], parts=list(plain.parts))
    groups = Unknowns(groups=list(plain.unknowns.groups))
    assert replace(listed, unknowns=groups).equals(plain, rtol=0.0)


@pytest.mark.parametrize("size", ["3", None, [1], True])
def test_a_size_is_a_number(size):
    with pytest.raises(InvalidTypeError, match=r"^size must be a whole number, got "):
        Group(label="a", size=size, scale=1.0)
