"""The calibrations shipped with the package, one for each state scale, made by `benchmarks/calibrate_bicmos.py`."""

from lstm_analog.compiler.bicmos_calibration import Calibration

SHIPPED: tuple[Calibration, ...] = (
    Calibration(
        input_gain=0.993558,
        forget_gain=0.973047,
        candidate_gain=0.987813,
        output_gain=0.991202,
        emitter_resistance=45736.6,
        cell_volts=0.230901,
        divider_ratio=0.232059,
        hidden_load=51487.6,
        cell_follower=0.99936,
        hidden_follower=0.99965,
        residual=0.00299068,
        technology="2e6eefcc9b288c692b880195be9fb0ab9ca0842a7310939f1a491f81ff98bd4b",
        models="7ff250d4ef15c1fe38916ad18031fb110f7aff82607f5a58a4736ee1a03fd5e4",
        corner="",
        simulator="ngspice-39",
    ),
    Calibration(
        input_gain=0.995244,
        forget_gain=0.973515,
        candidate_gain=0.992263,
        output_gain=0.990136,
        emitter_resistance=45867.3,
        cell_volts=0.231928,
        divider_ratio=0.233887,
        hidden_load=51389.8,
        cell_follower=0.999359,
        hidden_follower=0.999663,
        residual=0.00300641,
        technology="2daeda219aed9dda01bb8ab1c2d4da36586b744a8d96ea72d78530749f9fb4d1",
        models="7ff250d4ef15c1fe38916ad18031fb110f7aff82607f5a58a4736ee1a03fd5e4",
        corner="",
        simulator="ngspice-39",
    ),
)
