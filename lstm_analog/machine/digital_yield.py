"""The yield of chips by a metric that compares their outputs with those of the LSTM or of the whole model."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from lstm_analog.engines import EngineLike, Progress
from lstm_analog.machine.facade import Machine
from lstm_analog.model import LSTM, Model
from lstm_analog.model.masks import Fed
from lstm_analog.study import ModelAnswer, Spec, Yield, end_with_parent, yield_of
from lstm_analog.study.metrics import Answer, Metric, y_or_h


def digital_yield(
    machine: Machine,
    lstm: LSTM,
    around: tuple[Model | None, Fed],
    imperfections: tuple[object, ...],
    metric: Callable[..., Metric],
    *,
    spec: Spec,
    chips: int,
    seed: int,
    engine: EngineLike,
    until: float | None,
    workers: int,
    folder: Path | None,
    progress: Progress,
) -> Yield[Machine]:
    """Return the yield of `machine` with `imperfections`, by a `metric` of the digital model's outputs.

    `around` are the whole model, or None if `lstm` is all of it, and its inputs. `workers` is the number of processes;
    `spec`, `chips`, `seed`, `engine`, `until`, `folder` and `progress` are as in `study.yield_of`, and so are the
    errors.
    """
    model, fed = around
    answer: Answer = y_or_h if model is None else ModelAnswer(model=model, fed=fed)
    return yield_of(
        machine,
        imperfections,
        fed.x,
        metric=metric(expected=answer(lstm(fed.x)), answer=answer),
        spec=spec,
        chips=chips,
        seed=seed,
        engine=engine,
        until=until,
        executor=partial(ProcessPoolExecutor, workers, initializer=end_with_parent) if workers > 1 else None,
        folder=folder,
        progress=progress,
    )
