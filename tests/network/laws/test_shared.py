import numpy as np

from lstm_analog.network.laws import blocks, capacity, flow, partials, rows, sets, take


def test_take_cuts_flows_rows_and_capacities(sampler, size):
    effort = np.random.default_rng(1).uniform(-1, 1, (2, 1, size))
    elements = np.array([2, 0])
    for part in sampler(9, lead=(3,)).all():
        share = take(part, elements)
        assert type(share) is type(part)
        np.testing.assert_array_equal(rows(share), rows(part)[:, elements[: rows(part).shape[1]]])
        whole = flow(part, effort, (True,))
        np.testing.assert_allclose(flow(share, effort, (True,)), whole[..., elements[: whole.shape[-1]]], rtol=1e-14)
        for ours, theirs in zip(capacity(share), capacity(part), strict=True):
            states = theirs.reshape(*theirs.shape[:-1], -1, 3)[..., elements]  # a spool has two
            np.testing.assert_array_equal(ours, states.reshape(*theirs.shape[:-1], -1) if theirs.size else theirs)


def test_take_cuts_partials(sampler, size):
    effort = np.random.default_rng(1).uniform(-1, 1, (3, size))
    elements = np.array([2, 0])
    for part in sampler(9).all():
        share = take(part, elements)
        for block, own, whole in zip(
            blocks(share, (True,)), partials(share, effort, (True,)), partials(part, effort, (True,)), strict=True
        ):
            axis = -2 if block.form.value == "dense" else -1
            np.testing.assert_allclose(own, np.take(whole, elements, axis=axis), rtol=1e-14)


def test_taking_nothing_leaves_an_empty_bank(sampler):
    for part in sampler(9).all():
        assert rows(take(part, np.array([], dtype=int))).shape[1] == 0


def test_carriers_set_and_store_nothing(sampler):
    for part in (sampler(1).conductors(), sampler(1).switches(), sampler(1).transconductors()):
        assert sets(part) is None
        assert capacity(part)[0].size == capacity(part)[1].size == 0
