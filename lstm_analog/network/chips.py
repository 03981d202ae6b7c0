"""Networks of many chips: parameters have a leading axis of chips; select some of them, or one alone."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.parameters import _Bank, change_chips, chip_parameters


def check_one_chip(network: Network) -> None:
    """Raise `InvalidShapeError` if a parameter of `network` carries a chip axis."""
    for label, name, shape, _ in chip_parameters(network.parts):
        must, got = "have no chip axis", f"{name} of shape {shape}"
        do = "take one chip, which Streams(seed=..., first=k) draws"
        raise InvalidShapeError(explain(f"part {label}", must=must, got=got, do=do))


def beside_batches(record: _Bank) -> _Bank:
    """Return the bank `record` with a batch axis of length one inserted behind each chip axis.

    Parameters then broadcast against efforts (chips, batch, unknowns). Those without a chip axis stay as they are.
    """
    return change_chips(record, lambda array, own: np.expand_dims(array, -1 - own))


def check_chosen(chosen: int | slice | Indices, count: int) -> None:
    """Raise `InvalidValueError` unless the numbers `chosen` (k,), or the one, are those of some of `count` chips."""
    numbers = np.arange(count)[chosen] if isinstance(chosen, slice) else np.atleast_1d(chosen)
    if not numbers.size or not 0 <= numbers.min() <= numbers.max() < count:
        got = f"{numbers.min()} to {numbers.max()}" if numbers.size else "none"
        raise InvalidValueError(explain("chips", must=f"be 0 to {count - 1}", got=got, do="count chips from zero"))


def of_chips(network: Network, chosen: int | slice | Indices) -> Network:
    """Return the chips `chosen` (k,) of `network`, or one of them, by its number, without a chip axis.

    Those of a slice share the memory of `network`. A network without a chip axis stays as it is: one for all chips.

    Raises `InvalidValueError` for a chip that there is not.
    """
    if network.chips:
        check_chosen(chosen, network.chips)
    return replace(network, parts=tuple(change_chips(part, lambda array, _: array[chosen]) for part in network.parts))
