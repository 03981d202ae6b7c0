"""The digits of scikit-learn: what is shipped, and that the circuit classifies them as the numbers do."""

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform
from lstm_analog.model.digits import classifier, images, unseen


def right(scores, digits):
    return float(np.mean(scores.argmax(axis=-1) == digits))


def test_the_images_are_whole_and_the_unseen_are_of_every_digit():
    pixels, digits = images()
    assert pixels.shape == (1797, 8, 8)
    assert (pixels.min(), pixels.max()) == (0.0, 1.0)
    assert np.bincount(digits).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert set(unseen()[1]) == set(range(10))


def test_the_classifier_is_two_bidirectional_layers_and_a_head_and_as_good_as_it_is_said():
    lstm = classifier()
    assert [layer.bidirectional for layer in lstm.layers] == [True, True]
    assert (lstm.head.output_size, lstm.head.final) == (10, True)
    pixels, digits = unseen()
    assert len(digits) == 359
    assert right(lstm(pixels).y, digits) == pytest.approx(353 / 359)


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL])
def test_the_settled_machine_classifies_all_images_as_the_numbers_do(technology):
    lstm, (pixels, _) = classifier(), unseen()
    analog, digital = la.compile(lstm, technology, settling=16.0).run(pixels, engine=Settle()).y, lstm(pixels).y
    np.testing.assert_allclose(analog, digital, rtol=0, atol=1e-12)
    assert (analog.argmax(axis=-1) == digital.argmax(axis=-1)).all()


@pytest.mark.parametrize(("technology", "count"), [(la.electrical.BEHAVIOURAL, 60), (la.hydraulic.OIL, 12)])
def test_the_machine_classifies_as_the_numbers_do(technology, count):
    """Its waveforms, of some of the images; of all of them: benchmarks/classify_digits.py."""
    lstm, (pixels, _) = classifier(), unseen()
    machine = la.compile(lstm, technology, settling=16.0)
    assert len(machine.passes) == 3
    analog, digital = machine.run(pixels[:count], engine=Waveform()).y, lstm(pixels[:count]).y
    np.testing.assert_allclose(analog, digital, rtol=0, atol=2e-4)
    assert (analog.argmax(axis=-1) == digital.argmax(axis=-1)).all()
