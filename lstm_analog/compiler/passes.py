"""Divide an LSTM into passes through time, and write each as a signal network whose layers are clocked stages."""

from typing import TypeVar

from lstm_analog.compiler.cells import operation_chain
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.signals import InputBank, Quantity, Reading, ReadOut, Signal, SignalNetwork, Stage, Sum
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import LSTM, Chain, Head

_Item = TypeVar("_Item")


def signal_networks(lstm: LSTM) -> tuple[SignalNetwork, ...]:
    """Return `lstm` as signal networks, one for each pass through time.

    A pass is a series of layers of one direction, or a single layer of both; the next pass reads its whole output.
    The head belongs to the pass of the top layer, unless it needs the whole sequence first: then it is its own pass.
    """
    passes, chains = [], list(lstm.chains)
    while chains:
        first = [chain for chain in chains if chain.layer == chains[0].layer]
        run = first if len(first) > 1 else _of_one_direction(lstm, chains)
        chains = chains[len(run) :]
        passes.append(run)
    alone = lstm.head is not None and (lstm.head.final or lstm.layers[-1].bidirectional)
    networks = [_pass(run, None if alone or run is not passes[-1] else lstm.head) for run in passes]
    if alone and lstm.head is not None:
        feed = InputBank(signal=_input(False, lstm.output_size), backward=False)
        stage = Stage(chains=(), head=_head(lstm.head, Reading(signal=feed.signal, held=False)))
        networks.append(SignalNetwork(feeds=(feed,), stages=(stage,)))
    return tuple(networks)


def signal_network(lstm: LSTM) -> SignalNetwork:
    """Return `lstm` as a signal network, if one pass through time will do.

    Raises `UnsupportedError` if it needs several.
    """
    networks = signal_networks(lstm)
    if len(networks) > 1:
        must, do = "need one pass through time", "take signal_networks, one a pass"
        raise UnsupportedError(explain(f"LSTM {lstm.name!r}", must=must, got=len(networks), do=do))
    return networks[0]


def _of_one_direction(lstm: LSTM, chains: list[Chain]) -> list[Chain]:
    run = []
    for chain in chains:
        if lstm.layers[chain.layer].bidirectional or chain.backward is not chains[0].backward:
            break
        run.append(chain)
    return run


def _pass(run: list[Chain], head: Head | None) -> SignalNetwork:
    feeds = {
        chain.backward: InputBank(signal=_input(chain.backward, chain.cell.input_size), backward=chain.backward)
        for chain in run
        if chain.layer == run[0].layer
    }
    stages: list[Stage] = []
    below = {backward: Reading(signal=feed.signal, held=False) for backward, feed in feeds.items()}
    for number in dict.fromkeys(chain.layer for chain in run):
        chains = tuple(
            operation_chain(chain.cell, chain, below[chain.backward]) for chain in run if chain.layer == number
        )
        stages.append(Stage(chains=chains))
        below = {made.backward: Reading(signal=made.hidden, held=False) for made in chains}
    if head is not None:
        stages.append(Stage(chains=(), head=_head(head, *below.values())))
    return SignalNetwork(feeds=tuple(feeds.values()), stages=tuple(stages))


def _input(backward: bool, size: int) -> Signal:
    return Signal(label="xr" if backward else "x", size=size, quantity=Quantity.INPUT)


def _head(head: Head, *drivers: Reading) -> ReadOut:
    target = Signal(label="y", size=head.output_size, quantity=Quantity.SUM)
    rows = Sum(label="y_rows", targets=(target,), drivers=drivers, weights=head.weights, bias=head.bias)
    return ReadOut(sum=rows, final=head.final)


def number_of_chips(passes: tuple[Compiled, ...]) -> int:
    """Return how many chips the networks of `passes` describe, 0 if none carries an axis of chips."""
    return max(each.network.chips for each in passes)


def only(passes: tuple[_Item, ...], what: str) -> _Item:
    """Return the only one of `passes`, or raise `UnsupportedError` because `what` has several."""
    if len(passes) > 1:
        do = "take run.passes[k]" if what == "run" else f"take {what}.alone(k), whose inputs are run.passes[k].x"
        got = f"{len(passes)} passes"
        raise UnsupportedError(explain(f"the {what}", must="go through time once", got=got, do=do))
    return passes[0]
