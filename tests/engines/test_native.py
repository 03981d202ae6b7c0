"""The kernel against numpy: functions to 4 units in the last place, calls of every form, whole runs."""

import re
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform
from lstm_analog.engines.native import (
    KernelProgram,
    ProgramBuilder,
    Unsolved,
    compiled,
    encoding_arrays,
    executed,
    grouping,
    joined,
    library,
)
from lstm_analog.engines.native.calls import Positive, Unless, following, largest, next_coefficients
from lstm_analog.engines.native.grouping import merged
from lstm_analog.expressions import Refresh, add_at, advance, put, where_less
from lstm_analog.imperfections import ProgrammingError, Streams

TYPES = (np.float64, np.float32)
TWO = ("add", "subtract", "multiply", "divide", "minimum", "maximum", "heaviside")
ONE = ("tanh", "exp", "absolute", "negative", "sign")
BEHAVIOURAL = la.electrical.BEHAVIOURAL


@pytest.fixture
def without(monkeypatch):
    """Leave all work to numpy while the test runs."""
    monkeypatch.setenv(library.SWITCH, "0")


def test_there_is_a_kernel():
    assert library.is_available()


def test_python_and_the_kernel_number_alike():
    """Operations, their words and their bits stand in both; what the words are the tests of the operations hold."""
    text = next(path for path in library.SOURCES if path.name == "operations.inc").read_text()
    listed = re.findall(r"\w+(?: = \w+)?(?=,|\s*\})", re.search(r"enum operation (\{.*?\})", text, re.DOTALL)[1])
    names = [name for name in listed if "=" not in name]
    assert names == [name.upper().replace(" ", "_") for name in encoding_arrays.NUMBER]
    assert listed.index("LAST_ELEMENTWISE = LESS") == encoding_arrays.ELEMENTWISE
    for name, value in (
        ("WORDS", encoding_arrays.WORDS),
        ("CURSOR", encoding_arrays.CURSOR),
        ("TOGETHER", grouping.TOGETHER),
        ("FUSED", grouping.FUSED),
    ):
        assert int(re.search(rf"\b{name} = (\d+)", text)[1]) == value
    words = re.search(r"struct elementwise \{ word (.*?); struct operand operand\[5\]", text)[1].split(", ")
    operand = re.search(r"struct operand \{ address at; word (.*?); \}", text)[1].split(", ")
    assert (len(words), 1 + len(operand)) == (encoding_arrays.FIRST_OPERAND, encoding_arrays.OPERAND_WORDS)
    assert [words[k] for k in grouping._INNER_FIRST] == ["n", "rows", "laps", "planes"]
    assert [operand[k - 1] for k in grouping._STEPS] == ["step", "row", "lap", "plane"]


@pytest.mark.parametrize("target", ["x86_64_v3", "x86_64_v4"])
def test_the_kernel_compiles_without_warnings(target, tmp_path):
    """With AVX-512 and without."""
    wary = ("-Wall", "-Wextra", "-Werror", "-target", "x86_64-linux-musl", f"-march={target}", "-c", "-o", "kernel.o")
    command = [sys.executable, "-m", library.COMPILER, "cc", *wary, str(library.SOURCES[0])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("function", "given"),
    [
        (
            np.tanh,
            np.concatenate([np.linspace(-25, 25, 9999), [0.0, -0.0, np.inf, -np.inf], 10.0 ** np.arange(-30, 2)]),
        ),
        (np.exp, np.linspace(-85, 88, 9999)),
        (np.exp, np.linspace(-1, 1, 9999)),
        (np.log1p, np.concatenate([np.linspace(-0.999, 30, 9999), 10.0 ** np.arange(-30, 30)])),
        (np.sqrt, np.linspace(0, 30, 999)),
    ],
)
def test_functions_are_within_four_units_in_the_last_place(function, given, kind):
    """Held against numpy in long doubles, which shares no code with the kernel."""
    x = given.astype(kind)
    out = np.empty_like(x)
    run(partial(function, x, out))
    exact = function(x.astype(np.longdouble))
    finite = np.isfinite(x)
    units = np.abs(out - exact)[finite] / np.spacing(np.abs(exact[finite]).astype(kind))
    assert units.max() <= 4.0
    np.testing.assert_array_equal(out[~finite], exact[~finite])


@pytest.mark.parametrize(
    ("function", "at", "found"), [(np.exp, [710.0, -800.0], [np.inf, 0.0]), (np.log1p, [-1.0], [-np.inf])]
)
def test_functions_where_they_end(function, at, found):
    out = np.empty(len(at))
    run(partial(function, np.array(at), out))
    np.testing.assert_array_equal(out, found)


@pytest.mark.parametrize("name", [*TWO[:-1], *ONE])
def test_no_number_stays_none(name):
    x, out = np.array([np.nan, 1.0]), np.zeros(2)
    args = (x, np.ones(2)) if name in TWO else (x,)
    run(partial(getattr(np, name), *args, out=out))
    assert np.isnan(out[0])
    assert np.isfinite(out[1])


def run(call):
    """Make `call` by the kernel, which must be able to."""
    (program,) = compiled([call])
    assert isinstance(program, KernelProgram), call
    program()


def array(rng, shape, kind):
    """Return random numbers, often a part of a larger array, so that axes do not lie side by side."""
    wide = [size * (1 + (rng.random() < 0.3)) for size in shape]
    whole = rng.normal(size=wide).astype(kind)
    return whole[tuple(slice(0, size) if rng.random() < 0.5 else slice(-size, None) for size in shape)]


def operand(rng, shape, kind):
    """Return a number or an array that broadcasts to `shape`."""
    kept = tuple(1 if rng.random() < 0.3 else size for size in shape[rng.integers(0, len(shape) + 1) :])
    return array(rng, kept, kind) if kept and rng.random() < 0.8 else float(rng.normal())


def same(call, out, floor=1e-3):
    """Check that the kernel writes to `out` what numpy does; numbers below `floor` may be as wrong as that is."""
    before = out.copy()
    call()
    expected = out.copy()
    out[...] = before
    run(call)
    near = 1e-13 if out.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(out, expected, rtol=near, atol=floor * near, err_msg=repr(call.func))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(25))
def test_every_form_of_call_does_what_numpy_does(seed, kind):
    """Broadcast operands, numbers, parts of arrays, axes in any order, lengths beyond a block of the kernel."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)).tolist())
    if seed % 5 == 0:
        shape = (*shape[:-1], 1300)
    out = array(rng, shape, kind)
    for name in TWO:
        same(partial(getattr(np, name), operand(rng, shape, kind), operand(rng, shape, kind), out=out), out)
    for name in ONE:
        same(partial(getattr(np, name), operand(rng, shape, kind), out), out)
    same(partial(where_less, *(operand(rng, shape, kind) for _ in range(4)), out), out)
    same(partial(np.copyto, out, operand(rng, shape, kind)), out)
    same(partial(np.add, out, out, out), out)
    axis = -2 if len(shape) > 1 and seed % 2 else -1
    wide = list(shape)
    wide[axis] += 3
    whole, places = array(rng, wide, kind), rng.permutation(wide[axis])[: shape[axis]]
    if len(shape) + axis <= 2:
        same(partial(np.take, whole, places, axis, out, "clip"), out)
        same(partial(put, whole, places, axis, out), whole)
        same(partial(add_at, whole, places, axis, out), whole)


def chain(rng, views, count):
    """Return calls that work on `views` of one shape, on numbers and rows; often a tanh of a multiple plus a number."""

    def other(view):  # a view, mostly this one; what overlaps numpy would copy
        found = views[rng.integers(0, len(views))]
        return view if rng.random() < 0.7 or np.shares_memory(view, found) else found

    calls = []
    while len(calls) < count:
        out = views[rng.integers(0, len(views))]
        first, second, third = rng.permutation(3).tolist()
        row, scale, shift = rng.normal(size=out.shape[-1]).astype(out.dtype), rng.normal(), rng.normal()
        drawn = ((other(out), scale), (scale, other(out)), (other(out), row), (other(out), other(out)))
        calls.append(partial((np.multiply, np.add, np.maximum)[first % 2], *drawn[rng.integers(0, 4)], out=out))
        calls.append(partial(np.tanh, other(out), out))
        moved = other(out)
        kept = out if rng.random() < 0.5 else other(moved)
        sides = (shift, kept) if third else (kept, shift)
        calls.append(partial((np.add, np.subtract)[second % 2], *sides, out=moved))
    return calls


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(30))
def test_operations_that_go_together_do_what_they_do_one_by_one(seed, kind):
    """Chains on parts of arrays, some of which overlap: axes that differ, more than a block, tanh in one pass."""
    rng = np.random.default_rng(seed)
    points, batch, units = ((72, 1, 64), (19, 3, 50), (60, 2, 48))[seed % 3]
    wide = rng.normal(size=(points + 1, batch, 3 * units)).astype(kind)
    arrays = [wide, *(rng.normal(size=(points, batch, units)).astype(kind) for _ in range(3))]
    views = [wide[:-1, :, :units], wide[1:, :, :units], wide[1:, :, units : 2 * units], *arrays[1:]]
    calls = chain(rng, views, 60)
    before = [each.copy() for each in arrays]
    (program,) = compiled(calls)
    program()
    found = [each.copy() for each in arrays]
    for each, start in zip(arrays, before, strict=True):
        each[...] = start
    for call in calls:
        call()
    assert (program.words[:, 1] >> 8).any()
    near = 1e-12 if kind == np.float64 else 1e-4
    for each, expected in zip(found, arrays, strict=True):
        np.testing.assert_allclose(each, expected, rtol=near, atol=near)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", range(40))
def test_products_of_matrices_in_any_layout(seed, kind):
    rng = np.random.default_rng(seed)
    (rows, depth), columns = rng.integers(1, 9, 2), rng.integers(1, 40)
    lead = (int(rng.integers(1, 4)),) * (seed % 2)
    left, right = rng.normal(size=(*lead, rows, depth)), rng.normal(size=(*lead, depth, columns))
    if rng.random() < 0.5:
        left = np.swapaxes(np.ascontiguousarray(np.swapaxes(left, -1, -2)), -1, -2)
    if rng.random() < 0.5:
        right = np.swapaxes(np.ascontiguousarray(np.swapaxes(right, -1, -2)), -1, -2)
    out = np.zeros((*lead, rows, columns), kind)
    same(partial(np.matmul, left.astype(kind), right.astype(kind), out), out, floor=1.0)


@pytest.mark.parametrize("depth", [16, 33])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_products_of_few_rows_with_rows_of_a_matrix(depth, kind):
    rng = np.random.default_rng(depth)
    for rows in (1, 2, 3, 4, 7, 8, 9, 10, 12, 17, 33):
        left, matrix = rng.normal(size=(rows, depth)).astype(kind), rng.normal(size=(50, depth + 3)).astype(kind)
        out = np.zeros((rows, 50), kind)
        same(partial(np.matmul, left, matrix[:, :depth].T, out), out, floor=1.0)


def test_copies_alike_and_equally_far_apart_are_one():
    source, out = np.random.default_rng(0).normal(size=(9, 8)), np.zeros((4, 3))
    calls = [partial(np.copyto, out[k], source[2 * k, 1:4]) for k in range(4)]
    (one,) = merged(calls)
    one()
    np.testing.assert_array_equal(out, source[:8:2, 1:4])
    uneven = [calls[0], partial(np.copyto, out[1], source[1, 1:4]), calls[3]]
    assert [len(merged(some)) for some in ([*calls, partial(np.tanh, out, out), calls[0]], uneven)] == [3, 2]
    shifting = [partial(np.copyto, source[k + 1], source[k]) for k in range(4)]
    expected = np.repeat(source[:1], 5, axis=0)
    for call in merged(shifting):  # each reads what the one before wrote
        call()
    np.testing.assert_array_equal(source[:5], expected)


def test_what_the_kernel_cannot_do_stays_a_call():
    """Other functions, other types, and what it would read wrongly; calls around it become programs."""
    x, whole, out = np.ones(3), np.arange(3), np.zeros(3)
    stays = (
        lambda: None,
        partial(np.cbrt, x, out),
        partial(np.add, whole, whole, whole),
        partial(np.add, x, whole, out),
    )
    for call in stays:
        assert compiled([call]) == (call,)
    found = compiled([partial(np.add, x, x, out), stays[1], partial(np.add, x, out, out), partial(np.add, x, out, out)])
    assert [isinstance(each, KernelProgram) for each in found] == [True, False, True]
    for each in found:
        each()
    np.testing.assert_array_equal(out, [3.0] * 3)


def test_places_beyond_an_array_are_left_to_numpy():
    """The kernel would read and write what lies behind it."""
    whole, part, beyond = np.arange(4.0), np.zeros(2), np.array([1, 4])
    for call in (partial(np.take, whole, beyond, -1, part, "clip"), partial(put, whole, beyond, -1, part)):
        assert compiled([call]) == (call,)


def test_an_array_of_one_number_is_read_when_the_call_is_made():
    number, out = np.array(2.0), np.zeros(3)
    (program,) = compiled([partial(np.multiply, np.ones(3), number, out)])
    number[()] = 5.0
    program()
    np.testing.assert_array_equal(out, 5.0)


def test_a_product_is_refreshed_only_where_its_version_is_old():
    stamp, stamps, total = np.full(1, -1), np.arange(3), np.zeros(2)
    (refresh,) = compiled([Refresh(stamp=stamp, version=stamps[1:2], calls=(partial(np.add, total, 1.0, total),))])
    refresh()
    refresh()
    np.testing.assert_array_equal(total, 1.0)
    run(partial(advance, stamps, np.array([1, 2])))
    np.testing.assert_array_equal(stamps, [0, 2, 3])
    refresh()
    np.testing.assert_array_equal(total, 2.0)


@pytest.mark.parametrize("seed", range(20))
def test_estimates_of_errors_are_the_same(seed):
    rng, count = np.random.default_rng(seed), 2 + seed % 5
    rows = 10.0 ** -np.sort(rng.uniform(0, 9, count))[:, None] * rng.normal(size=(count, 17))
    if seed == 3:
        rows[-1, 5] = np.nan
    rows[:, seed % 6 == 5] = 0.0
    for scale in (np.ones(1), rng.uniform(1, 2, 17)):
        both = []
        for make in (lambda calls: calls, compiled):
            sizes, value = np.empty(count), np.empty(1)
            again = Unless(value=value, limit=1e-3, calls=(partial(np.multiply, value, 7.0, value),))
            for call in make([partial(largest, sizes, rows, scale), partial(following, value, sizes), again]):
                call()
            both.append((sizes, value))
        for one, other in zip(*both, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-14)


def test_a_program_repeats_and_stops():
    """Until a value is small enough, or too often; what follows is not executed then."""
    value, after = np.full(1, 1.0), np.zeros(1)
    builder = ProgramBuilder()
    builder.repeat_above(value, 0.1, 30, [partial(np.multiply, value, 0.5, value)])
    builder.stop_above(value, 0.08)
    builder.add([partial(np.add, after, 1.0, after)])
    program = builder.program()
    for start, limit, ended in ((0.7, 0.0875, 0.0), (1.0, 0.0625, 1.0), (1e12, 1e12 * 0.5**30, 0.0)):
        value[0], after[0] = start, 0.0
        with nullcontext() if ended else pytest.raises(Unsolved):
            program()
        np.testing.assert_allclose(value, limit)
        assert after[0] == ended


def test_a_builder_has_no_program_of_what_the_kernel_cannot_do():
    """Axes that cannot be one, and numbers of another type; that was an error where the program was made."""
    room, efforts, cursor = np.zeros((2, 3, 9)), np.zeros((2, 3, 4)), np.zeros(1, np.int64)
    recording, copying = ProgramBuilder(), ProgramBuilder()
    recording.record(room[..., :4], efforts, np.arange(4), cursor, np.zeros(1, np.int64), streamed=False)
    assert recording.program() is not None
    recording.record(room[:, :2, :4], efforts[:, :2], np.arange(4), cursor, np.zeros(1, np.int64), streamed=False)
    assert recording.program() is None
    copying.copy(np.zeros(3, np.float16), np.zeros(3, np.float16), cursor, 1)
    assert copying.program() is None


def test_programs_of_programs_do_not_skip_what_stops():
    """What one of them refuses is not taken for the reason why another operation of it stopped."""
    held, value, after = np.ones(2), np.full(1, 2.0), np.zeros(1)
    builder = ProgramBuilder()
    builder.add([Positive(values=held, refusal=lambda least: ArithmeticError(f"{least}"))])
    builder.stop_above(value, 1.0)
    both = joined([builder.program(), *compiled([partial(np.add, after, 1.0, after)])])
    with pytest.raises(Unsolved):
        both()
    assert after[0] == 0.0
    none = np.empty((1, 0), np.int64)
    assert executed([both], np.zeros(1, np.int64), none, np.zeros(0, np.int64)) == 0
    held[1] = 0.0
    with pytest.raises(ArithmeticError, match=r"^0\.0$"):
        executed([both], np.zeros(1, np.int64), none, np.zeros(0, np.int64))


def test_estimates_of_any_number_of_sizes_that_lie_anyhow():
    rng = np.random.default_rng(0)
    rows, value, wide = np.exp(-np.arange(40.0))[:, None] * rng.normal(size=(40, 3)), np.empty(1), np.empty((40, 2))
    for call in compiled([partial(largest, wide[:, 0], rows, np.ones(1)), partial(following, value, wide[:, 0])]):
        call()
    np.testing.assert_array_equal(wide[:, 0], np.abs(rows).max(axis=1))
    assert value[0] == pytest.approx(next_coefficients(wide[:, 0].tolist()))
    run(partial(following, value, wide[:, 0].copy()))
    assert value[0] == pytest.approx(next_coefficients(wide[:, 0].tolist()))


def test_programs_of_a_table_find_their_arrays_by_cursors():
    given, taken, state, cursors = np.arange(12.0).reshape(4, 3), np.zeros((4, 3)), np.empty(3), np.zeros(2, np.int64)
    builder = ProgramBuilder()
    builder.copy(state, given[0], cursors[:1], 1)
    builder.copy(taken[0], state, cursors[1:], 0)
    program = joined([builder.program(), *compiled([partial(np.add, state, 1.0, state)])])
    places = np.stack([given.ctypes.data + 24 * np.arange(4), taken.ctypes.data + 24 * np.arange(4)[::-1]], axis=1)
    assert executed([program, None], np.zeros(4, np.int64), places, cursors) == 4
    np.testing.assert_array_equal(taken[::-1], given)
    np.testing.assert_array_equal(state, given[-1] + 1.0)


def lstm(units=5):
    return la.random_lstm(np.random.default_rng(3), 3, units)


SPREAD = ProgrammingError(sigma=0.01)
LEAKY = replace(BEHAVIOURAL, off_conductance=1e-3 / BEHAVIOURAL.copy_resistance)
MACHINES = {
    "behavioural": lambda: la.compile(lstm(), BEHAVIOURAL),
    "leaky": lambda: la.compile(lstm(), LEAKY),
    "plumbing": lambda: la.compile(lstm(3), la.hydraulic.OIL),
    "op-amps": lambda: la.compile(lstm(1), la.electrical.OPAMP),
    "chips": lambda: la.compile(lstm(), BEHAVIOURAL).with_imperfection(SPREAD, Streams(seed=1, chips=3)),
    "short": lambda: la.compile(lstm(), BEHAVIOURAL, settling=3.0),
}


@pytest.mark.parametrize("engine", [Waveform(), Waveform(points=3), Settle()], ids=["ends", "points", "settle"])
@pytest.mark.parametrize("name", MACHINES)
def test_runs_are_the_same_with_and_without(name, engine, request):
    """All nodes; the estimate of the error, too, which decides how pieces are divided."""
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (2, 2 if name == "op-amps" else 6, 3))
    found = []
    for switched in (True, False):
        if not switched:
            request.getfixturevalue("without")
        machine = MACHINES[name]()
        found.append(engine.run(machine.network, machine.schedule(x)))
    fast, slow = found
    scale = machine.network.unknowns.scales()
    near = 1e-13 if name != "op-amps" else 1e-11  # their iterations stop at a tolerance
    np.testing.assert_allclose(fast.efforts / scale, slow.efforts / scale, rtol=near, atol=near)
    np.testing.assert_allclose(fast.error, slow.error, rtol=1e-6)


def test_progress_is_told_of_every_interval():
    machine, told = la.compile(lstm(), BEHAVIOURAL), []
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (1, 6, 3))
    Waveform().run(machine.network, machine.schedule(x), lambda number, count: told.append((number, count)))
    assert [number for number, _ in told] == list(range(1, told[0][1] + 1))


def test_a_run_that_needs_a_finer_grid_goes_on_by_itself(without, monkeypatch):
    """Where the kernel's estimate stops a stretch, the piece is refined, and the stretch begins anew."""
    machine = la.compile(lstm(8), BEHAVIOURAL)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (1, 30, 3))
    x[:, ::7] *= 40.0
    schedule = machine.schedule(x)
    coarse = Waveform(rtol=1e-4, atol=1e-6).run(machine.network, schedule)
    monkeypatch.setenv(library.SWITCH, "1")
    again = la.compile(lstm(8), BEHAVIOURAL)
    fast = Waveform(rtol=1e-4, atol=1e-6).run(again.network, again.schedule(x))
    np.testing.assert_allclose(fast.efforts, coarse.efforts, rtol=1e-12, atol=1e-12)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Let the kernel be looked for in an empty cache."""
    monkeypatch.setattr(library, "_directory", lambda: tmp_path / "lstm_analog")
    library._loaded.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    library._loaded.cache_clear()


def test_the_kernel_is_built_once(fresh, monkeypatch):
    assert library.kernel() is not None
    (built,) = (fresh / "lstm_analog").iterdir()
    library._loaded.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("built again"))
    assert library.kernel() is not None
    assert list((fresh / "lstm_analog").iterdir()) == [built]


def test_without_its_compiler_numpy_does_the_work(fresh, monkeypatch):
    monkeypatch.setattr(library, "COMPILER", "no-such-package")
    calls = [partial(np.add, np.ones(2), 1.0, np.ones(2))]
    assert compiled(calls) == tuple(calls)
    assert not list(fresh.iterdir())


@pytest.mark.parametrize("error", [subprocess.CalledProcessError(1, "cc", stderr="no room"), OSError("no room")])
def test_a_compiler_that_fails_is_said_once(fresh, monkeypatch, error):
    def failing(*_, **__):
        raise error

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.warns(RuntimeWarning, match="no room"):
        assert library.kernel() is None
    assert library.kernel() is None
    assert not list((fresh / "lstm_analog").iterdir())


def test_another_processor_has_its_own_library(fresh, monkeypatch):
    names = []
    for processor in ("one", "other"):
        monkeypatch.setattr(library, "_processor", lambda processor=processor: processor)
        library._loaded.cache_clear()
        assert library.kernel() is not None
        names.append({path.name for path in (fresh / "lstm_analog").iterdir()})
    assert [len(some) for some in names] == [1, 2]
    assert all(one < other for one, other in pairwise(names))


def test_the_kernel_is_compiled_for_the_processor_that_is_named(fresh, monkeypatch):
    commands = []

    def told(command, **_):
        commands.append(command)
        raise OSError("enough")

    monkeypatch.setattr(subprocess, "run", told)
    for target in ("x86_64_v3", None):
        monkeypatch.setenv(library.TARGET, target) if target else monkeypatch.delenv(library.TARGET)
        library._loaded.cache_clear()
        with pytest.warns(RuntimeWarning, match="enough"):
            assert library.kernel() is None
    assert ["-march=x86_64_v3" in command for command in commands] == [True, False]
    assert "-march=native" in commands[1]
