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
        technology="c7744d3d586cfebba8acdb3606055b1a36f44c4b1a442eeb4fe462ad257f5f0b",
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
        technology="271d88b82caed761345a6704c9d1c2d25387a0de65416e7dac522c465becdd81",
        simulator="ngspice-39",
    ),
)
