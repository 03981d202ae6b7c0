"""The same forecaster as plumbing filled with oil: its size and its forecasts."""

from collections.abc import Iterator
from pathlib import Path

from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.demo.check import agreement, rms
from lstm_analog.engines import Integrate, Progress, Waveform
from lstm_analog.files import whole_file
from lstm_analog.imperfections import BoreTolerance, Deadband, Rangeability, RelayGain, SeatLeak, Streams
from lstm_analog.machine import Machine, compile
from lstm_analog.model import Forecaster, airline
from lstm_analog.show import save, step_waveforms
from lstm_analog.study.run import Run

SETTLING = 14.0
"""Phase length in time constants: with it a step takes 14 s; longer phases would only lengthen it."""


def plumbing_lines(folder: Path, progress: Progress | None) -> Iterator[str]:
    """Compile the 4-unit forecaster for oil, run it with `progress`, write files to `folder`, yield lines about it."""
    forecaster = airline.forecaster(4)
    _, values = airline.series()
    x = forecaster.encode(values)
    machine = compile(forecaster.lstm, OIL, settling=SETTLING)
    run = machine.run(x, progress=progress)
    bill, check = machine.bill_of_materials(run), machine.check(run)
    bill.write(folder / "plumbing_4_bill.csv")
    with whole_file(folder / "plumbing_4_check.txt") as stream:
        stream.write(f"{check}\n".encode())
    last = machine.run(x[-3:], state=forecaster.lstm(x[:-3]).state, engine=Waveform(points=60))
    save(step_waveforms(last, -1, lstm=forecaster.lstm), folder / "plumbing_4_step.png")
    totals, tight = dict(bill.totals), max(check.findings, key=lambda finding: finding.strain)
    yield ""
    yield f"plumbing_4: the 4 units in oil (OIL), all {len(x)} months"
    yield f"  {totals['tubes']} tubes, {totals['tube length']}; a forecast takes {totals['step time']}"
    yield f"  design check: {len(check.warnings)} warnings (plumbing_4_check.txt)"
    yield f"  closest to its limit: {tight.rule.value}: {tight.value:.2g} of {tight.limit:.2g} ({tight.where})"
    yield f"  analog against digital, RMSE:    {_apart(forecaster, run):.2g} thousand passengers"
    yield "  the same with real parts, RMSE, thousand passengers, the worst first:"
    for name, value in sorted(_sensitivities(machine, forecaster, run), key=lambda flaw: -flaw[1]):
        yield f"    {name:<34} {value:.2g}"
    yield agreement(machine, x, Integrate(rtol=1e-6, atol=1e-8))


def _apart(forecaster: Forecaster, run: Run) -> float:
    return rms(forecaster.decode(run.h) - forecaster.decode(forecaster.lstm(run.x).h))


def _sensitivities(machine: Machine, forecaster: Forecaster, run: Run) -> Iterator[tuple[str, float]]:
    """Yield the name and the error (`_apart`) of `machine` with one imperfection at a time, drawn with seed 5.

    The inputs are those of `run`.
    """
    streams = Streams(seed=5)
    flaws = (
        ("bores scatter by 0.25 %", BoreTolerance(sigma=0.0025)),
        ("relays give 0.1 % too little", RelayGain(gain=0.999)),
        ("solenoids leak 1e-4 of their flow", SeatLeak(share=1e-4)),
        ("spools stick up to z = 0.01", Deadband(z=0.01)),
        ("trim opens over 50 to 1 only", Rangeability(ratio=50.0)),
    )
    for name, flaw in flaws:
        yield name, _apart(forecaster, machine.with_imperfection(flaw, streams).run(run.x))
