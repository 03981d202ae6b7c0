"""Error budgets and the derivatives behind them: `python benchmarks/error_budget.py [table ...]`, all unless named.

`cost`: derivatives of one number by all parameters of all parts, in runs of the same process. `differences`: against
central differences of fourth order, which run the changed machines side by side as chips. `modules`: the gradients of
`AnalogLSTM`, against such differences and against PyTorch's of the digital LSTM; needs torch. `strengths`: predicted
and sampled deviation of the airline forecasts of 15 units, one imperfection at a time, by its strength. `origins`:
where the deviation comes from, and what imperfections do together.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from measure import conditions, least, table
from yields import SETTLING

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.imperfections import AmplifierOffset, BoreTolerance, PairGain, ProgrammingError
from lstm_analog.model import Form
from lstm_analog.model.airline import forecaster, series
from lstm_analog.model.sequences import Outputs
from lstm_analog.network.laws import lever_values
from lstm_analog.study import RootMeanSquareDeviation, RootMeanSquareError, budget
from lstm_analog.study.budget_draws import with_changes
from lstm_analog.study.budget_subject import metric_slopes
from lstm_analog.study.run_slopes import OutputSlopes, run_sensitivities

UNITS = 15
FROM = 12
"""First month whose forecast counts; before, the state is still that of the start."""
STEP = 1e-4
"""Largest change, as a share of each parameter, of the differences."""
STENCIL = (2, 1, -1, -2)
SEED = 1
BEHAVIOURAL, OPAMP, OPAMP_IDEAL = la.electrical.BEHAVIOURAL, la.electrical.OPAMP, la.electrical.OPAMP_IDEAL
OIL = la.hydraulic.OIL


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """A machine that is differentiated: its name, the machine, and its input."""

    name: str
    machine: la.Machine
    x: np.ndarray


def inputs() -> np.ndarray:
    """Return x of all months, (144, 1)."""
    return forecaster(UNITS).encode(series()[1])


def forecasts(outputs: Outputs) -> np.ndarray:
    """Return the forecasts of each chip from month `FROM` on (thousand passengers), (chips, months)."""
    return forecaster(UNITS).decode(outputs.h)[..., FROM:, 0]


def compiled(lstm: la.LSTM, technology: object, timing: object = la.CLOCKED) -> la.Machine:
    """Return the machine."""
    return la.compile(lstm, technology, timing=timing, settling=SETTLING)


def random(units: int, **form: object) -> la.LSTM:
    """Return a random LSTM with one input."""
    return la.random_lstm(np.random.default_rng(0), 1, units, **form)


def timed() -> Iterator[Made]:
    """Yield the machines whose derivatives are timed, over 144 months: those of the airline forecaster, and others."""
    yield Made(name="BEHAVIOURAL, airline, H = 15", machine=compiled(forecaster(UNITS).whole, BEHAVIOURAL), x=inputs())
    for name, units, technology in (("BEHAVIOURAL", 128, BEHAVIOURAL), ("OPAMP", 3, OPAMP)):
        machine = compiled(random(units, outputs=1), technology)
        yield Made(name=f"{name}, random, H = {units}", machine=machine, x=inputs())


def cost() -> None:
    """Print what the derivatives of the RMSE of the forecasts by all parameters cost, the metric's own included."""
    rows = []
    for made in timed():
        run = made.machine.run(made.x, engine=Settle(), keep=la.Keep.EVERYTHING)
        metric = RootMeanSquareError(expected=np.roll(made.x, -1, axis=0))  # of the next month, in units of the model

        def derive(run: la.Run = run, metric: RootMeanSquareError = metric) -> object:
            return run_sensitivities(run, metric_slopes(metric, run.outputs))

        def plain(made: Made = made, keep: la.Keep = la.Keep.OUTPUTS) -> object:
            return made.machine.run(made.x, engine=Settle(), keep=keep)

        def whole(made: Made = made, metric: RootMeanSquareError = metric) -> object:
            own = made.machine.run(made.x, engine=Settle(), keep=la.Keep.EVERYTHING)
            return run_sensitivities(own, metric_slopes(metric, own.outputs))

        alone, slopes, both = least([plain, derive, whole], 5)
        count = sum(value.size for each in made.machine.passes for part in each.network.parts
                    for value in lever_values(part).values())  # fmt: skip
        ratios = f"{slopes / alone:.2f}", f"{both / alone:.2f}"
        rows.append([made.name, f"{count:,}", f"{alone * 1e3:.1f}", *ratios])
    print(
        table(
            ["machine", "parameters", "one run (ms)", "derivatives (runs)", "with the run that they need (runs)"], rows
        )
    )


def differentiated() -> Iterator[Made]:
    """Yield the machines whose derivatives are compared with differences."""
    few = inputs()[:8]
    yield Made(name="BEHAVIOURAL, airline", machine=compiled(forecaster(UNITS).lstm, BEHAVIOURAL), x=inputs()[:24])
    for name, technology in (("OPAMP_IDEAL", OPAMP_IDEAL), ("OPAMP", OPAMP), ("OIL", OIL)):
        yield Made(name=f"{name}, H = 3", machine=compiled(random(3), technology), x=few)
    for name, form in (
        ("two layers", {"layers": 2}),
        ("bidirectional, head", {"bidirectional": True, "outputs": 1}),
        ("GRU", {"form": Form.GRU}),
    ):
        yield Made(name=f"BEHAVIOURAL, {name}, H = 3", machine=compiled(random(3, **form), BEHAVIOURAL), x=few)
    machine = compiled(random(3), BEHAVIOURAL, la.GATED_LEAK)
    yield Made(name="BEHAVIOURAL, GATED_LEAK, H = 3", machine=machine, x=few)


def differences() -> None:
    """Print how far the derivatives are from central differences, as a share of the largest."""
    rows = []
    for made in differentiated():
        away, count = compare(made, np.random.default_rng(SEED))
        rows.append([made.name, f"{count}", f"{away:.1e}"])
    print(table(["machine", "directions", "largest difference / largest derivative"], rows))


def compare(made: Made, rng: np.random.Generator) -> tuple[float, int]:
    """Return the largest difference of derivatives of a random sum of outputs from central ones, and their number.

    Each derivative is along a random change of all elements of one parameter of one bank, in proportion to their size.
    """
    run = made.machine.run(made.x, engine=Settle(), keep=la.Keep.EVERYTHING)
    read = run.outputs
    weights = rng.standard_normal((read.h if read.y is None else read.y).shape)
    slopes = OutputSlopes(h=weights[None]) if read.y is None else OutputSlopes(y=weights[None])
    found = run_sensitivities(run, slopes)
    places = [
        (number, part.label, name, rng.standard_normal(value.shape) * np.abs(value))
        for number, each in enumerate(made.machine.passes)
        for part in each.network.parts
        for name, value in lever_values(part).items()
        if np.isfinite(value).all() and value.any()
    ]
    expected = [
        float((found.passes[number].parameters[label][name][0] * direction).sum())
        for number, label, name, direction in places
    ]
    away = np.abs(central(made, run, places, weights) - expected)
    return float(away.max() / np.abs(expected).max()), len(places)


def central(made: Made, run: la.Run, places: list, weights: np.ndarray) -> np.ndarray:
    """Return the derivatives of the sum of outputs along a change at each of `places`, by four chips each."""
    chips = len(STENCIL) * len(places)
    changes = [{} for _ in made.machine.passes]
    for place, (number, label, name, direction) in enumerate(places):
        own = changes[number][label, name] = np.zeros((chips, *direction.shape))
        for turn, step in enumerate(STENCIL):
            own[len(STENCIL) * place + turn] = step * STEP * direction
    pairs = zip(made.machine.passes, changes, strict=True)
    passes = tuple(replace(each, network=with_changes(each.network, own, 1.0)) for each, own in pairs)
    outputs = replace(made.machine, passes=passes).run(run.x, engine=Settle(), keep=la.Keep.OUTPUTS).outputs
    values = ((outputs.h if outputs.y is None else outputs.y) * weights).reshape(len(places), len(STENCIL), -1)
    return values.sum(axis=-1) @ np.array([-1.0, 8.0, -8.0, 1.0]) / (12.0 * STEP)


def modules() -> None:
    """Print how far the gradients of `AnalogLSTM` are from differences, and from those of the digital LSTM."""
    import torch

    rows = []
    for name, technology, form in (
        ("BEHAVIOURAL", BEHAVIOURAL, {}),
        ("BEHAVIOURAL, two layers, bidirectional", BEHAVIOURAL, {"num_layers": 2, "bidirectional": True}),
        ("BEHAVIOURAL, projection", BEHAVIOURAL, {"proj_size": 2}),
        ("OIL", OIL, {}),
        ("OPAMP_IDEAL", OPAMP_IDEAL, {}),
        ("OPAMP", OPAMP, {}),
    ):
        torch.manual_seed(SEED)
        digital = torch.nn.LSTM(2, 3, dtype=torch.float64, **form)
        for key, weight in digital.state_dict().items():
            if key.startswith("bias_hh"):
                weight.zero_()  # a sum of two biases would be the largest of its bank, and choose its scale
        sizes = {"technology": technology, "settling": SETTLING, "engine": Settle(), "dtype": torch.float64}
        analog = la.torch.AnalogLSTM(2, 3, **sizes, **form)
        analog.load_state_dict(digital.state_dict())
        x = 0.5 * torch.randn(4, 2, 2, dtype=torch.float64)
        mine, theirs = (gradients(module, x) for module in (analog, digital))
        largest = max(float(each.abs().max()) for each in theirs)
        apart = max(float((own - other).abs().max()) for own, other in zip(mine, theirs, strict=True))
        rows.append([name, f"{by_differences(analog, x, mine) / largest:.1e}", f"{apart / largest:.1e}"])
    print(table(["module", "from differences / largest", "from the digital gradients / largest"], rows))


def gradients(module: "object", x: "object") -> list:
    """Return the gradients of the sum of squares of the outputs by x and by all weights."""
    module.zero_grad()
    given = x.clone().requires_grad_()
    (module(given)[0] ** 2).sum().backward()
    return [given.grad, *(each.grad.clone() for each in module.parameters())]


def by_differences(module: "object", x: "object", found: list) -> float:
    """Return the largest difference of gradients along a random change of each tensor of weights from central ones.

    The largest weights stay, since they choose the scale of a bank, which counts as constant.
    """
    import torch

    worst = 0.0
    with torch.no_grad():
        for weight, slope in zip(module.parameters(), found[1:], strict=True):
            change = torch.randn_like(weight) * (weight.abs() < 0.5 * weight.abs().max())
            before, values = weight.clone(), []
            for step in STENCIL:
                weight.copy_(before + step * STEP * change)
                values.append(float((module(x)[0] ** 2).sum()))
            weight.copy_(before)
            central = float(np.array(values) @ np.array([-1.0, 8.0, -8.0, 1.0]) / (12.0 * STEP))
            worst = max(worst, abs(central - float((slope * change).sum())))
    return worst


CAUSES = (
    ("BEHAVIOURAL", BEHAVIOURAL, ProgrammingError(sigma=0.001)),
    ("BEHAVIOURAL", BEHAVIOURAL, PairGain(share=0.001)),
    ("OPAMP", OPAMP, AmplifierOffset(volts=1e-4)),
    ("OIL", OIL, BoreTolerance(sigma=0.001)),
)
LADDER = (0.3, 1.0, 3.0, 10.0, 30.0)


def strengths() -> None:
    """Print the predicted and the sampled deviation of the forecasts by the strength of each cause."""
    rows = []
    for name, technology, cause in CAUSES:
        small = technology is OPAMP
        machine, x = compiled(forecaster(4 if small else UNITS).lstm, technology), inputs()
        of = RootMeanSquareDeviation() if small else RootMeanSquareDeviation(answer=forecasts)
        x = forecaster(4).encode(series()[1])[:24] if small else x
        found = budget(machine, cause, x, of=of, seed=SEED, draws=50, chips=50, strengths=LADDER)
        told = [f"{row.predicted:.3g} / {row.sampled:.3g} = {row.ratio:.3f}" for row in found.ladder]
        rows.append([f"{name}, {cause}", *told, f"{found.first_order_until:g}"])
    print(table(["chips", *(f"x {strength:g}" for strength in LADDER), "first order until x"], rows))


def origins() -> None:
    """Print the budget of the airline forecasts, of one cause and of three together."""
    machine = compiled(forecaster(UNITS).lstm, BEHAVIOURAL)
    of = RootMeanSquareDeviation(answer=forecasts)
    print(budget(machine, ProgrammingError(sigma=0.001), inputs(), of=of, seed=SEED))
    several = (ProgrammingError(sigma=0.003), PairGain(share=0.003))
    print(budget(machine, several, inputs(), of=of, seed=SEED))


TABLES: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (cost, differences, modules, strengths, origins)
}


if __name__ == "__main__":
    print(conditions())
    for name in sys.argv[1:] or TABLES:
        print(f"\n{name}\n")
        TABLES[name]()
