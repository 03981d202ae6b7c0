"""Writes `constants.md`, the numeric constants of the engines and what each trades: `python docs/make_constants.py`.

Names, values and meanings come from the code, ratios from `constants.json` (`python docs/measure_constants.py`). What
is traded, and whether a constant is safe to touch, stands in `JUDGED`.
"""

import ast
import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import lstm_analog
from lstm_analog.engines.waveform.segment import Tolerance

HERE = Path(__file__).parent
PACKAGE = Path(lstm_analog.__file__).parent
ENGINES = PACKAGE / "engines"
NOISE = 1.3
"""Ratio up to which error and time count as unchanged."""
HEAD = """# The constants of the engines

Every number in capitals in `lstm_analog/engines/`. Names, values and meanings come from the code; a test holds this
page against it (`python docs/make_constants.py`).

*Safe* says what happens if the constant is doubled or halved: **yes**, answers stay within the tolerance and only the
cost moves; **care**, answers or refusals may change, so run the tests of the engines; **no**, it is fixed by something
outside, or answers go wrong without a word.

*Measured* is what was seen with the constant doubled (x 2) and halved (/ 2), as ratios of the error and of the
processor time to the run as it is. `Waveform` and `Settle` ran 10 steps of 3 units on `BEHAVIOURAL`, `OIL` and
`OPAMP_IDEAL` against `Integrate`; `Integrate` ran 2 steps on the first two against `Waveform(rtol=1e-11,
atol=1e-12)`. Of `Waveform` the error is the largest of all efforts at 9 points of each interval, in units of signal;
of the others it is that of h. Errors as it is: {errors}. The tolerance of `Waveform` is 1e-6.

"same" means that no ratio leaves 1 / 1.3 to 1.3: these machines do not exercise the constant, which is no proof that
others do not. A dash: not measured, for it takes no part in a computation (`python docs/measure_constants.py`).

| constant | module | value | meaning | trades | safe | measured |
|---|---|---|---|---|---|---|
"""
SPEED, MEMORY, ACCURACY, ROBUST, LIMIT = "speed", "memory and speed", "accuracy and speed", "robustness", "a limit"
JUDGED = {
    "portions.py:_SHOWN": (LIMIT, "yes: the length of a warning"),
    "base.py:_BEHIND": (ACCURACY, "care: kept points lie elsewhere; much smaller, rounding hides the jump"),
    "base.py:_MOST_POINTS": (LIMIT, "yes: what is refused"),
    "base.py:_YEAR": (LIMIT, "yes: what is refused"),
    "events.py:_TOGETHER": (ACCURACY, "yes: thresholds so close are of parts that are alike"),
    "events.py:_LOOKS": (ACCURACY, "yes: a peak between looks is found by parabolas"),
    "events.py:_ROWS": (SPEED, "yes"),
    "events.py:_ROUNDS": (LIMIT, "yes: what is refused"),
    "external.py:MOST_OUTPUT": (MEMORY, "yes: the length of a message"),
    "external.py:_CHUNK": (SPEED, "yes"),
    "external.py:_NO_PROGRAM": ("nothing", "no: the code is POSIX's"),
    "external.py:_MISSED": (LIMIT, "yes: simulators end on the last digit, or early"),
    "integrate.py:_STIFF": (SPEED, "yes: the method near the threshold"),
    "integrate.py:_STABLE": (ACCURACY, "care: doubled it passes the limit of stability, 6"),
    "integrate.py:_SMALL": (SPEED, "yes: the method near the threshold"),
    "integrate.py:_INSTANT": (LIMIT, "yes: what is refused as chatter"),
    "integrate.py:_EXTREME": (ROBUST, "yes: the range to 1e18 is wide"),
    "integrate.py:_LEAST": (LIMIT, "no: the number is scipy's"),
    "native/encoding_arrays.py:WORDS": ("nothing", "no: the kernel has it too"),
    "native/encoding_arrays.py:_VECTOR": ("nothing", "no: the kernel has it too"),
    "native/encoding_arrays.py:CURSOR": ("nothing", "no: the kernel has it too"),
    "native/encoding_arrays.py:FIRST_OPERAND": ("nothing", "no: the kernel has it too"),
    "native/encoding_arrays.py:OPERAND_WORDS": ("nothing", "no: the kernel has it too"),
    "native/encoding_arrays.py:_OUTER": ("nothing", "no: the kernel has it too"),
    "native/library.py:_SECONDS": (LIMIT, "yes: what is given up"),
    "native/encoding_arrays.py:ELEMENTWISE": ("nothing", "no: the kernel has it too"),
    "native/grouping.py:TOGETHER": ("nothing", "no: the kernel has it too"),
    "native/grouping.py:_LEAST": (SPEED, "yes"),
    "native/grouping.py:_MOST": (SPEED, "yes"),
    "native/encoding_arrays.py:_RUNS": (SPEED, "yes"),
    "native/grouping.py:_AXES": ("nothing", "no: the kernel has it too"),
    "native/grouping.py:FUSED": ("nothing", "no: the kernel has it too"),
    "native/grouping.py:_VECTORS": (SPEED, "yes"),
    "native/grouping.py:_OPERANDS": ("nothing", "no: the kernel has it too"),
    "native/programs.py:WORTH": (SPEED, "yes"),
    "native/programs.py:ROWS": (SPEED, "yes: how soon an interrupt is noticed"),
    "operating.py:_GROWTH": ("robustness and speed", "yes: the number of steps to the operating point"),
    "operating.py:_RATIO": (ACCURACY, "care: smaller, slow modes are not yet at rest at the start"),
    "operating.py:_STEPS": (ROBUST, "yes, upwards; halved, hard operating points are refused"),
    "operating.py:_FAR": ("robustness and speed", "yes: the number of steps to the operating point"),
    "operating.py:_CURVED": ("speed and robustness", "yes, below 1"),
    "operating.py:_REST": (ACCURACY, "care: smaller, rounding keeps some operating points from rest"),
    "native/encoding_solving.py:_LARGEST": (SPEED, "care, upwards: the kernel takes their square from the stack"),
    "noise/linear.py:MOST_STORAGES": (LIMIT, "yes: what is refused"),
    "noise/noisy_transient.py:_LOOSE": (ACCURACY, "care: steps that are rejected draw other numbers"),
    "noise/noisy_transient.py:_SAME": (SPEED, "yes: sources that hardly change count as constant"),
    "noise/spectra.py:_ITERATIONS": (ROBUST, "yes, upwards; with 100 the cell of SKY130 has no operating point"),
    "noise/spectra.py:_CHOKE": (ROBUST, "care: the noise that is cut off lies below its resonance, 4 Hz"),
    "noise/linear.py:_SAME": (ACCURACY, "yes: intervals are far longer"),
    "noise/pieces.py:_CHANGE": (ACCURACY, "care: 0.2 costs 0.6 % of sigma in `OPAMP_BENCH`, 0.08 % as it is"),
    "noise/pieces.py:_SHORT": (ACCURACY, "care: it goes with the number of terms"),
    "noise/pieces.py:_TERMS": (ACCURACY, "yes, upwards; it goes with the short time"),
    "portions.py:_EFFORTS": (SPEED, "yes: portions estimate their errors alone, answers move within the tolerance"),
    "portions.py:_LEAST": (SPEED, "yes, as `_EFFORTS`"),
    "portions.py:_WORK": (SPEED, "yes, as `_EFFORTS`"),
    "portions.py:_MOST_THREADS": (LIMIT, "yes: what is refused"),
    "record.py:_STREAMED": (SPEED, "yes: the same numbers are written"),
    "raw.py:_HEADER": (LIMIT, "yes: what is refused"),
    "rumoca.py:_MISSING": ("nothing", "no: any other code below 126 that rumoca does not use would do"),
    "rumoca.py:_SAME": (ACCURACY, "yes: intervals are far longer"),
    "phase/strength.py:_NO_MARGIN": (
        ACCURACY,
        "care: larger, a weak tie to others is lost; smaller, rounding passes for one",
    ),
    "phase/strength.py:_TIED": (
        ACCURACY,
        "care: larger, what feeds both sides of a switch may count as negligible; smaller, more is kept",
    ),
    "phase/strength.py:_BALANCED": (
        ACCURACY,
        "care: larger, a small leak is lost; smaller, rounding closes loops",
    ),
    "sensitivity/instructions.py:_NEAR": (ACCURACY, "care: larger, an interval over time passes for one at rest"),
    "sensitivity/linearised.py:_SMALL": (ACCURACY, "no: terms of the series go with it"),
    "sensitivity/reverse.py:_MOST_NUMBERS": (MEMORY, "yes"),
    "settle/binding.py:_SAME": (ACCURACY, "care: larger, a small divider passes for a copy"),
    "settle/stages.py:_LARGEST_CONTROL": (LIMIT, "yes: openings beyond it no longer differ"),
    "settle/stages.py:_POINTS": (SPEED, "yes: the least opening found is a percent above the true one"),
    "settle/phase.py:_NEGLIGIBLE": (
        ACCURACY,
        "care: larger, leaks are lost; smaller, open switches close loops",
    ),
    "settle/phase.py:_SINGULAR": (LIMIT, "no: it is the rounding of a factorisation"),
    "settle/phase.py:_SHORT": (SPEED, "yes"),
    "settle/phase.py:_WEAK": (SPEED, "yes: the loop is solved as one or swept"),
    "settle/phase.py:_WEAK_IN_LARGE": (SPEED, "care: what counts as a leak, so which loops are refused"),
    "settle/program.py:AT_REST": (ACCURACY, "yes: what a pause may leave unseen, in units of signal"),
    "settle/program.py:_FARTHEST": (ACCURACY, "care: signals beyond it leave more than `AT_REST`"),
    "settle/stages.py:EFFORTS": ("nothing", "no: a number by which two modules agree"),
    "settle/stages.py:OWN": ("nothing", "no: a number by which two modules agree"),
    "settle/run.py:_TOLERANCE": (ACCURACY, "yes"),
    "settle/run.py:_GROWN": (LIMIT, "yes: what is refused"),
    "settle/solving.py:_TOLERANCE": (ACCURACY, "care: below about 1e-14 rounding keeps the last step larger"),
    "settle/phase.py:_REMEMBERED": (MEMORY, "yes"),
    "settle/program.py:_ALIKE": (ACCURACY, "yes, far below 1: only where durations differ a little, by jitter"),
    "settle/program.py:_PLANS": (MEMORY, "yes"),
    "settle/program.py:_REMEMBERED": (MEMORY, "yes"),
    "stage.py:_NEWTON_STEPS": (ROBUST, "yes, upwards"),
    "stage.py:_NEWTON_TOLERANCE": (ACCURACY, "care: halved it comes near the rounding of large efforts"),
    "stage.py:_HALVINGS": (ROBUST, "yes"),
    "stage.py:_FALL": (ROBUST, "yes, below 0.5"),
    "stage.py:_ROUNDING": (ROBUST, "yes"),
    "stage.py:_COLUMNS": (MEMORY, "yes"),
    "stage.py:_SHAPES": (MEMORY, "yes"),
    "stage.py:_ROOM": (MEMORY, "yes"),
    "pattern.py:_SMALL": (SPEED, "yes"),
    "waveform/estimate.py:_KINK_DEGREE": (ACCURACY, "care: larger, kinks are missed; smaller, all is doubted"),
    "waveform/estimate.py:_KINK_FALL": (ACCURACY, "care: below 8 kinks are missed"),
    "waveform/estimate.py:_KINK_ERROR": (ACCURACY, "yes, upwards"),
    "waveform/estimate.py:_NEGLIGIBLE": (ACCURACY, "yes, far below 1: the error is not looked at"),
    "waveform/estimate.py:_ROUNDING": (ACCURACY, "care: of single precision only; too small refines for ever"),
    "waveform/build.py:_KNOWN_DEGREE": (ACCURACY, "yes, upwards; known bases are worked out once"),
    "waveform/build.py:_SPARED_SHARE": (ACCURACY, "yes, while it and the shares of guesses and iterations are below 1"),
    "waveform/build.py:_SPARED_GUESS": (SPEED, "yes, below 1: guesses are judged"),
    "waveform/build.py:_PART": (SPEED, "yes"),
    "waveform/engine.py:_FINER": (ACCURACY, "yes, upwards"),
    "waveform/engine.py:_TIGHTEST_SINGLE": (LIMIT, "yes, upwards; below it rounding decides"),
    "waveform/engine.py:_TIGHTEST": (LIMIT, "yes, upwards; below it segments are split without end"),
    "waveform/chebyshev.py:_SAME": (ACCURACY, "care: components are given the response of one of them"),
    "waveform/iteration.py:_ITERATIONS": (ROBUST, "yes, upwards; too few, and segments are split"),
    "waveform/iteration.py:_SLOW": (SPEED, "yes, well below `_SLOWEST`"),
    "waveform/iteration.py:_SLOW_ALONE": (SPEED, "yes, well below `_SLOWEST`"),
    "waveform/iteration.py:_FASTEST": (ACCURACY, "yes, upwards; smaller, what falls slowly may be left"),
    "waveform/iteration.py:_SLOWEST": (
        ROBUST,
        "no: above 1 it accepts what has not converged; smaller is too trusting",
    ),
    "waveform/iteration.py:_OVERSHOOT": (ROBUST, "care: from 1 on steps may swing for ever"),
    "waveform/continuation.py:_STEPS": (ROBUST, "yes, upwards; too few, and hard loops are refused"),
    "waveform/continuation.py:_LAST_STEP": (ACCURACY, "care: below about 1e-14 rounding keeps the last step larger"),
    "waveform/continuation.py:_RATIO": ("speed and robustness", "yes"),
    "waveform/continuation.py:_NO_DRAG": (ACCURACY, "care: it is the least and, inverted, the largest drag"),
    "waveform/continuation.py:_CURVED": ("speed and robustness", "yes, below 1"),
    "waveform/linearised.py:_CACHED": (MEMORY, "yes"),
    "waveform/partition.py:_GATED_SHARE": (ACCURACY, "care: errors of a gated leak stay in the cell"),
    "waveform/segment.py:SWEEPS": (ROBUST, "yes, upwards; too few, and segments are split"),
    "waveform/segment.py:NEWTON_SHARE": (ACCURACY, "yes, while the three shares add up to less than 1"),
    "waveform/segment.py:SWEEP_SHARE": (ACCURACY, "yes, while the three shares add up to less than 1"),
    "phase/structure.py:WEAK": (SPEED, "care: much larger, sweeps converge slowly or not at all"),
    "phase/structure.py:LARGEST": ("speed and memory", "care: halved, more networks are left to `Integrate`"),
    "phase/structure.py:_LARGEST_WHOLE": (SPEED, "yes: weak edges between junctions are swept or solved as one"),
    "waveform/state.py:_TRUSTED": (ACCURACY, "yes, while it is below the tolerance, 20 slacks"),
    "waveform/workspace.py:DROPPED": (ACCURACY, "care: many small effects add up; each may cost so much"),
    "waveform/workspace.py:_REST_TOLERANCE": (ACCURACY, "yes, upwards; halved it is rounding"),
    "waveform/workspace.py:_ONE_PIECE": (SPEED, "yes: pieces adapt"),
    "waveform/workspace.py:_FIRST_PIECE": (SPEED, "yes: pieces adapt"),
    "waveform/workspace.py:_PIECE_GROWTH": (SPEED, "yes: pieces adapt"),
    "waveform/guesses.py:_WRONG": (ACCURACY, "yes: what is counted as wrong is limited"),
    "waveform/guesses.py:_EACH": (ACCURACY, "care: an error between may be missed"),
    "waveform/pieces.py:_FAST_POLE": (ACCURACY, "care: the error estimate is tuned to it"),
    "waveform/pieces.py:_SLOW_POLE": (ACCURACY, "care: the error estimate is tuned to it"),
    "waveform/pieces.py:_LEAST_RATE": (ROBUST, "yes"),
    "waveform/pieces.py:_SPLIT": (SPEED, "yes, below 1: pieces adapt"),
    "waveform/pieces.py:_SHORTEST": (LIMIT, "yes: what is given up"),
    "waveform/pieces.py:_RESOLVED": (ACCURACY, "yes: the error is estimated and the piece refined"),
    "waveform/pieces.py:_LEAST_DEGREE": (ACCURACY, "no, downwards: the estimate fails where a mode rings"),
    "waveform/pieces.py:_LEAST_CALM_DEGREE": (ACCURACY, "no, downwards: fewer coefficients tell no error"),
    "waveform/pieces.py:_LARGEST_DEGREE": (SPEED, "care: halved, pieces are short and their errors add up"),
    "waveform/pieces.py:_SPLIT_DEGREE": (SPEED, "yes: pieces adapt"),
    "waveform/pieces.py:_PROBE_DEGREE": (ACCURACY, "care: it must resolve the fastest transient of one piece"),
    "waveform/pieces.py:_GUESS_DEGREE": (SPEED, "yes"),
    "waveform/pieces.py:_HARMONIC": (SPEED, "yes: the error is estimated and the piece refined"),
    "waveform/pieces.py:_FALL": (SPEED, "yes: pieces adapt"),
    "waveform/pieces.py:_LARGEST_ERROR": (SPEED, "yes"),
    "lending.py:_SPARE": (MEMORY, "yes"),
}
"""What each constant trades, and whether it is safe to touch: yes, care or no, and what moves."""


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant of the engines: its `module` below `engines`, its `name`, `value` and docstring, on one line."""

    module: str
    name: str
    value: object
    docstring: str

    @property
    def key(self) -> str:
        """Module and name, as in `JUDGED`."""
        return f"{self.module}:{self.name}"

    @property
    def meaning(self) -> str:
        """The first sentence of the docstring."""
        return re.split(r"(?<=[.])\s", self.docstring)[0]


def main() -> None:
    """Write the page."""
    (HERE / "constants.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    seen = json.loads((HERE / "constants.json").read_text(encoding="utf-8"))
    head = HEAD.format(errors="; ".join(as_is(engine, errors) for engine, errors in seen["as is"].items()))
    return head + "".join(row(constant, seen.get(constant.key)) for constant in constants())


def as_is(engine: str, errors: dict[str, float]) -> str:
    """Return the `errors` of an `engine` by machine, in words."""
    return f"`{engine}` " + ", ".join(f"{error:.1e} (`{machine}`)" for machine, error in errors.items())


def row(constant: Constant, seen: dict[str, dict[str, list[float] | str]] | None) -> str:
    """Return the row of a `constant` with what was `seen` of it."""
    trades, safe = JUDGED[constant.key]
    answer = re.sub(r"^(yes|care|no)\b", r"**\1**", safe)
    cells = [
        f"`{constant.name}`",
        f"`engines/{constant.module}`",
        shown(constant.value),
        constant.meaning,
        trades,
        answer,
    ]
    return f"| {' | '.join([*cells, measured(seen)])} |\n"


def shown(value: object) -> str:
    """Return a `value` as it stands on the page."""
    if isinstance(value, range):
        return f"{value.start} to {value.stop - 1}"
    if isinstance(value, Tolerance):
        return f"rtol {value.rtol:g}, atol {value.atol:g}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def measured(seen: dict[str, dict[str, list[float] | str]] | None) -> str:
    """Return what was `seen` with a constant doubled and halved, in words."""
    if seen is None:
        return "-"
    moved = [
        f"{'x 2' if change == 'doubled' else '/ 2'}, `{machine}`: {ratios(found)}"
        for change, machines in seen.items()
        for machine, found in machines.items()
        if ratios(found)
    ]
    return "; ".join(moved) or "same"


def ratios(found: list[float] | str) -> str:
    """Return what left the noise of the ratios `found` of error and time, or what went wrong."""
    if isinstance(found, str):
        return found
    both = dict(zip(("error", "time"), found, strict=True))
    return ", ".join(f"{name} {ratio:g}" for name, ratio in both.items() if not 1 / NOISE <= ratio <= NOISE)


def constants() -> tuple[Constant, ...]:
    """Return the numeric constants of the engines, by module and line."""
    return tuple(constant for file in sorted(ENGINES.rglob("*.py")) for constant in of_module(file))


def of_module(file: Path) -> list[Constant]:
    """Return the numeric constants in `file`, in capitals at the left margin, each with the text that follows it."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    module = importlib.import_module(".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts))
    found = []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in re.findall(r"\w+", " ".join(map(ast.unparse, targets))):
            value = getattr(module, name)
            if name.isupper() and is_numeric(value):
                said = " ".join(following.value.value.split()) if is_text(following) else ""
                found.append(
                    Constant(module=file.relative_to(ENGINES).as_posix(), name=name, value=value, docstring=said)
                )
    return found


def is_text(node: ast.stmt | None) -> bool:
    """Return whether `node` is a text that stands alone, as a docstring does."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def is_numeric(value: object) -> bool:
    """Return whether `value` is a number, a range or a tolerance."""
    return isinstance(value, int | float | range | Tolerance) and not isinstance(value, bool)


if __name__ == "__main__":
    main()
