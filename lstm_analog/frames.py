"""Convert data frames of pandas and similar libraries to sequences: rows are steps, columns are features.

Data frames are recognised by `iloc`; pandas is never imported.
"""

from typing import Any

from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain

TIMES = ("t", "time", "date", "datetime", "timestamp", "zeit", "index", "")
"""Names of columns of times, which are no features; the empty one is the index that pandas writes."""


def steps_of(x: Any) -> Any:
    """Return the numbers of a data frame `x`, (time, columns), or of a series, (time, 1); any other `x` unchanged.

    Raises
    ------
    InvalidValueError
        If the name of a column is one of `TIMES`, or the index does not increase, so that rows are not in time order.
    InvalidTypeError
        If a column has no numbers, but times or texts, or the index has several levels, as of several sequences.
    """
    if getattr(x, "iloc", None) is None:
        return x
    frame = x if x.ndim == 2 else x.to_frame("values" if x.name is None else x.name)
    if frame.index.nlevels > 1:
        got, do = f"an index of {frame.index.nlevels} levels", "stack an array of each: (batch, time, inputs)"
        raise InvalidTypeError(explain("x", must="be one sequence", got=got, do=do))
    if frame.index.dtype.kind in "iufMm" and not frame.index.is_monotonic_increasing:
        got, do = "others", "give x.sort_index(), or x.to_numpy() if the rows are in order as they are"
        raise InvalidValueError(explain("index of x", must="increase, as time does", got=got, do=do))
    for name, kind in zip(frame.columns, frame.dtypes, strict=True):
        if str(name).lower() in TIMES or str(name).startswith("Unnamed: "):
            do = f"give x.drop(columns={name!r}): a row is a step"
            raise InvalidValueError(explain("columns of x", must="be inputs, no times", got=repr(name), do=do))
        if kind.kind not in "iuf":
            do = f"convert it, or give x.drop(columns={name!r})"
            raise InvalidTypeError(explain(f"column {name!r} of x", must="hold numbers", got=kind, do=do))
    return frame.to_numpy()
