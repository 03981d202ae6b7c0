"""The transistors of a process as a cell draws them: the files of their models, legal sizes, and cards.

Sizes are in um, as in the rules of processes. A size that a process does not draw is refused by name.
"""

from dataclasses import dataclass
from math import ceil

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.device_models import ModelDevice
from lstm_analog.network.quantities import check_fields

_CLOSE = 1e-6
"""Relative deviation up to which a size counts as one of the grid."""


def text(value: float) -> str:
    """Return `value` with ten digits, as it stands on a card."""
    return repr(float(f"{value:.10g}"))


def _on_grid(size: float, grid: float) -> bool:
    steps = size / grid
    return abs(steps - round(steps)) <= _CLOSE * steps


@checked_record
@dataclass(frozen=True, kw_only=True)
class Mos:
    """A kind of MOS transistor.

    Attributes
    ----------
    model : str
        The name of its model; one of several bins that share the name is chosen by the simulator.
    grid : float
        Widths and lengths are multiples of this (um).
    widths, lengths : tuple of two floats
        The least and the largest width and length (um). Wider transistors are drawn as equal fingers.
    diffusion : float
        Length of source and drain (um), from which their junctions follow; 0 if these are neglected.
    edges : int
        Edges of a diffusion along the gate that its perimeter counts: 1, or 2 where the model subtracts one (permod=1).
    """

    model: str
    grid: float
    widths: tuple[float, float]
    lengths: tuple[float, float]
    diffusion: float
    edges: int

    def fingers(self, width: float, length: float) -> int:
        """Return into how many equal transistors one of `width` and `length` (um) is drawn: the fewest on the grid.

        Raises `InvalidValueError` if the process has no such size.
        """
        least = max(1, ceil(width / self.widths[1] * (1.0 - _CLOSE)))
        count = next((n for n in range(least, 4 * least) if _on_grid(width / n, self.grid)), least)
        for what, size, (shortest, longest) in (
            ("width", width / count, self.widths),
            ("length", length, self.lengths),
        ):
            if not (shortest <= size <= longest and _on_grid(size, self.grid)):
                must = f"be {shortest:g} to {longest:g} um in steps of {self.grid:g}"
                do = "choose a size that the process draws"
                raise InvalidValueError(explain(f"{what} of {self.model}", must=must, got=f"{size:.6g}", do=do))
        return count

    def card(self, name: str, nodes: str, width: float, length: float, diffusion: float = 0.0) -> str:
        """Return the card `name` of a transistor of `width` and `length` (um) at the `nodes` drain, gate, source, bulk.

        Its source and drain are `diffusion` (um) long if that is more than is usual for the process.
        """
        return self.array(name, nodes, width, length, self.fingers(width, length), diffusion)

    def array(self, name: str, nodes: str, width: float, length: float, count: int, diffusion: float = 0.0) -> str:
        """Return the card `name` of `count` transistors in parallel of `width` and `length` (um) in all, at `nodes`.

        `diffusion` is as in `card`.
        """
        each = width / count
        self.fingers(each, length)
        words = [f"m{name} {nodes} {self.model} w={each:.6g}u l={length:g}u"]
        longer = max(diffusion, self.diffusion)
        if longer:
            area, around = f"{each * longer:.6g}p", f"{self.edges * each + 2.0 * longer:.6g}u"
            words.append(f"ad={area} as={area} pd={around} ps={around}")
        return " ".join([*words, *([f"m={count}"] if count > 1 else [])])


@checked_record
@dataclass(frozen=True, kw_only=True)
class Bipolar:
    """A kind of bipolar transistor.

    Attributes
    ----------
    model : str
        The name of its model, or of the subcircuit that the files of models define for it.
    terminals : tuple of str
        The terminals c, b, e, s of that subcircuit in their order; empty if it is a model.
    emitters : float
        Emitters of the size that is drawn in a transistor of area 1; 0 if any area can be drawn.
    saturation_current : float
        Of a transistor of area 1 (A).
    """

    model: str
    terminals: tuple[str, ...]
    emitters: float
    saturation_current: float

    def card(self, name: str, nodes: str, area: float) -> str:
        """Return the card `name` of a transistor of `area` at the `nodes` collector, base, emitter.

        The substrate is at vss. Raises `InvalidValueError` if it cannot be made of whole emitters.
        """
        if not self.emitters:
            return f"q{name} {nodes} {self.model} {area:.10g}"
        count = self.emitters * area
        if count < 1.0 - _CLOSE or abs(count - round(count)) > _CLOSE * count:
            must, do = f"be a multiple of {1.0 / self.emitters:g}", "it is drawn as whole emitters in parallel"
            raise InvalidValueError(explain(f"area of {name}, a {self.model}", must=must, got=f"{area:.6g}", do=do))
        many = [f"m={round(count)}"] if round(count) > 1 else []
        if not self.terminals:
            return " ".join([f"q{name} {nodes} {self.model}", *many])
        ends = dict(zip("cbes", [*nodes.split(), "vss"], strict=True))
        return " ".join([f"xq{name}", *(ends[end] for end in self.terminals), self.model, *many])


@checked_record
@dataclass(frozen=True, kw_only=True)
class MosPair:
    """Transistors of multiplying pairs: n-channel in weak inversion, each pair in a well of its own.

    Attributes
    ----------
    width, length : float
        Of one transistor (um).
    count : int
        How many of them stand in parallel where a bipolar transistor of area 1 would be; even, for there are halves.
    gate_source : float
        Voltage between gate and source (V) at the currents in use, for the headroom.
    """

    width: float
    length: float
    count: int
    gate_source: float

    def __post_init__(self) -> None:
        """Check that every size is positive and that the count has halves."""
        check_fields(self, "pair")
        if self.count < 2 or self.count % 2:
            do = "give 2, 4, ..."
            raise InvalidValueError(explain("count of a pair", must="be even, at least 2", got=self.count, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class DeviceFile:
    """A file of models of a process: its name in the folder of models.

    `mend` are a text and what replaces it in the file and all that it includes, because a simulator would stop at it;
    both empty for none.
    """

    name: str
    mend: tuple[str, str]


@checked_record
@dataclass(frozen=True, kw_only=True)
class Corner:
    """A corner of a process: its `name`, and the section of each file of models, in their order."""

    name: str
    sections: tuple[str, ...]


@checked_record
@dataclass(frozen=True, kw_only=True)
class Devices:
    """A process: its models and its transistors.

    Attributes
    ----------
    name : str
        The process.
    models : tuple of str
        Texts of models, `.model` lines.
    files : tuple of DeviceFile
        Files of models, in the order in which a simulator must read them.
    folder : str
        The folder of these files; empty to look it up in the environment `variable`, then in the installed `package`.
    variable, package : str
        The name of that variable, and of a package of Python that holds the files in its folder `models`.
    corners : tuple of Corner
        The corners of which there are models, the typical one first; none without files.
    npn, nmos, pmos : Bipolar, Mos, Mos
        The transistors.
    gate_diffusion : float
        Length of source and drain of transmission gates (um), if longer than that of other transistors.
    """

    name: str
    models: tuple[str, ...]
    files: tuple[DeviceFile, ...]
    folder: str
    variable: str
    package: str
    corners: tuple[Corner, ...]
    npn: Bipolar
    nmos: Mos
    pmos: Mos
    gate_diffusion: float

    def __post_init__(self) -> None:
        """Check that each corner names a section of every file."""
        for corner in self.corners:
            if len(corner.sections) != len(self.files):
                must, got = f"name {len(self.files)} sections, one for each file", len(corner.sections)
                raise InvalidValueError(explain(f"corner {corner.name}", must=must, got=got, do="add the missing"))

    @property
    def defined(self) -> tuple[ModelDevice, ...]:
        """The subcircuits that the files define."""
        npn = self.npn
        return (ModelDevice(name=npn.model, terminals=npn.terminals),) if npn.terminals else ()

    def corner(self, name: str) -> Corner | None:
        """Return the corner `name`, the typical one for an empty name, None if the process has no files.

        Raises `InvalidValueError` for a name that is none.
        """
        for corner in self.corners:
            if name in ("", corner.name):
                return corner
        if not name:
            return None
        known = ", ".join(corner.name for corner in self.corners) or "left out: its models are text"
        raise InvalidValueError(explain(f"corner of {self.name}", must=f"be {known}", got=name, do="choose one"))

    def pair(self, pairs: MosPair | None, name: str, nodes: str, area: float) -> str:
        """Return the card `name` of a transistor of a multiplying pair at `nodes`: collector, base, emitter.

        It is bipolar, of `area`, or as many of `pairs` as that asks for, with the bulk at their common source.
        """
        if pairs is None:
            return self.npn.card(name, nodes, area)
        count = round(area * pairs.count)
        return self.nmos.array(
            name, f"{nodes} {nodes.rsplit(maxsplit=1)[-1]}", pairs.width * count, pairs.length, count
        )


_ANY = (0.0, 1e6)

TEXTBOOK = Devices(
    name="textbook",
    models=(
        (
            ".model qn npn(is=2e-17 bf=150 nf=1 vaf=100 ikf=5m ise=0 ne=1.8 br=2 var=10 rb=150 re=3 rc=60 cje=60f "
            "vje=0.8 mje=0.35 cjc=30f vjc=0.6 mjc=0.35 cjs=60f tf=30p tr=5n xti=3 eg=1.12 xtb=1.2)"
        ),
        (
            ".model mn nmos(level=1 vto=0.7 kp=120u gamma=0.5 phi=0.7 lambda=0.03 tox=12n cgso=0.25n cgdo=0.25n "
            "cgbo=0.1n cj=0.4m mj=0.5 cjsw=0.3n mjsw=0.33 js=1e-6)"
        ),
        (
            ".model mp pmos(level=1 vto=-0.8 kp=40u gamma=0.5 phi=0.7 lambda=0.04 tox=12n cgso=0.25n cgdo=0.25n "
            "cgbo=0.1n cj=0.5m mj=0.5 cjsw=0.3n mjsw=0.33 js=1e-6)"
        ),
    ),
    files=(),
    folder="",
    variable="",
    package="",
    corners=(),
    npn=Bipolar(model="qn", terminals=(), emitters=0.0, saturation_current=2e-17),
    nmos=Mos(model="mn", grid=0.1, widths=_ANY, lengths=_ANY, diffusion=0.0, edges=1),
    pmos=Mos(model="mp", grid=0.1, widths=_ANY, lengths=_ANY, diffusion=0.0, edges=1),
    gate_diffusion=1.0,
)
"""Transistors of no foundry's process: a bipolar one, an n-channel and a p-channel one, drawn in any size."""
