"""The errors of a chip of transistor cells over corners of its process, temperatures and supplies."""

from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.study.yield_result import Failure, floats_or_nan
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import write_rows


class WaferSetting(Enum):
    """What is set for all chips of a wafer before they are used.

    NOMINAL: nothing, the calibration of the design stays. SLOPE: one factor, of reference current and rows, as
    `wafer_slope` finds it. RECALIBRATED: a calibration by sweeps for its corner, hence other resistors: a new design.
    """

    NOMINAL = "nominal calibration"
    SLOPE = "one factor a wafer"
    RECALIBRATED = "recalibrated"


@checked_record
@dataclass(frozen=True, kw_only=True)
class CornerPoint:
    """A wafer and how a chip of it is used: its `setting` and `corner`, the `temperature` (C), the `supply` (V)."""

    setting: WaferSetting
    corner: str
    temperature: float
    supply: float

    def __str__(self) -> str:
        return f"{self.corner}, {self.temperature:g} C, {self.supply:g} V, {self.setting.value}"


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CornerTable(Summarised):
    """The result of `corners`.

    * `settings` (n,): what was set for wafers.
    * `corners` (corners,): names of the corners of the process.
    * `temperatures`, `supplies`: temperatures (C) and supply voltages (V).
    * `errors` (settings, corners, temperatures, supplies): the largest error of h, or of y, in each; NaN where the
      simulator failed.
    * `failures`: the numbers of these points, in the order of `errors`, and the reasons.
    """

    settings: tuple[WaferSetting, ...]
    corners: tuple[str, ...]
    temperatures: tuple[float, ...]
    supplies: tuple[float, ...]
    errors: Floats
    failures: tuple[Failure, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", floats_or_nan(self.errors, "errors"))
        shape = tuple(map(len, (self.settings, self.corners, self.temperatures, self.supplies)))
        if self.errors.shape != shape:
            do = "take what study.corners returned"
            raise InvalidShapeError(explain("errors", must=f"have shape {shape}", got=self.errors.shape, do=do))

    @property
    def points(self) -> tuple[CornerPoint, ...]:
        """All points in the order of `errors.ravel()`."""
        return points_of(self.settings, self.corners, self.temperatures, self.supplies)

    def worst(self, setting: WaferSetting) -> tuple[float, CornerPoint | None]:
        """Return the largest error with `setting`, and where; NaN and None if no point was solved."""
        chosen = [number for number, point in enumerate(self.points) if point.setting is setting]
        errors = self.errors.ravel()[chosen]
        if not np.isfinite(errors).any():
            return float("nan"), None
        place = int(np.nanargmax(errors))
        return float(errors[place]), self.points[chosen[place]]

    def summary(self) -> Rows:
        """Return a row with the worst point for each setting, and one with the number of failures if there are any."""
        rows = []
        for setting in self.settings:
            error, point = self.worst(setting)
            rows.append((setting.value, "no point was solved" if point is None else f"at most {error:.2g}: {point}"))
        if self.failures:
            rows.append(("failures", f"{len(self.failures)} of {self.errors.size} points"))
        return tuple(rows)

    def __str__(self) -> str:
        """Return a Markdown table: a row for each setting, corner and temperature, a column for each supply."""
        supplies = [f"{supply:g} V" for supply in self.supplies]
        lines = [f"| set for a wafer | corner | C | {' | '.join(supplies)} |", "|---" * (3 + len(supplies)) + "|"]
        rows = self.errors.reshape(-1, len(self.supplies))
        heads = product(self.settings, self.corners, self.temperatures)
        for (setting, corner, celsius), row in zip(heads, rows, strict=True):
            cells = " | ".join("failed" if np.isnan(error) else f"{error:.4f}" for error in row)
            lines.append(f"| {setting.value} | {corner} | {celsius:g} | {cells} |")
        return "\n".join(lines)

    def write(self, path: str | Path) -> None:
        """Write a row for each point as CSV to the file `path`, whole or not at all; a failure has no error.

        Raises `FileAccessError` if it cannot be written.
        """
        rows = (
            (point.setting.value, point.corner, point.temperature, point.supply, "" if np.isnan(error) else error)
            for point, error in zip(self.points, self.errors.ravel().tolist(), strict=True)
        )
        write_rows(path, (("setting", "corner", "temperature (C)", "supply (V)", "largest error"), *rows))


def points_of(
    settings: tuple[WaferSetting, ...],
    corners: tuple[str, ...],
    temperatures: tuple[float, ...],
    supplies: tuple[float, ...],
) -> tuple[CornerPoint, ...]:
    """Return the points of all `settings`, `corners`, `temperatures` and `supplies`, the last changing fastest."""
    return tuple(
        CornerPoint(setting=setting, corner=corner, temperature=celsius, supply=volts)
        for setting, corner, celsius, volts in product(settings, corners, temperatures, supplies)
    )
