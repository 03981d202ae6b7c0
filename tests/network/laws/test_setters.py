import numpy as np

from lstm_analog.network.laws import Kind, Order, blocks, capacity, flow, rows, sets
from lstm_analog.network.parts import Followers, Junctions, Sources, Storages, Term


def test_each_setter_says_what_it_sets(sampler):
    sources, junctions, storages = sampler(1).setters()
    expected = {id(sources): Kind.IMPOSED, id(junctions): Kind.BALANCED, id(storages): Kind.STORED}
    for part in (sources, junctions, storages):
        kind, nodes = sets(part)
        assert kind is expected[id(part)]
        np.testing.assert_array_equal(nodes, part.nodes)


def test_setters_carry_no_flow():
    for part in (
        Sources(label="s", nodes=[1], effort=1.0),
        Junctions(label="j", nodes=[1]),
        Storages(label="c", nodes=[1], capacitance=1.0),
    ):
        assert rows(part).size == 0
        assert flow(part, np.ones((2, 3)), ()).shape == (2, 0, 0)
        assert blocks(part, ()) == ()


def test_storages_have_their_capacity():
    nodes, amounts = capacity(Storages(label="c", nodes=[2, 1], capacitance=[3.0, 4.0]))
    assert (nodes.tolist(), amounts.tolist()) == ([2, 1], [3.0, 4.0])


def test_followers_clip_and_say_whether_they_can():
    offset = {"offset": 0.5}
    part = Followers(
        label="f", nodes=[2, 3], terms=(Term(inputs=[1, 1], gain=2.0),), low=-np.inf, high=[1.0, np.inf], **offset
    )
    np.testing.assert_allclose(flow(part, np.array([0.0, 1.0, 0.0, 0.25]), ()), [[1.0, 2.25]])
    free = Followers(label="f", nodes=[2], terms=(Term(inputs=[1], gain=2.0),), low=-np.inf, high=np.inf, **offset)
    assert [block.order for block in blocks(part, ())] == [Order.CONSTANT, Order.NONLINEAR]
    assert [block.order for block in blocks(free, ())] == [Order.CONSTANT, Order.CONSTANT]
