"""Write the laws of a network in JavaScript, with their partial derivatives, for a solver of its graph file.

The text is an object with an entry for each law, under the name that elements of the file bear as their `law`:

* `gives`: what the law gives, as `graph_laws.GRAMMAR` says: through, into, effort, rate or surplus;
* `efforts`, `parameters`: the names in it, in the order in which the functions read them;
* `values(x, place, number, on, out)`: writes the value of each of m elements to `out` (m,);
* `partials(x, place, number, on, out)`: writes to `out` (m, 1 + efforts) each value and its derivatives.

`x` are the efforts of all nodes, `place` (m, efforts) the numbers of the nodes, `number` (m, parameters) the
parameters, `on` 1 while the clock line of the elements is high or if there is none, else 0. All arrays are flat.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from lstm_analog.doors import checked
from lstm_analog.export.graph_laws import GraphLaw
from lstm_analog.export.graphs import laws_in
from lstm_analog.expressions import Expression, Op, derivative, effort, shared, symbols
from lstm_analog.expressions.languages import JAVASCRIPT, written
from lstm_analog.network.graph import Network

_NAMES = replace(JAVASCRIPT, effort="e_{0}", parameter="p_{0}")
"""With prefixes, no name of a part's field is a word of the language."""


@checked
def laws_in_javascript(networks: Sequence[Network]) -> str:
    """Return the object of the laws in the graphs of all `networks`; laws of one name are the same.

    Raises `UnsupportedError` as `law_table` does.
    """
    laws = {law.name: law for network in networks for law in laws_in(network)}
    return "".join(("{\n", *(f"{_literal(name)}: {_entry(laws[name])},\n" for name in sorted(laws)), "}"))


def _literal(value: object) -> str:
    """Return `value` as a literal that may stand in a script in HTML."""
    return json.dumps(value).replace("<", "\\u003c")


def _entry(law: GraphLaw) -> str:
    efforts = sorted(one.name for one in symbols(law.value) if one.op is Op.EFFORT)
    if law.gives in ("effort", "rate") and "e" not in efforts:
        efforts.append("e")  # whose equation it is
    parameters = [name for name, _ in law.units]
    partials = [law.value, *(derivative(law.value, effort(name)) for name in efforts)]
    values, slopes = (_loop(texts, efforts, parameters) for texts in ([law.value], partials))
    shown = (f"gives: {_literal(law.gives)}", f"efforts: {_literal(efforts)}", f"parameters: {_literal(parameters)}")
    return f"{{{', '.join(shown)},\nvalues{values},\npartials{slopes}}}"


def _loop(outputs: Sequence[Expression], efforts: Sequence[str], parameters: Sequence[str]) -> str:
    """Return arguments and body of the function that writes `outputs` of every element."""
    lets, texts = written(shared(outputs), _NAMES)
    read = [f"e_{name} = x[place[i++]]" for name in efforts] + [f"p_{name} = number[j++]" for name in parameters]
    named = ", ".join([*read, *(f"{name} = {body}" for name, body in lets.items())])
    return (
        "(x, place, number, on, out) {\nfor (let i = 0, j = 0, k = 0; k < out.length;) {\n"
        + (f"const {named};\n" if named else "")
        + "".join(f"out[k++] = {text};\n" for text in texts)
        + "}\n}"
    )
