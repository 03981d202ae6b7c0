"""Models in files: which files, their digest, and what decks and runs make of them."""

from dataclasses import replace

import by_hand
import pytest

import lstm_analog as la
from lstm_analog.errors import FileAccessError, FileFormatError, InvalidValueError, UnsupportedError
from lstm_analog.export import DIALECTS, NGSPICE, VACASK, write_spice, write_subcircuit
from lstm_analog.export.accuracy import TRANSISTORS
from lstm_analog.export.interfaces import Interface
from lstm_analog.export.lint import check_dialect
from lstm_analog.network.cells import Cells, Library, Subcircuit, flat
from lstm_analog.network.device_models import ModelDevice, library_files, model_library
from lstm_analog.network.parts import Sources
from lstm_analog.study.digest import network_digest

BINNED = """* two bins of one n-channel model
.lib slow
.include "bins.spice"
.include 'half.spice'
.endl slow
"""
BINS = "".join(
    f".model mn.{number} nmos level=54 version=4.5 vth0={vto} lmin=1u lmax=9u wmin={least}u wmax={most}u\n"
    for number, (vto, least, most) in enumerate(((0.5, 1, 10), (0.7, 10, 100)))
)
HALF = ".param ohms=1k\n.subckt half A m\nr1 a m 'ohms'\nr2 m 0 'ohms'\n.ends half\n"
CELL = Subcircuit(
    name="cell",
    terminals=("a", "m"),
    outputs=("m",),
    cards=("xh a m half m=2", "m1 a a n n mn w=20u l=2u", "r1 n m 1000000000.0"),
)


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "Models_of_mine"
    folder.mkdir()
    for name, text in (("mine.lib", BINNED), ("bins.spice", BINS), ("half.spice", HALF)):
        (folder / name).write_text(text, encoding="ascii")
    return model_library(folder / "mine.lib", "slow")


def network(library, circuit=CELL):
    cells = Cells(
        label="cells",
        device="cell",
        library=Library(
            models=(library,), subcircuits=(circuit,), devices=(ModelDevice(name="half", terminals=("a", "m")),)
        ),
        temperature=27.0,
        pins=[[1], [2]],
    )
    return by_hand.network({"a": 1, "m": 1}, Sources(label="a", nodes=[1], effort=[1.0]), cells)


def schedule():
    return by_hand.schedule([1e-6])


def test_a_library_is_its_files_wherever_they_are(models, tmp_path):
    assert [file.name for file in library_files(models.path)] == ["mine.lib", "bins.spice", "half.spice"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in library_files(models.path):
        (elsewhere / file.name).write_bytes(file.read_bytes())
    moved = model_library(elsewhere / "mine.lib", "slow")
    assert moved == models
    assert moved.path != models.path
    assert network_digest(network(moved)) == network_digest(network(models))
    (elsewhere / "half.spice").write_text(HALF.replace("1k", "2k"), encoding="ascii")
    assert model_library(elsewhere / "mine.lib", "slow") != models
    assert model_library(models.path, "fast").digest == models.digest, "a digest is over all sections"


def test_ngspice_takes_binned_and_subcircuit_devices_from_a_file(models):
    trajectory = la.engines.Ngspice().run(network(models), schedule())
    assert trajectory.efforts[-1, 2] == pytest.approx(0.5, abs=1e-3)


def test_a_deck_names_the_files_and_holds_none_of_their_models(models, tmp_path):
    path = tmp_path / "deck.cir"
    write_spice(path, network(models), schedule(), NGSPICE, TRANSISTORS)
    text = path.read_text(encoding="ascii")
    assert text.count(f'.lib "{models.path}" slow\n') == 1
    assert ".model" not in text
    assert f"*| models {models.digest} slow {models.path}" in text
    read = la.read_spice(path).network
    assert read.equals(network(models), rtol=1e-15)
    assert read.parts[1].library.files[0].path == models.path, "in upper and lower case"


def test_the_section_and_the_digest_of_a_deck_are_those_of_its_statement(models, tmp_path):
    path = tmp_path / "deck.cir"
    write_spice(path, network(models), schedule(), NGSPICE, TRANSISTORS)
    text = path.read_text(encoding="ascii")
    for old, new, error in (
        ('mine.lib" slow', 'mine.lib" fast', "device line must stand as written"),
        (f"models {models.digest}", "models 12", "digest of models must be a SHA-256"),
        (f"slow {models.path}", "slow", "library of cells must give digest, section and path"),
        ("*| device half a m", "*| device quarter a m", "card of cell must call a subcircuit above it"),
    ):
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="ascii")
        with pytest.raises(FileFormatError, match=error):
            la.read_spice(path)


def test_files_that_changed_since_are_refused(models, tmp_path):
    built = network(models)
    folder = tmp_path / "Models_of_mine"
    (folder / "bins.spice").write_text(BINS.replace("0.5", "0.55"), encoding="ascii")
    text = f"must be the files of digest {models.digest[:12]}, got .*: compile and calibrate with the models at hand"
    with pytest.raises(UnsupportedError, match=text):
        la.engines.Ngspice().run(built, schedule())
    (folder / "half.spice").unlink()
    with pytest.raises(FileAccessError, match=r"models '.*half\.spice' must be a file, got .*: give the path"):
        write_spice(tmp_path / "deck.cir", built, schedule(), NGSPICE, TRANSISTORS)
    with pytest.raises(FileAccessError, match="must be a file"):
        model_library(folder / "none.lib", "slow")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_takes_the_statement_or_refuses(models, tmp_path, dialect):
    if dialect.passing.strip():
        text = "devices of models in files must be called without a mark before their values, got .*: write it for ng"
        with pytest.raises(UnsupportedError, match=text):
            write_spice(tmp_path / "deck.cir", network(models), schedule(), dialect, TRANSISTORS)
        return
    write_spice(tmp_path / "deck.cir", network(models), schedule(), dialect, TRANSISTORS)
    assert check_dialect(tmp_path / "deck.cir", dialect) == ()


def test_a_subcircuit_brings_its_statement_and_calls_the_devices_by_their_names(models, tmp_path):
    interface = Interface(name="mine", inputs=(("a", "a"),), outputs=(("m", "m"),))
    write_subcircuit(tmp_path / "mine.cir", network(models), schedule(), NGSPICE, TRANSISTORS, interface)
    text = (tmp_path / "mine.cir").read_text(encoding="ascii")
    assert text.index(".lib") < text.index(".subckt")
    assert "\nxh a m half m=2\n" in text


def test_what_cannot_stand_in_a_deck_is_refused(models):
    for changes, text in (
        ({"path": "/a/b;c"}, "path of models must be ASCII without blanks, quotes, semicolons and dollars"),
        ({"path": "/a\nb"}, "path of models must be"),
        ({"section": "a b"}, "section must be one word in lower case"),
        ({"digest": "12"}, "digest of models must be a SHA-256"),
    ):
        with pytest.raises(InvalidValueError, match=text):
            replace(models, **changes)


def test_devices_come_with_the_file_that_defines_them(models):
    half = ModelDevice(name="half", terminals=("a", "m"))
    with pytest.raises(InvalidValueError, match="devices must come with the library that defines them, got half"):
        Library(models=(), subcircuits=(), devices=(half,))
    library = Library(models=(models,), subcircuits=(CELL,), devices=(half,))
    assert flat(library, "cell") == CELL, "a device stays as it is"
    outer = Subcircuit(name="outer", terminals=("p", "q"), outputs=(), cards=("xc p q cell",))
    cards = flat(replace(library, subcircuits=(CELL, outer)), "outer").cards
    assert cards[0] == "x_xc_xh p q half m=2"
    with pytest.raises(InvalidValueError, match="card of outer must call a subcircuit above it"):
        replace(library, subcircuits=(CELL, replace(outer, cards=("xc p q cell m=2",))))


def test_a_file_that_includes_itself_is_read_once(tmp_path):
    file = tmp_path / "own.lib"
    file.write_text(f'.lib fast\n.include "../{tmp_path.name}/own.lib"\n.endl fast\n', encoding="ascii")
    assert list(library_files(file)) == [file]


def test_a_card_has_all_its_nodes():
    with pytest.raises(
        InvalidValueError, match=r"^cards of subcircuit cell must be .* with all their nodes .*, got 'r1 a'"
    ):
        replace(CELL, cards=("r1 a",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('.include "own.lib"\n', "not include itself, got 'the whole file': take"),
        (".lib fast\n.lib own.lib fast\n.endl\n.lib own.lib fast\n", "not include itself, got 'fast': take"),
        (".include\n", "name what it includes, got '.include': complete"),
    ],
)
def test_files_that_include_themselves_or_nothing_are_refused(models, tmp_path, monkeypatch, text, says):
    """A file may take another section of itself, as those of foundries do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "own.lib").write_text(text)
    with pytest.raises(FileFormatError, match=rf"^models '.*own\.lib' must {says}"):
        write_spice(tmp_path / "a.sim", network(model_library(tmp_path / "own.lib")), schedule(), VACASK, TRANSISTORS)
    (tmp_path / "own.lib").write_text(f".lib fast\n{HALF}.endl\n.lib other\n.lib own.lib fast\n.endl\n")
    other = network(model_library(tmp_path / "own.lib", "other"), replace(CELL, cards=CELL.cards[:1]))
    write_spice(tmp_path / "a.sim", other, schedule(), VACASK, TRANSISTORS)
