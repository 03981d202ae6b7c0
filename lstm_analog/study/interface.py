"""What of a machine is wired from outside when it becomes a subcircuit."""

from lstm_analog.compiler import Compiled
from lstm_analog.export import Interface
from lstm_analog.network.parts import Sources


def interface(compiled: Compiled) -> Interface:
    """Return what of a `compiled` machine is wired from outside: inputs, the top layer's h, clocks, a bank `supply`."""
    layout, network = compiled.layout, compiled.network
    top = layout.layers[-1].h
    outputs = (("h", top.group),) if top.against is None else (("hp", top.group), ("hn", top.against))
    fed = [drive.label for drive in compiled.drives if drive.signal == layout.inputs] or [layout.inputs]
    clocks = [drive.label for drive in compiled.drives if drive.signal in compiled.cycle.lines]
    supplies = [part.label for part in network.parts if isinstance(part, Sources) and part.label == "supply"]
    model = dict(network.provenance).get("model", "cell").lower()
    return Interface(
        name="lstm_" + "".join(letter if letter.isalnum() else "_" for letter in model)[:56],
        inputs=tuple((label, label) for label in fed),
        outputs=outputs,
        supplies=(*clocks, *supplies),
    )
