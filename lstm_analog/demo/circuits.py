"""The airline forecasters as circuits, compared with the digital ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.demo.check import agreement, rms
from lstm_analog.engines import Integrate, Progress, Waveform
from lstm_analog.files import whole_file
from lstm_analog.machine import Machine, compile
from lstm_analog.model import Forecaster, airline
from lstm_analog.show import forecast, save, sequence, step_waveforms
from lstm_analog.study import Report, compare
from lstm_analog.study.run import Run
from lstm_analog.tables import write_rows

WARM_UP = 12
"""Months after which the LSTM has forgotten its initial state; earlier errors against the data do not count."""
SETTLING = 24.0
"""Phase length in time constants, for which the settling law gives an error of about 1e-8 of full scale."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One forecaster, its circuit, the run over the whole series, and the comparison with the digital one."""

    forecaster: Forecaster
    machine: Machine
    run: Run
    report: Report
    months: NDArray[np.datetime64]
    values: Floats

    @property
    def digital(self) -> Floats:
        """The digital forecast of the month after each month, (months,), in the unit of the series."""
        return self.forecaster.decode(self.forecaster.lstm(self.run.x).h)[:, 0]

    @property
    def analog(self) -> Floats:
        """The forecast of the circuit with a digital head, (months,), in the unit of the series."""
        return self.forecaster.decode(self.run.h)[:, 0]


def study(units: Literal[4, 15], progress: Progress | None = None) -> Study:
    """Return the study of the airline LSTM with `units` units over the whole series, by the default engine.

    `progress` is called with the number of intervals done.
    """
    months, values = airline.series()
    forecaster = airline.forecaster(units)
    machine = compile(forecaster.lstm, BEHAVIOURAL, settling=SETTLING)
    run = machine.run(forecaster.encode(values), progress=progress)
    report = compare(run, forecaster.lstm)
    return Study(forecaster=forecaster, machine=machine, run=run, report=report, months=months, values=values)


def circuit_lines(units: Literal[4, 15], folder: Path, progress: Progress | None) -> Iterator[str]:
    """Run the study of `units` units with `progress`, write its files to `folder`, and yield lines of text about it."""
    result = study(units, progress)
    _write(folder, result)
    yield from _lines(result)
    yield agreement(result.machine, result.run.x, Integrate())


def _write(folder: Path, result: Study) -> None:
    name = result.forecaster.lstm.name
    result.machine.write.spice(folder / f"{name}.cir", result.run.x)
    result.machine.save(folder / f"{name}.npz")
    result.report.write(folder / f"{name}_report.json")
    with whole_file(folder / f"{name}_report.txt") as stream:
        stream.write(f"{result.report}\nThe linear head is digital; the errors above are of the LSTM alone.\n".encode())
    write_rows(folder / f"{name}_forecast.csv", _rows(result))
    save(forecast(result.forecaster, result.months, result.values, result.run), folder / f"{name}_forecast.png")
    signals = sequence(result.run, result.forecaster.lstm)
    signals.axes[2].set_xlabel("step (month)")
    save(signals, folder / f"{name}_signals.png")
    x, lstm = result.run.x, result.forecaster.lstm
    last = result.machine.run(x[-3:], state=lstm(x[:-3]).state, engine=Waveform(points=60))
    save(step_waveforms(last, -1, lstm=lstm), folder / f"{name}_step.png")


def _rows(result: Study) -> Iterator[tuple[object, ...]]:
    """Yield the header and a row for each month but the first, whose forecast is of the month before."""
    yield "month", "thousands_of_passengers", "digital_forecast", "analog_forecast"
    actual, digital, analog = (each.tolist() for each in (result.values, result.digital, result.analog))
    for month, value, ours, theirs in zip(result.months[1:], actual[1:], digital[:-1], analog[:-1], strict=True):
        yield month, f"{value:g}", ours, theirs


def _lines(result: Study) -> Iterator[str]:
    test = slice(airline.TEST_START, None)
    seen = slice(WARM_UP, airline.TEST_START)
    error = result.digital[:-1] - result.values[1:]
    wrong = np.concatenate(([np.nan], error))
    compiled = result.machine.compiled
    name, tau = result.forecaster.lstm.name, compiled.settling
    yield ""
    yield f"{name}: {result.machine.sizes[0]} units, one step takes {compiled.cycle.step_time * 1e6:.1f} us"
    yield f"  digital against the data, RMSE:  {rms(wrong[seen]):.1f} thousand (1950-1957, trained on)"
    yield f"                                   {rms(wrong[test]):.1f} thousand (1958-1960, never seen)"
    yield f"  analog against digital, RMSE:    {rms(result.analog - result.digital):.2g} thousand passengers"
    yield f"  largest error of h:              {result.report.worst_h:.2g} at T/tau = {tau:g}"
    yield f"  verdict:                         {result.report.verdict.value}"
