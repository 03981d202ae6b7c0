import pickle
from dataclasses import FrozenInstanceError

import pytest

from lstm_analog.engines import Integrate, Ngspice

ENGINES = (Integrate(points=3), Ngspice(time_limit=60.0))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_engines_are_frozen_records_that_a_worker_can_take(engine):
    assert pickle.loads(pickle.dumps(engine)) == engine
    with pytest.raises(FrozenInstanceError):
        engine.rtol = 1.0


@pytest.mark.parametrize(
    ("engine", "expected"), [(Integrate(), [(1, 2), (2, 2)]), (Ngspice(), [(1, 3), (2, 3), (3, 3)])]
)
def test_progress_is_told(rc, driven, engine, expected):
    told = []
    run = engine.run(rc(1.0), driven([[0, 1], [0, 2], [0, 3]], [1.0, 1.0]), lambda *step: told.append(step))
    assert told == expected
    assert run.efforts.shape[0] == 3
    assert run.engine == repr(engine)
