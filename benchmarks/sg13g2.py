#!/usr/bin/env python
"""Circuits of IHP's SG13G2 in VACASK, by the process' own VBIC and PSP103: `python benchmarks/sg13g2.py [models]`.

A differential pair of HBTs, a source follower, the product of two tanh that the transistor cell is made of, at 2.8 V,
and what one LSTM unit computes from its gates' voltages, at 2.75 V and three corners.
`models` is the folder `ihp/models` of the wheel `ihp-gdsfactory` 2.0.0; without it that of the installed one
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
from scipy.optimize import curve_fit, least_squares

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
  analysis wave tran step=1e-8 stop={end} maxstep=1e-8
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
STEERED = """xt{n} (e{n} vb t{n} 0) npn13G2
rt{n} (t{n} 0) load r=20k
xa{n} (a{n} {z}p e{n} 0) npn13G2
xb{n} (b{n} {z}n e{n} 0) npn13G2
x1{n} ({o}p {u}p a{n} 0) npn13G2
x2{n} ({o}n {u}n a{n} 0) npn13G2
x3{n} (vcc up b{n} 0) npn13G2
"""
"""A tail whose current goes by sigmoid(z) into a pair at u, whose outputs are o; the rest through a cascode to vcc."""
FOLLOWED = """xf{s} (vcc n{s} m{s} 0) npn13G2
xg{s} (m{s} vf w{s} 0) npn13G2
rg{s} (w{s} 0) load r=60k
rn{s} (vcc n{s}) load r={load}
rh{s} (vcc h{s}) load r={twice}
"""
"""One side of the followers from the new c to the pair of h, and of the loads of both."""
LEVELS = {"zf": 1.25, "zi": 1.25, "zo": 1.25, "c": 1.95, "g": 1.95}
"""Common mode of each input of the unit (V)."""
CASES, HOLD, SUPPLY = 80, 1e-6, 2.75
"""Random inputs of the unit, seconds for each, and its supply (V)."""
UNIT_LOAD = 10e3
"""Load of the new c (ohm), for the currents of two tails; that of h is twice as large."""
ACROSS = (
    *((f"{side}{n}", f"e{n}") for n in "fio" for side in "ab"),
    *((f"{out}{s}", f"a{n}") for n, out in (("f", "n"), ("i", "n"), ("o", "h")) for s in "pn"),
    *(("vcc", f"b{n}") for n in "fio"),
    *((f"e{n}", f"t{n}") for n in "fio"),
    *(("vcc", f"m{s}") for s in "pn"),
    *((f"m{s}", f"w{s}") for s in "pn"),
)
"""Collector and emitter of each transistor of the unit."""


def unit(drives: Floats) -> str:
    """Return the circuit of a unit under differential `drives` (cases, inputs) in V, one after the other.

    The new c is f c + i g with tanh of c and g, h is -o tanh(c): their differential currents in units of a tail's.
    """
    lines = [f"vcc (vcc 0) vsource dc={SUPPLY}\n"]
    lines += [f"{name} ({name[1:]} 0) vsource dc={volts}\n" for name, volts in (("vvb", 0.95), ("vvf", 1.35))]
    lines += ["vup (up 0) vsource dc=1.95\n"]
    starts = HOLD * np.arange(CASES)
    times = np.stack((starts + 0.02 * HOLD, starts + HOLD), axis=1).ravel()
    for (name, level), drive in zip(LEVELS.items(), drives.T, strict=True):
        for side, sign in (("p", 0.5), ("n", -0.5)):
            volts = np.repeat(level + sign * drive, 2)
            wave = ", ".join(map(repr, np.stack((times, volts), axis=1).ravel().tolist()))
            lines.append(f'v{name}{side} ({name}{side} 0) vsource type="pwl" dc={volts[0].item()} wave=[{wave}]\n')
    lines += [
        STEERED.format(n=n, z=f"z{n}", u=u, o=o) for n, u, o in (("f", "c", "n"), ("i", "g", "n"), ("o", "m", "h"))
    ]
    lines += [FOLLOWED.format(s=s, load=UNIT_LOAD, twice=2 * UNIT_LOAD) for s in "pn"]
    return "".join(lines)


def of_unit(drives: Floats, height: float, follower: float, slope: float) -> Floats:
    """Return the new c and h (cases, 2) for `drives` (cases, inputs), of tails `height` times `TAIL`.

    `follower` is the gain of the followers, `slope` the slope factor of all pairs.
    """
    zf, zi, zo, c, g = (drives / (TWICE_THERMAL * slope)).T
    new = height * (np.tanh(c) / (1 + np.exp(-2 * zf)) + np.tanh(g) / (1 + np.exp(-2 * zi)))
    seen = -follower * new * TAIL * UNIT_LOAD / (TWICE_THERMAL * slope)
    return np.stack((new, height * np.tanh(seen) / (1 + np.exp(-2 * zo))), axis=1)


def unit_row(section: str, models: Path) -> list[object]:
    """Return what a unit in the corner `section` shows: factors fitted to it, and what they leave."""
    drives = np.random.default_rng(0).uniform(-0.1, 0.1, (CASES, len(LEVELS)))
    nodes = sorted({node for pair in ACROSS for node in pair})
    end = CASES * HOLD
    seconds, waves = run(f"unit_{section}", unit(drives), "cornerHBT", models, nodes, section=section, end=end)
    wave = dict(zip(nodes, waves, strict=True))
    at = np.round((np.arange(CASES) + 0.9) * HOLD / end * (waves.shape[1] - 1)).astype(int)
    found = [(wave[f"{o}n"] - wave[f"{o}p"])[at] / load / TAIL for o, load in (("n", UNIT_LOAD), ("h", 2 * UNIT_LOAD))]
    values = np.stack(found, axis=1)
    fitted = least_squares(lambda words: (of_unit(drives, *words) - values).ravel(), (1.0, 1.0, 1.0)).x
    off = np.abs(of_unit(drives, *fitted) - values).max(axis=0) / fitted[0]
    across = np.array([wave[a] - wave[b] for a, b in ACROSS])
    assert across.min() > LEAST, across.min()
    assert across.max() < MOST, across.max()
    height, follower, slope = fitted
    said = f"tails {height:.3f}, followers {follower:.4f}, slope factor {slope:.4f}"
    seen = f"Vce {across.min():.2f} to {across.max():.2f} V"
    return [
        f"VBIC unit, {SUPPLY} V, {section}",
        f"{said}; c to {off[0]:.1e}, h to {off[1]:.1e}",
        seen,
        f"{seconds:.1f}",
    ]


def run(
    title: str, body: str, library: str, models: Path, nodes: list[str], *, section: str = "hbt_typ", end: float = 1e-6
) -> tuple[float, Floats]:
    """Return the seconds that the circuit `body` takes until `end` (s), and voltages at `nodes` (nodes, points).

    Devices are those of the `section` of the `library`; steps are a hundredth of a microsecond at least.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    deck = PLACE / f"{title}.sim"
    head = HEAD.format(title=title, models=models, library=library, section=section)
    deck.write_text(head + body + TAIL_LINES.format(end=end))
    start = time.perf_counter()
    times, voltages = Vacask().run_deck(deck, nodes)
    even = np.linspace(0.0, end, round(end / 1e-8) + 1)
    waves = np.array([np.interp(even, times, wave) for wave in voltages.T])
    return time.perf_counter() - start, waves


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
    seconds, (p, out) = run("follower", FOLLOWER, "cornerMOSlv", models, ["p", "out"], section="mos_tt")
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
    for section in ("hbt_typ", "hbt_bcs", "hbt_wcs"):
        yield unit_row(section, models)


if __name__ == "__main__":
    wheel = find_spec("ihp")
    given = sys.argv[1] if len(sys.argv) > 1 else Path(wheel.origin).parent / "models" if wheel and wheel.origin else ""
    if not given:
        sys.exit("models must be given or installed, got none: pip install --no-deps ihp-gdsfactory==2.0.0")
    print(conditions())
    print(table(("circuit", "figures", "across transistors", "s"), rows(Path(given).absolute())))
