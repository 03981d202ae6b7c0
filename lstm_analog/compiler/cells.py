"""Write the LSTM, its variants, the GRU, MGU and plain RNN as sums, products and memories of a signal network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.compiler.signals import (
    Diagonal,
    GateMembers,
    Memory,
    OperationChain,
    Product,
    Quantity,
    Reading,
    Signal,
    SignalOperation,
    Sum,
    Tap,
)
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import (
    Activation,
    Cell,
    Chain,
    CoupledGate,
    Curve,
    Gate,
    GRUCell,
    GRUGate,
    MGUCell,
    MGUGate,
    RNNCell,
    RNNGate,
)
from lstm_analog.model.weights import RecurrentCell
from lstm_analog.network.shapes import Shape

SHAPES = {
    Curve.SIGMOID: Shape.SIGMOID,
    Curve.TANH: Shape.TANH,
    Curve.CLIP: Shape.CLIP,
    Curve.RELU: Shape.RELU,
    Curve.LINEAR: Shape.LINEAR,
    Curve.SOFTPLUS: Shape.SOFTPLUS,
}
"""The curve of a part for each curve of an activation."""


@dataclass(frozen=True, kw_only=True)
class _Names:
    """Makes the signals of a chain of `size` units, whose labels begin with `prefix`."""

    prefix: str
    size: int

    def sum(self, name: str, size: int | None = None) -> Signal:
        return self._signal(name, Quantity.SUM, size)

    def product(self, name: str) -> Signal:
        return self._signal(name, Quantity.PRODUCT)

    def memory(self, name: str, size: int | None = None) -> Signal:
        return self._signal(name, Quantity.MEMORY, size)

    def rows(
        self,
        name: str,
        targets: Sequence[Signal],
        drivers: tuple[Reading, ...],
        cell: RecurrentCell,
        gates: Sequence[int],
        diagonals: tuple[Diagonal, ...] = (),
    ) -> Sum:
        """Return the pre-activations `targets` of some `gates` of a `cell`; `drivers` are its inputs and its h."""
        columns = np.concatenate((cell.input[gates], cell.recurrent[gates]), axis=-1)
        return Sum(
            label=f"{self.prefix}_{name}",
            targets=tuple(targets),
            drivers=drivers,
            weights=columns.reshape(-1, columns.shape[-1]),
            bias=None if cell.bias is None else cell.bias[gates].ravel(),
            diagonals=diagonals,
        )

    def _signal(self, name: str, quantity: Quantity, size: int | None = None) -> Signal:
        return Signal(label=f"{self.prefix}_{name}", size=self.size if size is None else size, quantity=quantity)


def _now(signal: Signal) -> Reading:
    return Reading(signal=signal, held=False)


def _held(signal: Signal) -> Reading:
    return Reading(signal=signal, held=True)


def _tap(activation: Activation, signal: Signal) -> Tap:
    return Tap(shape=SHAPES[activation.curve], reading=_now(signal), slope=activation.slope, offset=activation.offset)


def _itself(reading: Reading) -> Tap:
    return Tap(shape=Shape.LINEAR, reading=reading)


@singledispatch
def operation_chain(cell: object, chain: Chain, below: Reading) -> OperationChain:
    """Return the operations of `cell`, the numbers of `chain`, whose inputs are `below`.

    Raises `UnsupportedError` for an unknown kind of cell.
    """
    must, do = "be one that a signal network is written for", "give a Cell, GRUCell, MGUCell or RNNCell"
    raise UnsupportedError(explain("cell", must=must, got=type(cell).__name__, do=do))


@operation_chain.register
def _(cell: Cell, chain: Chain, below: Reading) -> OperationChain:
    name = _Names(prefix=chain.label, size=cell.hidden_size)
    z = {gate.letter: name.sum(f"z{gate.letter}") for gate in cell.gates}
    c, h = name.memory("c"), name.memory("h", cell.output_size)
    write = cell.gate.complement if cell.coupled else cell.gate
    update = Memory(
        target=c,
        keep=_tap(cell.gate, z["f"]),
        add=(_tap(write, z["f" if cell.coupled else "i"]), _tap(cell.candidate, z["g"])),
    )
    exposed = (_tap(cell.gate, z["o"]), _tap(cell.hidden, c))
    rows, late = _rows(cell, name, z, (below, _held(h)), c)
    gates = tuple(CoupledGate) if cell.coupled else tuple(Gate)
    return _chain_of(chain, gates, z.values(), (*rows, update, *late, *_output(cell, name, exposed, h)), h, c)


def _chain_of(
    chain: Chain,
    gates: GateMembers,
    rows: Iterable[Signal],
    operations: tuple[SignalOperation, ...],
    hidden: Signal,
    cell: Signal | None = None,
) -> OperationChain:
    return OperationChain(
        layer=chain.layer,
        backward=chain.backward,
        operations=operations,
        gates=gates,
        rows=tuple(rows),
        activations=chain.cell.activations,
        cell=cell,
        hidden=hidden,
    )


def _rows(
    cell: Cell, name: _Names, z: dict[str, Signal], drivers: tuple[Reading, ...], c: Signal
) -> tuple[list[Sum], list[Sum]]:
    """Return the sums before c is updated and those after it: with peepholes, the output gate reads the new c."""
    early = [gate for gate in cell.gates if cell.peephole is None or gate.letter != "o"]
    late = [gate for gate in cell.gates if gate not in early]
    peeping = [gate.letter for gate in cell.gates if gate.letter != "g"]
    result = []
    for label, gates, reading in (("rows", early, _held(c)), ("late", late, _now(c))):
        diagonals = tuple(
            Diagonal(target=z[letter], driver=reading, weights=weights)
            for letter, weights in zip(peeping, () if cell.peephole is None else cell.peephole, strict=False)
            if letter in [gate.letter for gate in gates]
        )
        rows = name.rows(label, [z[gate.letter] for gate in gates], drivers, cell, list(gates), diagonals)
        result.append([rows] if gates else [])
    return result[0], result[1]


def _output(cell: Cell, name: _Names, exposed: tuple[Tap, ...], h: Signal) -> list[SignalOperation]:
    """Return the operations from o tanh(c) to h: a memory, or with a projection a product, a sum and a memory."""
    if cell.projection is None:
        return [Memory(target=h, keep=None, add=exposed)]
    gated, row = name.product("p"), name.sum("zh", cell.output_size)
    return [
        Product(target=gated, factors=exposed),
        Sum(label=f"{name.prefix}_proj", targets=(row,), drivers=(_now(gated),), weights=cell.projection, bias=None),
        Memory(target=h, keep=None, add=(_itself(_now(row)),)),
    ]


@operation_chain.register
def _(cell: GRUCell, chain: Chain, below: Reading) -> OperationChain:
    name = _Names(prefix=chain.label, size=cell.hidden_size)
    z = {gate: name.sum(f"z{gate.letter}") for gate in GRUGate}
    h, gates = name.memory("h"), [GRUGate.RESET, GRUGate.UPDATE]
    rows = name.rows("rows", [z[gate] for gate in gates], (below, _held(h)), cell, gates)
    build = _reset_after if cell.reset_after else _reset_before
    update = Memory(
        target=h,
        keep=_tap(cell.gate, z[GRUGate.UPDATE]),
        add=(_tap(cell.gate.complement, z[GRUGate.UPDATE]), _tap(cell.candidate, z[GRUGate.NEW])),
    )
    return _chain_of(chain, tuple(GRUGate), z.values(), (rows, *build(cell, name, z, below, h), update), h)


def _reset_after(
    cell: GRUCell, name: _Names, z: dict[GRUGate, Signal], below: Reading, h: Signal
) -> Iterable[SignalOperation]:
    """Yield the operations of z_n = W x + b + r q with q = U h + b_h."""
    q, rq, new = name.sum("q"), name.product("rq"), GRUGate.NEW
    yield Sum(
        label=f"{name.prefix}_recur",
        targets=(q,),
        drivers=(_held(h),),
        weights=cell.recurrent[new],
        bias=cell.recurrent_bias,
    )
    yield Product(target=rq, factors=(_tap(cell.gate, z[GRUGate.RESET]), _itself(_now(q))))
    yield Sum(
        label=f"{name.prefix}_new",
        targets=(z[new],),
        drivers=(below,),
        weights=cell.input[new],
        bias=None if cell.bias is None else cell.bias[new],
        diagonals=(Diagonal(target=z[new], driver=_now(rq), weights=np.ones(name.size)),),
    )


def _reset_before(
    cell: GRUCell, name: _Names, z: dict[GRUGate, Signal], below: Reading, h: Signal
) -> Iterable[SignalOperation]:
    """Yield the operations of z_n = W x + U (r h) + b."""
    rh, new = name.product("rh"), GRUGate.NEW
    yield Product(target=rh, factors=(_tap(cell.gate, z[GRUGate.RESET]), _itself(_held(h))))
    yield name.rows("new", [z[new]], (below, _now(rh)), cell, [new])


@operation_chain.register
def _(cell: MGUCell, chain: Chain, below: Reading) -> OperationChain:
    name = _Names(prefix=chain.label, size=cell.hidden_size)
    z = {gate: name.sum(f"z{gate.letter}") for gate in MGUGate}
    h, fh = name.memory("h"), name.product("fh")

    forget = _tap(cell.gate, z[MGUGate.FORGET])
    update = Memory(
        target=h, keep=_tap(cell.gate.complement, z[MGUGate.FORGET]), add=(forget, _tap(cell.candidate, z[MGUGate.NEW]))
    )
    operations = (
        name.rows("rows", [z[MGUGate.FORGET]], (below, _held(h)), cell, [MGUGate.FORGET]),
        Product(target=fh, factors=(forget, _itself(_held(h)))),
        name.rows("new", [z[MGUGate.NEW]], (below, _now(fh)), cell, [MGUGate.NEW]),
        update,
    )
    return _chain_of(chain, tuple(MGUGate), z.values(), operations, h)


@operation_chain.register
def _(cell: RNNCell, chain: Chain, below: Reading) -> OperationChain:
    name = _Names(prefix=chain.label, size=cell.hidden_size)
    z, h = name.sum(f"z{RNNGate.HIDDEN.letter}"), name.memory("h")
    rows = name.rows("rows", [z], (below, _held(h)), cell, [RNNGate.HIDDEN])
    return _chain_of(chain, tuple(RNNGate), (z,), (rows, Memory(target=h, keep=None, add=(_tap(cell.hidden, z),))), h)
