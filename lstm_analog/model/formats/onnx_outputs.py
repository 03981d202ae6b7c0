"""Find which output of an ONNX graph is the answer of the model, and from which recurrent node it is computed."""

from collections.abc import Callable, Mapping

from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.model.formats.chains import (
    LINEAR,
    NUMERIC,
    ChainAnswer,
    ObjectedError,
    Objection,
    RowSelection,
    answer_of,
)
from lstm_analog.model.formats.onnx_graph import Origin, Value
from lstm_analog.model.formats.onnx_signals import RecurrentNode
from lstm_analog.model.formats.onnx_values import are_whole
from lstm_analog.model.formats.stacks import listed
from lstm_analog.model.formats.streams import ModelStreams
from lstm_analog.model.layers import Layer


class GraphOutputs:
    """The `values` of the outputs of a graph that was run, with its `streams` and recurrent `nodes`, by name.

    The graph is read as a `whole` model, or else as a stack with a linear head. The methods raise `ObjectedError` for
    an output that is computed in an unsupported way.
    """

    def __init__(self, streams: ModelStreams, nodes: Mapping[str, RecurrentNode], *, whole: bool) -> None:
        self.streams = streams
        self.nodes = nodes
        self.whole = whole
        self.values: dict[str, Value | None] = {}

    def named(self, output: str) -> ChainAnswer:
        """Return the answer that is the graph's `output`; raise `InvalidValueError` if it has none of that name."""
        if output not in self.values:
            do = f"choose of {listed(self.values)}"
            raise InvalidValueError(explain("output", must="name an output of the graph", got=ascii(output), do=do))
        answer = self._read(output, None)
        if answer is None:
            what = f"graph output {output[:80]!a}"
            raise ObjectedError(Objection(what=what, must=NUMERIC, got="states"))
        return answer

    def only(self, top: RecurrentNode, works: Callable[[str], bool]) -> ChainAnswer:
        """Return the only output that steps compute from `top`, or else h of `top`.

        Raises `UnsupportedError` if there are several; its advice is the first output that `works`.
        """
        answers = {name: self._read(name, top) for name in self.values}
        found = {name: each for name, each in answers.items() if each is not None}
        made = {name: each for name, each in found.items() if not isinstance(each.stream.made, Layer)}
        if len({each.stream.number for each in made.values()}) > 1:
            first = next(filter(works, made), None)
            do = f"load_model(path, output={first!a}) takes one of them" if first else "export it with one answer"
            raise UnsupportedError(
                explain("answers of the graph", must="be one, or be chosen", got=listed(made), do=do)
            )
        several = list((made or found).values())
        every = [each for each in several if each.reading is RowSelection.EVERY]
        if self.whole and not several:
            what, got = "answers of the graph", "states alone"
            raise ObjectedError(Objection(what=what, must="be h, or computed of it", got=got))
        return (every or several or [ChainAnswer(label="h", stream=top.stream, reading=RowSelection.EVERY)])[0]

    def made_last(self) -> str:
        """Return the label of the node that computes the first output of the graph, "none" if there is none."""
        for value in self.values.values():
            stream = None if value is None else self.streams.of(value.array)
            if value is not None and (value.why or stream is not None):
                return value.why or (stream.label if stream else "")
        return "none"

    def _read(self, name: str, top: RecurrentNode | None) -> ChainAnswer | None:
        """Return the output called `name`, which must be computed from `top` if that is given; None for a state."""
        value = self.values[name]
        what, must = f"graph output {name[:80]!a}", NUMERIC if self.whole else LINEAR
        if value is None or value.origin is not Origin.LABELS:
            got = "nothing" if value is None else value.why or value.origin.value
            raise ObjectedError(Objection(what=what, must=must, got=got))
        answer = answer_of(self.streams, what, value.array)
        nodes = self.nodes.values()
        for each in nodes if answer is None else ():
            if value.array.size == each.final.size and are_whole(value.array, each.finals):
                answer = ChainAnswer(label=what, stream=each.stream, reading=RowSelection.FINAL)
        mine = answer is not None and (top is None or answer.stream is top.stream)
        if answer is not None and (mine or not isinstance(answer.stream.made, Layer)):
            return answer
        if are_whole(value.array, [state for each in nodes for state in each.states]):
            return None
        raise ObjectedError(Objection(what=what, must=f"{must} as they are", got="another arrangement of them"))
