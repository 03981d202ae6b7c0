"""The result of `compare`: errors by signal, the verdict, and all that is needed to repeat it."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from lstm_analog import __version__
from lstm_analog.doors import checked_record
from lstm_analog.files import write_texts
from lstm_analog.study.ranges import Beyond
from lstm_analog.study.settling import Settling
from lstm_analog.study.shares import Shares
from lstm_analog.study.spread import LEVELS, HeadErrors, LayerErrors
from lstm_analog.summaries import Rows, Summarised


class Verdict(Enum):
    """The judgement on the error of h; the value is the message."""

    WITHIN = "within tolerance"
    SLOW_CLOCK = "above tolerance, explained by the clock: the settling ratio T/tau is too small"
    ENGINE = "above tolerance but within the engine's accuracy"
    TECHNOLOGY = "above tolerance, explained by what the parts of the technology cost by design"
    IMPERFECT = "above tolerance, explained by the imperfections of the machine"
    BEYOND = "within tolerance, but signals go beyond what the machine was made for"
    DEFECT = "not explained by clock, engine, technology or records: a defect"


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of the programs used."""

    lstm_analog: str
    numpy: str
    scipy: str
    python: str


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Report(Summarised):
    """The errors of a run against the numeric LSTM, and their explanation.

    Attributes
    ----------
    model : str
        The name of the LSTM.
    layers : tuple of LayerErrors
        The errors of each chain, bottom first, forward before backward.
    head : HeadErrors or None
        The errors of the head, if there is one.
    tolerance : float
        The largest accepted error of h, in any layer; of y, over the gain of the head.
    by_clock, by_engine : float
        The largest errors of h explained by the clock, at most h itself, and by the engine.
    shares : Shares or None
        The errors explained by technology and imperfections; None if they were not computed.
    beyond : tuple of Beyond
        The signals beyond the ranges for which the machine was made.
    settling : Settling
        The settling of the interval that leaves the largest error.
    seed : int or None
        The seed of the random numbers in the run, if any.
    versions : Versions
        The versions of the programs used.
    lstm_digest, network_digest : str
        SHA-256 of the weights and of the network that was run.
    engine, technology, timing : str
        The engine, the technology and the timing.
    """

    model: str
    layers: tuple[LayerErrors, ...]
    head: HeadErrors | None
    tolerance: float
    by_clock: float
    by_engine: float
    shares: Shares | None
    beyond: tuple[Beyond, ...]
    settling: Settling
    seed: int | None
    versions: Versions
    lstm_digest: str
    network_digest: str
    engine: str
    technology: str
    timing: str

    def summary(self) -> Rows:
        """Return rows with the verdict and its main figures; `print` shows all."""
        return (
            ("model", self.model),
            ("verdict", self.verdict.value),
            ("error of h", f"{self.worst_h:.3g}, tolerance {self.tolerance:.3g}"),
            ("explained", f"{self.explained:.3g}"),
            ("machine", f"{self.technology}, {self.timing}"),
            ("engine", self.engine),
        )

    @property
    def worst_h(self) -> float:
        """The largest error of h in any layer where it is known; on a bench it may be that of the top layer alone."""
        return max(layer["h"].max for layer in self.layers if "h" in layer.signals)

    @property
    def worst(self) -> float:
        """The largest error of h in any layer, or of y over the gain of the head, if that is larger."""
        return self.worst_h if self.head is None else max(self.worst_h, self.head.y.max / self.head.gain)

    @property
    def by_technology(self) -> float:
        """The error of h by the design of the technology's parts; 0 if it was not computed."""
        return 0.0 if self.shares is None else self.shares.by_technology

    @property
    def by_imperfections(self) -> float:
        """The error of h by the imperfections of the machine; 0 if it was not computed."""
        return 0.0 if self.shares is None else self.shares.by_imperfections

    @property
    def explained(self) -> float:
        """The largest error of h explained by clock, engine, technology and imperfections together."""
        return self.by_clock + self.by_engine + self.by_technology + self.by_imperfections

    @property
    def defective(self) -> bool:
        """Whether an error remains that clock, engine, technology and imperfections do not explain."""
        rest = self.worst if self.shares is None else self.shares.rest
        return rest > self.by_clock + self.by_engine

    @property
    def verdict(self) -> Verdict:
        """The judgement on `worst`, by `tolerance` and the errors that are `explained`."""
        if self.worst <= self.tolerance:
            return Verdict.BEYOND if any(each.harmful for each in self.beyond) else Verdict.WITHIN
        if self.defective:
            return Verdict.DEFECT
        shares = {
            Verdict.IMPERFECT: self.by_imperfections,
            Verdict.TECHNOLOGY: self.by_technology,
            Verdict.SLOW_CLOCK: self.by_clock,
        }
        largest = max(shares, key=lambda verdict: shares[verdict])
        return largest if shares[largest] > self.tolerance else Verdict.ENGINE

    @property
    def holds(self) -> bool:
        """Whether the machine computes the LSTM within tolerance, and with all signals within their ranges."""
        return self.verdict is Verdict.WITHIN

    def __str__(self) -> str:
        return "\n".join([*_summary(self), "", *_table(self), "", *_origin(self)])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, strings and numbers."""
        content: dict[str, Any] = {entry.name: plain(getattr(self, entry.name)) for entry in fields(self)}
        settled = content["settling"] | {"error": self.settling.error}
        return {
            "verdict": self.verdict.value,
            "holds": self.holds,
            "worst_h": self.worst_h,
            "explained": self.explained,
            "by_technology": self.by_technology,
            "by_imperfections": self.by_imperfections,
            **content,
            "settling": settled,
            "levels": [*LEVELS],
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)

    def write(self, path: str | Path) -> None:
        """Write the report as JSON to the file `path`, whole or not at all.

        Raises `FileAccessError` if it cannot be written.
        """
        write_texts(path, [f"{self.to_json()}\n"])


def versions() -> Versions:
    """Return the versions of the programs in use."""
    return Versions(
        lstm_analog=__version__, numpy=np.__version__, scipy=scipy.__version__, python=platform.python_version()
    )


def _summary(report: Report) -> list[str]:
    settled = report.settling
    clock = f"T/tau = {settled.ratio:.4g} in {settled.interval} (tau = {settled.time_constant:.3g} s)"
    told = {"technology": report.by_technology, "imperfections": report.by_imperfections}
    more = "".join(f", {share:.3g} by the {name}" for name, share in told.items() if share)
    shares = f"{report.by_clock:.3g} by the clock, {report.by_engine:.3g} by the engine{more}"
    return [
        f"{report.model}, analog against digital: {report.verdict.value}",
        f"  max |h error|  {report.worst_h:.3g}, tolerance {report.tolerance:.3g}",
        f"  explained      {report.explained:.3g}: {shares}",
        f"  settling       {clock}, poles in a chain: {settled.poles}, left of a unit step: {settled.error:.3g}",
        *(() if report.shares is None else report.shares.lines()),
        *(f"  beyond         {each}{'' if each.harmful else ', yet harmless'}" for each in report.beyond),
    ]


def _table(report: Report) -> list[str]:
    heads = ("max", "rms", *(f"{level:.0%}" for level in LEVELS))
    lines = ["  layer  signal" + "".join(f"{head:>10}" for head in heads) + "   largest at (batch, step, unit)"]
    rows = [(layer.chain.removeprefix("l"), *entry) for layer in report.layers for entry in layer.signals.items()]
    rows += [] if report.head is None else [("head", "y", report.head.y)]
    for chain, name, error in rows:
        values = "".join(f"{value:10.2e}" for value in (error.max, error.rms, *error.quantiles))
        place = f"{error.where.batch}, {error.where.step}, {error.where.unit}"
        lines.append(f"  {chain:>5}  {name:<6}{values}   {place}")
    return lines


def _origin(report: Report) -> list[str]:
    used = ", ".join(f"{name} {value}" for name, value in asdict(report.versions).items())
    return [
        f"  machine  {report.technology}, {report.timing}, network {report.network_digest[:12]}",
        f"  engine   {report.engine}",
        f"  LSTM     {report.lstm_digest[:12]}",
        f"  seed     {'none' if report.seed is None else report.seed}",
        f"  with     {used}",
    ]


def plain(value: Any) -> Any:
    """Return `value` with records as dicts, arrays and tuples as lists."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, LayerErrors):
        return {"chain": value.chain} | plain(value.signals)
    if is_dataclass(value):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
